import logging
import re

import pytest
from mmaction.registry import MODELS
from mmengine.logging import MMLogger

from masa.engine import CollapseMonitorHook
from masa.models.layers import frame_directions, sequence_directions
from masa.models.losses import AlignmentLoss


@MODELS.register_module()
class AgreementLoss(AlignmentLoss):
    """Nothing but the agreement of the views, which a constant has, too."""

    log_name = 'disagreement'

    def forward(self, view1, view2):
        first, second = (
            sequence_directions(frame_directions(view.values, view.mask))
            for view in (view1, view2)
        )
        return 1 - (first * second).sum(1)


# Without BatchNorm nothing prevents the collapse of the embedding.
COLLAPSING = {
    'model.neck.batch_norm': False,
    'model.head': dict(
        _delete_=True, type='AlignmentHead', loss=dict(type='AgreementLoss')
    ),
    'optim_wrapper.optimizer.lr': 0.01,
    'train_cfg.max_epochs': 6,
    'param_scheduler': None,
}


@pytest.fixture
def warned(caplog):
    """Run a training; return the warnings and what was logged."""

    def run(runner, **options):
        runner.register_hook(CollapseMonitorHook(**options))
        logger = MMLogger.get_current_instance()
        level = logger.level
        logger.setLevel(logging.WARNING)
        logger.addHandler(caplog.handler)
        runner.train()
        logger.removeHandler(caplog.handler)
        logger.setLevel(level)
        spread, _ = runner.message_hub.get_scalar('train/embedding_std').data
        found = [
            re.search(
                r'epoch (\d+): embedding_std is ([\d.]+)', r.getMessage()
            )
            for r in caplog.records
        ]
        return [(int(m[1]), float(m[2])) for m in found if m], spread.reshape(
            -1, len(runner.train_dataloader)
        ).mean(1)

    return run


def test_a_run_that_collapses(make_runner, warned):
    found, spread = warned(make_runner(**COLLAPSING))
    assert spread[0] > 0.2
    assert spread[-1] < 0.05
    assert found == [
        (epoch, pytest.approx(mean, abs=1e-4))
        for epoch, mean in enumerate(spread, 1)
        if mean < 0.1
    ]


def test_a_run_that_does_not(make_runner, warned):
    found, spread = warned(make_runner(**{'train_cfg.max_epochs': 3}))
    assert spread.min() > 0.5
    assert found == []


def test_the_threshold_is_an_argument(make_runner, warned):
    found, _ = warned(
        make_runner(**{'train_cfg.max_epochs': 2}), threshold=0.999
    )
    assert [epoch for epoch, _ in found] == [1, 2]


def test_bad_argument():
    with pytest.raises(ValueError, match='threshold'):
        CollapseMonitorHook(0)
