import numpy as np
import performance
import pytest
import torch
from plain_reference import pad_batch, plain_loss


def test_lengths_are_those_of_penn_action():
    lengths = performance.penn_lengths(2150)
    assert lengths.min() == 18
    assert lengths.max() == 657
    assert np.median(lengths) == pytest.approx(57, abs=1)


def test_the_plain_loss_is_the_loss():
    views = performance.random_views([12, 7, 30], 0.75)
    ours = performance.our_loss(performance.build_model(), views)
    for length in (22, 40):
        plain = plain_loss(
            performance.build_model(),
            [pad_batch(view, length) for view in views],
        )
        torch.testing.assert_close(plain, ours, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ('section', 'sizes'),
    [
        (performance.training_step, dict(batch=2, batches=2)),
        (performance.evaluation, dict(sequences=6, subset=4)),
    ],
)
def test_sections(section, sizes, monkeypatch):
    short = [length // 6 for length in performance.LENGTHS]
    monkeypatch.setattr(performance, 'LENGTHS', short)
    # What is compared is compared for equality there.
    for name, ours, reference in section(**sizes):
        assert name
        assert ours > 0
        assert reference > 0
