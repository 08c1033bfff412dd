# Short names of image models, and their names in timm.
ALIASES = {
    'dinov2_small': 'vit_small_patch14_dinov2',
    'dinov2_base': 'vit_base_patch14_dinov2',
    'dinov2_large': 'vit_large_patch14_dinov2',
    # 1536 channels, as in the paper (Sec. 4.2).
    'dinov2_giant': 'vit_giant_patch14_dinov2',
}
