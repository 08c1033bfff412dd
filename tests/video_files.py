"""Videos made on the spot. Needs PyAV."""

import av
import numpy as np


def make_frames(number, height=48, width=64):
    """Frames of one gray each, ever brighter; the upper left corner white."""
    frames = np.empty((number, height, width, 3), dtype=np.uint8)
    frames[:] = np.linspace(20, 200, number)[:, None, None, None]
    frames[:, : height // 4, : width // 4] = 255
    return frames


def make_noise(number, height=48, width=64):
    """Frames that do not compress, so that a part of a file is frames."""
    rng = np.random.default_rng(0)
    shape = (number, height, width, 3)
    return rng.integers(0, 255, shape, dtype=np.uint8)


def write_video(path, frames, codec='mpeg4', rotation=None, options=None):
    # FFmpeg would take part of some names for a protocol.
    with av.open(f'file:{path}', 'w', options=options or {}) as container:
        stream = container.add_stream(codec, rate=30)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = 'yuv420p'
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for frame in frames:
            image = av.VideoFrame.from_ndarray(frame, format='rgb24')
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    return path


def write_sound(path):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('aac', rate=16000, layout='mono')
        silence = np.zeros((1, 1024), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(silence, 'fltp', 'mono')
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def cut_short(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def unusable_videos(folder):
    """Videos of which nothing can be made, and what is to be said of each."""
    (folder / 'text.mp4').write_text('no video')
    (folder / 'nothing.mp4').touch()
    with av.open(str(folder / 'header.avi'), 'w') as container:
        stream = container.add_stream('mpeg4', rate=30)
        stream.height, stream.width, stream.pix_fmt = 48, 64, 'yuv420p'
        container.start_encoding()
    cut_short(write_video(folder / 'cut.avi', make_noise(40)), 0.6)
    return {
        'text.mp4': 'is no video that can be read',
        'nothing.mp4': 'is no video that can be read',
        'header.avi': 'holds no frame',
        'cut.avi': 'cannot be decoded after frame',
    }
