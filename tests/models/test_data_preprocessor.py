import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from masa.models import SequenceDataPreprocessor
from masa.structures import SequenceBatch


def collated(*views, totals=(9, 5)):
    """What pseudo_collate makes of views, each a list of (T, D) tensors."""
    return dict(
        inputs=[
            dict(
                values=list(view),
                frame_index=[torch.arange(len(v)) + 1 for v in view],
                num_frames=list(totals),
            )
            for view in views
        ],
        data_samples=[
            ActionDataSample(metainfo=dict(frame_dir=f'clip{i}'))
            for i in range(len(totals))
        ],
    )


def test_views_are_padded_to_their_own_longest():
    first = torch.randn(4, 3), torch.randn(2, 3)
    second = torch.randn(1, 3), torch.randn(3, 3)
    data = collated(first, second)
    result = SequenceDataPreprocessor()(data, training=True)
    assert result['data_samples'] is not None
    for view, given, length in zip(
        result['inputs'], (first, second), (4, 3), strict=True
    ):
        assert isinstance(view, SequenceBatch)
        assert view.values.shape == (2, length, 3)
        assert view.mask.shape == view.frame_index.shape == (2, length)
        assert view.mask.dtype == torch.bool
        assert view.num_frames.tolist() == [9, 5]
        assert view.lengths.tolist() == [len(v) for v in given]
        for row, values in enumerate(given):
            n = len(values)
            assert torch.equal(view.values[row, :n], values)
            assert (view.values[row, n:] == 0).all()
            assert view.mask[row].tolist() == [True] * n + [False] * (
                length - n
            )
            assert view.frame_index[row, :n].tolist() == list(range(1, n + 1))


def test_it_is_registered_and_deterministic():
    preprocessor = MODELS.build(dict(type='SequenceDataPreprocessor'))
    data = collated((torch.randn(4, 3), torch.randn(2, 3)))
    torch.testing.assert_close(
        preprocessor(data, True)['inputs'], preprocessor(data, False)['inputs']
    )


@pytest.mark.parametrize(
    ('second', 'message'),
    [
        (torch.zeros(0, 3), r"'clip1'.*one frame.*\(0, 3\)"),
        (torch.zeros(4), r"'clip1'.*\(frames, channels\).*\(4,\)"),
        (torch.zeros(4, 2), "'clip1'.*2 values.*'clip0'.*has 3"),
    ],
)
def test_errors_name_the_sequence(second, message):
    data = collated((torch.zeros(4, 3), second))
    with pytest.raises(ValueError, match=message):
        SequenceDataPreprocessor()(data)
