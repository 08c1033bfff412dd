from ...support.lazy import lazy_names

# Inference without PyTorch needs some of them.
__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    names={
        'body_joints': ['ProjectSkeleton', 'SelectBodyJoints'],
        'body_shape': ['BoneLengthNoise', 'ShearSkeleton'],
        'formatting': ['PackSequenceInputs'],
        'hide_joints': ['HideJoints'],
        'loading': ['LoadFrameFeatures'],
        'pose_prior': ['LinearPosePrior', 'PosePriorNoise'],
        'select_person': ['SelectPerson'],
        'skeleton': ['FlipSkeleton', 'NormalizeSkeleton'],
        'skeleton_noise': ['JointAngleNoise', 'TranslateSkeleton'],
        'noise': ['smooth_noise'],
        'temporal': ['DualAugmentation'],
        'vposer': ['VPoserPrior'],
    },
)
