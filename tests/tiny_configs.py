from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
# Every method's config of the synthetic data, by its path below CONFIGS.
DEMOS = sorted(
    str(path.relative_to(CONFIGS))
    for pattern in ('masa*_demo.py', 'clan_demo.py', 'baselines/*_demo.py')
    for path in CONFIGS.glob(pattern)
)
TINY = """
_base_ = '{base}'
few = dict(train=2, val=2)
train_dataloader = dict(
    batch_size=4, dataset=dict(sequences_per_activity=few)
)
val_dataloader = dict(dataset=dict(sequences_per_activity=few))
test_dataloader = dict(dataset=dict(sequences_per_activity=few))
test_evaluator = dict(
    metrics=[
        dict(type='KendallsTau', stride=8),
        dict(type='ActionRecognition', num_frames=2),
    ],
    baselines=('clock',),
)
"""


def write_configs(folder):
    """Write configs of a tiny data set, with one baseline and ablations."""
    (folder / 'baselines').mkdir(parents=True)
    (folder / 'ablations').mkdir()
    ours = folder / 'masa_tiny.py'
    ours.write_text(TINY.format(base=CONFIGS / 'masa_demo.py'))
    (folder / 'baselines' / 'pairs_tiny.py').write_text(
        "_base_ = '../masa_tiny.py'\n"
        "train_dataloader = dict(dataset=dict(partner='activity'))\n"
    )
    (folder / 'ablations' / 'no_predictor.py').write_text(
        "_base_ = '../masa_tiny.py'\nmodel = dict(head=dict(predictor=None))\n"
    )
    (folder / 'ablations' / 'other.py').write_text(
        f"_base_ = '{CONFIGS / 'masa_penn_pose2d.py'}'\n"
    )
