from .formatting import PackSequenceInputs
from .loading import LoadFrameFeatures
from .skeleton import FlipSkeleton, NormalizeSkeleton
from .skeleton_noise import JointAngleNoise, TranslateSkeleton
from .smooth_noise import smooth_noise
from .temporal import DualAugmentation

__all__ = [
    'DualAugmentation',
    'FlipSkeleton',
    'JointAngleNoise',
    'LoadFrameFeatures',
    'NormalizeSkeleton',
    'PackSequenceInputs',
    'TranslateSkeleton',
    'smooth_noise',
]
