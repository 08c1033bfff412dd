# H2O, all sequences and their 36 actions, 3D poses of both hands.
_base_ = 'masa_h2o_hand.py'
# Made by masa convert h2o --task actions.
ann_file = 'data/h2o_actions.pkl'
train_dataloader = dict(dataset=dict(ann_file=ann_file))
val_dataloader = dict(dataset=dict(ann_file=ann_file))
test_dataloader = dict(dataset=dict(ann_file=ann_file))
# A class is an action: activity (the object) and phase (what is done with it).
# The test split's actions are not public: the official split val is judged.
metrics = [
    dict(type='ActionRecognition', num_frames=16, classes='phase'),
    dict(type='PhaseClassification', fractions=(0.1, 0.5, 1.0)),
    dict(type='CrossActivityRetrieval', k=(5, 10, 15)),
    dict(type='ActivitySeparation'),
]
val_evaluator = dict(metrics=metrics[:1])
test_evaluator = dict(metrics=metrics)
