import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from .checks import (
    check_choice,
    check_range,
    joint_list,
    name_of,
    require_keypoint,
    require_rng,
    require_skeleton,
)
from .skeleton_axes import side_pairs, turn_each_frame, turn_upright
