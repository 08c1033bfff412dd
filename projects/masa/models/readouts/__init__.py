from .frame_readout import FrameReadout

__all__ = ['FrameReadout']
