# For data sets with the activity of every clip and no phases. Probes are
# fitted on the split 'train'; the other split of the loader is judged.
val_evaluator = dict(
    type='SequenceEvaluator',
    metrics=[
        dict(type='KendallsTau', stride=2),
        dict(type='ActionRecognition', num_frames=16),
        dict(type='ActivitySeparation'),
    ],
)
test_evaluator = dict(
    val_evaluator, controls=('raw', 'clock', 'position', 'raw+clock')
)
