# Fused Gromov-Wasserstein alignment (Ali et al., ICCV 2025).
method = dict(
    # Every sequence is embedded by itself.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=None,
    head=dict(_delete_=True, type='VAOTHead'),
)
