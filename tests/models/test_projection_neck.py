import pytest
import torch
from torch import nn

from masa.models import ProjectionNeck

LENGTHS = (6, 1, 4)


def neck(**kwargs):
    torch.manual_seed(0)
    return ProjectionNeck(**(dict(in_channels=5) | kwargs)).double()


def reference(model, frames, training):
    """The layers over a list of existing frames, one channel at a time."""
    columns = frames
    for layer in model.projection:
        if isinstance(layer, nn.Linear):
            columns = columns @ layer.weight.T
        elif isinstance(layer, nn.BatchNorm1d):
            normalized = []
            for channel in range(columns.shape[1]):
                x = columns[:, channel]
                mean = layer.running_mean[channel]
                variance = layer.running_var[channel]
                if training:
                    mean = sum(x) / len(x)
                    variance = sum((x - mean) ** 2) / len(x)
                x = (x - mean) / (variance + layer.eps) ** 0.5
                normalized.append(
                    x * layer.weight[channel] + layer.bias[channel]
                )
            columns = torch.stack(normalized, 1)
        else:
            columns = columns.clamp_min(0)
    return columns


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('padding', [0.0, 1e4, float('nan')])
def test_statistics_are_of_the_existing_frames(make_view, training, padding):
    view = make_view(LENGTHS, LENGTHS, 5, 0, 3, padding, torch.float64)
    model = neck(hidden_channels=7, out_channels=4, num_layers=3)
    for layer in model.projection:
        if isinstance(layer, nn.BatchNorm1d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    expected = reference(model, view.values[view.mask], training)
    z = model.train(training)(view.values, view.mask)
    assert z.shape == (3, 9, 4)
    assert (z[~view.mask] == 0).all()
    torch.testing.assert_close(z[view.mask], expected)


def test_running_statistics_are_of_the_existing_frames(make_view):
    view = make_view(LENGTHS, LENGTHS, 5, 0, 3, 1e4, torch.float64)
    model = neck(num_layers=1)
    linear, norm = model.projection
    model.train()(view.values, view.mask)
    frames = view.values[view.mask] @ linear.weight.T
    torch.testing.assert_close(norm.running_mean, 0.1 * frames.mean(0))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * frames.var(0))


def test_layers_and_widths():
    model = neck(num_layers=4, hidden_channels=3, out_channels=2)
    kinds = [type(layer).__name__ for layer in model.projection]
    assert kinds == ['Linear', 'FrameBatchNorm', 'ReLU'] * 3 + [
        'Linear',
        'FrameBatchNorm',
    ]
    assert model.projection[-2].out_features == 2
    assert neck().projection[-2].out_features == 5


def test_evaluation_leaves_the_statistics_alone(make_view):
    view = make_view(LENGTHS, LENGTHS, 5, dtype=torch.float64)
    model = neck().eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model(view.values, view.mask)
    torch.testing.assert_close(dict(model.state_dict()), before)


def test_there_must_be_a_layer():
    with pytest.raises(ValueError, match=r'num_layers.*0'):
        neck(num_layers=0)


def test_without_batch_norm_frames_are_projected_one_by_one(make_view):
    view = make_view(LENGTHS, LENGTHS, 5, 0, 3, float('nan'), torch.float64)
    model = neck(num_layers=2, out_channels=4, batch_norm=False)
    kinds = [type(layer).__name__ for layer in model.projection]
    assert kinds == ['Linear', 'ReLU', 'Linear']
    first, _, second = model.projection
    z = model(view.values, view.mask)
    assert (z[~view.mask] == 0).all()
    for row, t in view.mask.nonzero().tolist():
        hidden = (first.weight @ view.values[row, t] + first.bias).clamp_min(0)
        torch.testing.assert_close(
            z[row, t], second.weight @ hidden + second.bias
        )
