import math

import pytest
import torch
from mmaction.structures import ActionDataSample

from masa.models import SupervisedHead
from masa.models.losses import SupervisedLoss
from masa.structures import SequenceBatch

WIDTH = 4
TOTALS = (20, 15, 12, 9, 30)
LENGTHS1, LENGTHS2 = (12, 15, 1, 7, 25), (17, 5, 8, 1, 30)
LABELS = (0, 2, 1, -1, 2)
ACTIVITIES, PHASES = 3, 4


def make_samples(labels=LABELS, unlabeled=(4,)):
    generator = torch.Generator().manual_seed(0)
    samples = []
    for row, (label, total) in enumerate(zip(labels, TOTALS, strict=True)):
        sample = ActionDataSample(
            metainfo=dict(label=label, total_frames=total, frame_dir=f's{row}')
        )
        if row not in unlabeled:
            # Some are unknown.
            sample.phase = torch.randint(
                -1, PHASES, (total,), generator=generator
            )
            sample.phase[0] = 1
        samples.append(sample)
    return samples


@pytest.fixture
def views(make_view):
    padding = float('nan')
    view1, view2 = (
        make_view(lengths, TOTALS, WIDTH, seed, 3, padding, torch.float64)
        for seed, lengths in enumerate((LENGTHS1, LENGTHS2))
    )
    # The single frame of one row has a known phase.
    view1.frame_index[2, 0] = 0
    for view in (view1, view2):
        view.frame_index[~view.mask] = 10**6
        view.values.requires_grad_()
    return view1, view2


def make_head(**options):
    torch.manual_seed(0)
    options = (
        dict(in_channels=WIDTH, num_activities=ACTIVITIES, max_phases=PHASES)
        | options
    )
    return SupervisedHead(**options).double()


def loop_frames(classifier, view, samples, row):
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
            for weights, b in zip(*classifier.parameters(), strict=True)
        ]
        yield logits, sample.label * PHASES + phase


def test_loss_and_gradient_equal_loops(views):
    head, samples = make_head(), make_samples()
    classifier = head.method_loss.classifier
    inputs = [view.values for view in views] + list(classifier.parameters())
    result = head.loss(*views, samples)
    expected, accuracies = 0.0, []
    for view in views:
        right = []
        for row in range(5):
            entropies = []
            for logits, wanted in loop_frames(classifier, view, samples, row):
                total = sum(logit.exp() for logit in logits)
                entropies.append(-(logits[wanted].exp() / total).log())
                right.append(max(logits) == logits[wanted])
            if entropies:
                mean = sum(entropies) / len(entropies)
                expected = expected + mean / 2 / 5
        accuracies.append(sum(map(float, right)) / len(right))
    torch.testing.assert_close(result['loss'], expected)
    assert result['phase_accuracy'].item() == pytest.approx(
        sum(accuracies) / 2
    )
    grads, expected_grads = (
        torch.autograd.grad(total, inputs)
        for total in (result['loss'], expected)
    )
    torch.testing.assert_close(grads, expected_grads)


def test_a_perfect_classifier(views):
    # The embedding is the frame's class itself.
    head = make_head(in_channels=ACTIVITIES * PHASES)
    classifier = head.method_loss.classifier
    classifier.weight.data = 50 * torch.eye(12, dtype=torch.float64)
    torch.nn.init.zeros_(classifier.bias)
    samples = make_samples()
    embedded = []
    for view in views:
        z = torch.zeros(*view.mask.shape, 12, dtype=torch.float64)
        for row in range(3):
            index = view.frame_index[row].clamp_max(TOTALS[row] - 1)
            phase = samples[row].phase[index].clamp_min(0)
            z[row].scatter_(1, (LABELS[row] * PHASES + phase)[:, None], 1)
        embedded.append(view._replace(values=z))
    result = head.loss(*embedded, samples)
    assert result['loss'] < 1e-9
    assert result['phase_accuracy'] == 1


def test_unknown_phases_everywhere_cost_nothing(views):
    samples = make_samples()
    for sample in samples[:4]:
        sample.phase[:] = -1
    result = make_head().loss(*views, samples)
    assert result['loss'] == 0
    assert result['phase_accuracy'] == 0
    result['loss'].backward()


def test_frames_of_unknown_class_do_not_count():
    view = SequenceBatch.from_sequences(
        [torch.zeros(3, WIDTH), torch.zeros(2, WIDTH)]
    )
    view = view._replace(labels=torch.tensor([[0, -1, 11], [-2, -1, 0]]))
    loss = SupervisedLoss(12, WIDTH)
    torch.nn.init.zeros_(loss.classifier.bias)
    expected = torch.tensor([math.log(12), 0])
    torch.testing.assert_close(loss(view, view), expected)


def test_views_have_labels(views):
    with pytest.raises(ValueError, match='labels=None'):
        SupervisedLoss(12, WIDTH)(*views)


@pytest.mark.parametrize(
    'samples', [None, [], make_samples(unlabeled=range(5))]
)
def test_without_any_phases(views, samples):
    with pytest.raises(ValueError, match=r'SupervisedHead.*phases'):
        make_head().loss(*views, samples)


def test_sequences_without_phases_are_named(views):
    samples = make_samples(unlabeled=range(5))
    with pytest.raises(ValueError, match="'s0', 's1'"):
        make_head().loss(*views, samples)


def test_labels_beyond_the_classes(views):
    with pytest.raises(ValueError, match=r'num_activities=2.*2'):
        make_head(num_activities=2).loss(*views, make_samples())
    with pytest.raises(ValueError, match=r'max_phases=3.*3'):
        make_head(max_phases=3).loss(*views, make_samples())


@pytest.mark.parametrize('name', ['num_activities', 'max_phases'])
def test_arguments_have_ranges(name):
    with pytest.raises(ValueError, match=f'{name}.*0'):
        make_head(**{name: 0})
