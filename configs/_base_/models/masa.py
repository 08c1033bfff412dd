# Encoder, projection and head of the paper, Sec. 3 and Table S1. The configs
# that inherit set in_channels to the width of their data.
model = dict(
    type='SequenceAligner',
    data_preprocessor=dict(type='SequenceDataPreprocessor'),
    backbone=dict(
        type='ContextAwareEncoder',
        embed_dims=128,
        num_heads=8,
        layers=('self', 'cross', 'self', 'cross'),
    ),
    neck=dict(type='ProjectionNeck', in_channels=128, num_layers=4),
    head=dict(
        type='MASAHead',
        predictor=dict(
            type='ClusterPredictor', embed_dims=128, num_heads=8, num_layers=2
        ),
        matching_loss=dict(
            type='MatchingLoss', temperature=0.1, normalize_index=True
        ),
        clustering_loss=dict(type='ImplicitClusteringLoss'),
    ),
)
