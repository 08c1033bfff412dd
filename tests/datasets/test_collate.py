import copy
import pickle
from multiprocessing import get_all_start_methods

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.dataset import pseudo_collate
from mmengine.registry import FUNCTIONS
from torch.utils.data import DataLoader

from masa.datasets import collate_joined_tensors


def sample(number):
    rng = np.random.default_rng(number)
    length = 1 + number
    view = dict(
        values=torch.from_numpy(rng.normal(size=(length, 3))).float(),
        frame_index=torch.arange(length),
        num_frames=length,
    )
    label = ActionDataSample(metainfo=dict(frame_dir=f'clip {number}'))
    label.set_gt_label(number)
    label.phase = torch.arange(length) % 2
    return dict(
        inputs=[view, dict(view, values=view['values'].half())],
        data_samples=label,
        extra=dict(array=rng.normal(size=2), scalar=torch.tensor(0.5)),
        same=view['values'],
        nothing=torch.empty(0, 4, dtype=torch.uint8),
        transposed=torch.arange(6).view(2, 3).T,
    )


SAMPLES = [sample(number) for number in range(4)]


def assert_same(found, expected):
    """Compare everything there is, types, shapes and numbers."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, torch.Tensor):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    elif isinstance(expected, ActionDataSample):
        # MMEngine keeps names in sets, whose order is the interpreter's.
        for fields in ('metainfo_items', 'items'):
            assert_same(
                dict(sorted(getattr(found, fields)())),
                dict(sorted(getattr(expected, fields)())),
            )
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


def test_is_found_by_its_name():
    assert FUNCTIONS.get('collate_for_transport') is collate_joined_tensors


def test_holds_what_pseudo_collate_does():
    assert_same(dict(collate_joined_tensors(SAMPLES)), pseudo_collate(SAMPLES))


def test_arrives_as_it_left():
    sent = collate_joined_tensors(SAMPLES)
    assert_same(pickle.loads(pickle.dumps(sent)), pseudo_collate(SAMPLES))


def test_one_tensor_that_comes_twice_stays_one():
    batch = collate_joined_tensors(SAMPLES)
    found = pickle.loads(pickle.dumps(batch))
    assert found['same'][0] is found['inputs'][0]['values'][0]


@pytest.mark.parametrize(
    'start', sorted({'fork', 'spawn'} & {*get_all_start_methods()})
)
def test_arrives_from_a_process(start):
    loader = DataLoader(
        SAMPLES,
        batch_size=2,
        num_workers=1,
        collate_fn=collate_joined_tensors,
        multiprocessing_context=start,
    )
    batches = list(loader)
    assert len(batches) == 2
    for number, batch in enumerate(batches):
        expected = pseudo_collate(SAMPLES[2 * number : 2 * number + 2])
        assert_same(batch, expected)


def test_tensors_of_one_type_share_memory_once_arrived():
    batch = collate_joined_tensors(SAMPLES)
    found = pickle.loads(pickle.dumps(batch))
    values = found['inputs'][0]['values']
    assert len({v.untyped_storage().data_ptr() for v in values}) == 1
    assert not torch.equal(values[-1], torch.zeros_like(values[-1]))
    # Parts do not overlap.
    values[0].zero_()
    assert_same(values[1], SAMPLES[1]['inputs'][0]['values'])


@pytest.mark.parametrize(
    'tensor',
    [torch.eye(3).to_sparse(), torch.ones(2, requires_grad=True)],
    ids=['sparse', 'requires_grad'],
)
def test_other_tensors_travel_as_ever(tensor):
    batch = collate_joined_tensors([dict(other=tensor, plain=torch.ones(2))])
    found = pickle.loads(pickle.dumps(batch))
    torch.testing.assert_close(found['other'][0], tensor)
    assert found['other'][0].requires_grad == tensor.requires_grad


def test_is_copied_without_being_taken_apart():
    batch = collate_joined_tensors(SAMPLES)
    copied = copy.copy(batch)
    assert type(copied) is type(batch)
    assert copied['same'][0] is batch['same'][0]
