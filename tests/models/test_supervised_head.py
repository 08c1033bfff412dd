import math

import pytest
import torch
from mmaction.structures import ActionDataSample

from masa.models import SupervisedHead

WIDTH = 4
TOTALS = (20, 15, 12, 9, 30)
LENGTHS1, LENGTHS2 = (12, 15, 1, 7, 25), (17, 5, 8, 1, 30)
LABELS = (0, 2, 1, -1, 2)
ACTIVITIES, PHASES = 3, 4


def make_samples(labels=LABELS, unlabelled=(4,)):
    generator = torch.Generator().manual_seed(0)
    samples = []
    for row, (label, total) in enumerate(zip(labels, TOTALS, strict=True)):
        sample = ActionDataSample(
            metainfo=dict(label=label, total_frames=total, frame_dir=f's{row}')
        )
        if row not in unlabelled:
            # Some are unknown.
            sample.phase = torch.randint(
                -1, PHASES, (total,), generator=generator
            )
            sample.phase[0] = 1
        samples.append(sample)
    return samples


def make_views(make_view, extra=3, padding=float('nan'), dtype=torch.float64):
    view1, view2 = (
        make_view(lengths, TOTALS, WIDTH, seed, extra, padding, dtype)
        for seed, lengths in enumerate((LENGTHS1, LENGTHS2))
    )
    # The single frame of one row has a known phase.
    view1.frame_index[2, 0] = 0
    for view in (view1, view2):
        view.values.requires_grad_()
    return view1, view2


def make_head(**kwargs):
    torch.manual_seed(0)
    kwargs = (
        dict(in_channels=WIDTH, num_activities=ACTIVITIES, max_phases=PHASES)
        | kwargs
    )
    return SupervisedHead(**kwargs).double()


def compute(head, view1, view2, samples):
    return head.compute_losses(
        view1.values, view2.values, view1, view2, samples
    )


def loop_frames(head, view, samples, row):
    """The logits and classes of one row's frames of known phase."""
    sample = samples[row]
    if 'phase' not in sample or sample.label < 0:
        return
    for t in range(int(view.lengths[row])):
        phase = int(sample.phase[int(view.frame_index[row, t])])
        if phase < 0:
            continue
        logits = [
            weights @ view.values[row, t] + b
            for weights, b in zip(*head.classifier.parameters(), strict=True)
        ]
        yield logits, sample.label * PHASES + phase


def test_losses_and_gradients_equal_loops(make_view):
    head, views, samples = make_head(), make_views(make_view), make_samples()
    inputs = [view.values for view in views] + list(head.parameters())
    losses, logged = compute(head, *views, samples)
    expected, accuracies = [0.0] * 5, []
    for view in views:
        right = []
        for row in range(5):
            entropies = []
            for logits, wanted in loop_frames(head, view, samples, row):
                total = sum(logit.exp() for logit in logits)
                entropies.append(-(logits[wanted].exp() / total).log())
                right.append(max(logits) == logits[wanted])
            if entropies:
                mean = sum(entropies) / len(entropies)
                expected[row] = expected[row] + mean / 2
        accuracies.append(sum(map(float, right)) / len(right))
    assert losses.tolist() == pytest.approx(list(map(float, expected)))
    assert (losses > 0).tolist() == [True, True, True, False, False]
    assert logged['phase_accuracy'].item() == pytest.approx(
        sum(accuracies) / 2
    )
    grads = torch.autograd.grad(losses.sum(), inputs)
    torch.testing.assert_close(
        grads, torch.autograd.grad(sum(expected), inputs)
    )
    for grad, view in zip(grads, views, strict=False):
        assert (grad[~view.mask] == 0).all()


def test_padding_changes_nothing(make_view):
    head, samples = make_head(), make_samples()
    losses, _ = compute(head, *make_views(make_view, 0, 0.0), samples)
    padded, _ = compute(head, *make_views(make_view, 9, 1e4), samples)
    torch.testing.assert_close(padded, losses)


def test_a_perfect_classifier(make_view):
    # The embedding is the frame's class itself.
    head = make_head(in_channels=ACTIVITIES * PHASES)
    head.classifier.weight.data = 50 * torch.eye(12, dtype=torch.float64)
    torch.nn.init.zeros_(head.classifier.bias)
    samples = make_samples()
    views = []
    for view in make_views(make_view, padding=0.0):
        z = torch.zeros(*view.mask.shape, 12, dtype=torch.float64)
        for row in range(3):
            phase = samples[row].phase[view.frame_index[row]].clamp_min(0)
            z[row].scatter_(1, (LABELS[row] * PHASES + phase)[:, None], 1)
        views.append(view._replace(values=z))
    losses, logged = compute(head, *views, samples)
    assert losses.max() < 1e-9
    assert logged['phase_accuracy'].item() == 1


def test_unknown_phases_everywhere_cost_nothing(make_view):
    samples = make_samples()
    for sample in samples[:4]:
        sample.phase[:] = -1
    losses, logged = compute(make_head(), *make_views(make_view), samples)
    assert losses.tolist() == [0] * 5
    assert logged['phase_accuracy'].item() == 0
    losses.sum().backward()


def test_half_precision(make_view):
    views = make_views(make_view, dtype=torch.float32)
    head, samples = make_head().float(), make_samples()
    with torch.autocast('cpu', torch.bfloat16):
        losses, _ = compute(head, *views, samples)
    assert losses.dtype == torch.float32
    losses.sum().backward()
    assert views[0].values.grad.isfinite().all()
    exact, _ = compute(head, *views, samples)
    torch.testing.assert_close(losses, exact, rtol=0.02, atol=0.01)


def test_loss_of_the_base_is_finite(make_view):
    view1, view2 = make_views(make_view)
    head = make_head()
    result = head.loss(
        view1.values, view2.values, view1, view2, make_samples()
    )
    assert set(result) == {'loss', 'phase_accuracy', 'embedding_std'}
    assert all(value.isfinite() for value in result.values())
    with torch.no_grad():
        head.classifier.weight.zero_()
        head.classifier.bias.zero_()
    losses, _ = compute(head, view1, view2, make_samples())
    assert losses[:3].tolist() == pytest.approx([math.log(12)] * 3)


@pytest.mark.parametrize(
    'samples', [None, [], make_samples(unlabelled=range(5))]
)
def test_without_any_phases(make_view, samples):
    with pytest.raises(ValueError, match='is expected to get phases'):
        compute(make_head(), *make_views(make_view), samples)


def test_sequences_without_phases_are_named(make_view):
    samples = make_samples(unlabelled=range(5))
    with pytest.raises(ValueError, match="'s0', 's1'"):
        compute(make_head(), *make_views(make_view), samples)


def test_labels_beyond_the_classes(make_view):
    views = make_views(make_view)
    with pytest.raises(ValueError, match='num_activities=2, but got 2'):
        compute(make_head(num_activities=2), *views, make_samples())
    with pytest.raises(ValueError, match='max_phases=3, but got 3'):
        compute(make_head(max_phases=3), *views, make_samples())


@pytest.mark.parametrize('name', ['num_activities', 'max_phases'])
def test_wrong_arguments_are_told(name):
    with pytest.raises(ValueError, match=f'{name}.*got 0'):
        make_head(**{name: 0})
