from .body_shape import BoneLengthNoise, ShearSkeleton
from .formatting import PackSequenceInputs
from .hide_joints import HideJoints
from .loading import LoadFrameFeatures
from .pose_prior import LinearPosePrior, PosePriorNoise
from .select_person import SelectPerson
from .skeleton import FlipSkeleton, NormalizeSkeleton
from .skeleton_noise import JointAngleNoise, TranslateSkeleton
from .smooth_noise import smooth_noise
from .temporal import DualAugmentation
from .vposer import VPoserPrior

__all__ = [
    'BoneLengthNoise',
    'DualAugmentation',
    'FlipSkeleton',
    'HideJoints',
    'JointAngleNoise',
    'LinearPosePrior',
    'LoadFrameFeatures',
    'NormalizeSkeleton',
    'PackSequenceInputs',
    'PosePriorNoise',
    'SelectPerson',
    'ShearSkeleton',
    'TranslateSkeleton',
    'VPoserPrior',
    'smooth_noise',
]
