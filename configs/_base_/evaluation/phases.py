# The five metrics of the paper's Sec. 4.3 and what docs/evaluation.md adds.
# Probes are fitted on the split 'train'; the other split of the loader is
# judged.
val_evaluator = dict(
    type='SequenceEvaluator',
    metrics=[
        dict(type='PhaseClassification', fractions=(1.0,)),
        dict(type='KendallsTau', stride=2),
        dict(type='FrameRetrieval', k=(5,)),
        dict(type='CrossActivityRetrieval', k=(5,)),
        dict(type='ActionRecognition', num_frames=16),
    ],
)
test_evaluator = dict(
    type='SequenceEvaluator',
    metrics=[
        dict(type='PhaseClassification', fractions=(0.1, 0.5, 1.0)),
        dict(type='PhaseProgress'),
        # Every second frame, as TCC and CASA on Penn Action.
        dict(type='KendallsTau', stride=2),
        dict(type='FrameRetrieval', k=(5, 10, 15)),
        dict(type='ActionRecognition', num_frames=16),
        dict(type='CrossActivityRetrieval', k=(5,)),
        dict(type='KeyEventTransfer'),
        dict(type='ActivitySeparation'),
        dict(type='AlignmentError'),
    ],
    controls=('raw', 'clock', 'position', 'raw+clock'),
)
