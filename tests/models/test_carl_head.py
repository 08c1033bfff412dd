import pytest
import torch

from masa.models import CARLHead
from masa.models.losses.sequence_contrastive import sequence_contrast

TOTALS = (20, 15, 9)
NAN = float('nan')


@pytest.fixture
def views(make_view):
    return (
        make_view((12, 15, 1), TOTALS, 6, 1, 2, NAN),
        make_view((17, 5, 8), TOTALS, 6, 2, 1, NAN),
    )


def test_loss_is_the_mean_over_sequences(views):
    view1, view2 = views
    result = CARLHead(0.3, 4.0).loss(view1.values, view2.values, view1, view2)
    expected = sequence_contrast(
        view1.values,
        view2.values,
        view1.frame_index,
        view2.frame_index,
        view1.mask,
        view2.mask,
        0.3,
        4.0,
    )
    assert expected.shape == (3,)
    torch.testing.assert_close(result['loss'], expected.mean())
    assert [key for key in result if 'loss' in key] == ['loss']


def test_half_precision_gives_a_full_loss(views):
    half = [view.values.bfloat16() for view in views]
    with torch.autocast('cpu', torch.bfloat16):
        result = CARLHead().loss(*half, *views)['loss']
    expected = CARLHead().loss(*(z.double() for z in half), *views)['loss']
    assert result.dtype == torch.float32
    torch.testing.assert_close(result.double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize('name', ['temperature', 'variance'])
@pytest.mark.parametrize('value', [0, -1.0, NAN])
def test_arguments_must_be_positive(name, value):
    with pytest.raises(ValueError, match=f'{name}.*above 0.*{value}'):
        CARLHead(**{name: value})
