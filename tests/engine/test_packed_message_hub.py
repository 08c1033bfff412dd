import copy
import io

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub

from masa.engine.hooks.plain_checkpoint_hook import (
    pack_message_hub,
    to_plain,
    unpack_message_hub,
)


def message_hub_state():
    hub = MessageHub('packed')
    for step in range(5):
        hub.update_scalar('train/loss', 1 / (step + 1), count=step + 1)
    hub.update_scalar('lr', 3e-3)
    hub.update_info('epoch', 4)
    hub.update_info('best', np.float64(0.5))
    hub.update_info('table', np.arange(4).reshape(2, 2))
    return hub.state_dict()


def through_a_file(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def test_message_hub_round_trip():
    state = message_hub_state()
    before = copy.deepcopy(state)
    packed = through_a_file(pack_message_hub(state))
    hub = MessageHub('restored')
    hub.load_state_dict(unpack_message_hub(packed))
    assert set(hub.log_scalars) == set(before['log_scalars'])
    for name, buffer in before['log_scalars'].items():
        restored = hub.get_scalar(name)
        assert restored.max_length == buffer.max_length
        for got, wanted in zip(restored.data, buffer.data, strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_array_equal(got, wanted)
    assert hub.get_scalar('train/loss').mean(3) == before['log_scalars'][
        'train/loss'
    ].mean(3)
    assert hub.get_info('epoch') == 4
    assert hub.get_info('best') == 0.5
    assert hub.get_info('table') == [[0, 1], [2, 3]]
    # Packing left the state as it was.
    assert isinstance(state['log_scalars']['lr'], HistoryBuffer)
    hub.update_scalar('train/loss', 0.1)
    assert len(hub.get_scalar('train/loss').data[0]) == 6


def test_a_state_that_was_not_packed_passes():
    state = message_hub_state()
    assert unpack_message_hub(state) == state


class OnDevice:
    """A tensor on an accelerator: NumPy cannot see it."""

    def __init__(self, tensor):
        self.tensor = tensor

    def numpy(self):
        raise TypeError("can't convert a tensor of this device to numpy")

    def cpu(self):
        return self.tensor


def test_histories_may_have_been_loaded_to_a_device():
    packed = pack_message_hub(message_hub_state())
    for buffer in packed['log_scalars'].values():
        for key in ('log_history', 'count_history'):
            buffer[key] = OnDevice(buffer[key])
    restored = unpack_message_hub(packed)['log_scalars']['lr']
    assert restored.data[0].tolist() == [3e-3]


def test_plain_values():
    value = dict(
        a=[np.float32(0.5), (np.arange(2), 'text')], b=None, c=np.array('x')
    )
    assert to_plain(value) == dict(a=[0.5, ([0, 1], 'text')], b=None, c='x')
    assert type(to_plain(np.int64(3))) is int
    tensor = torch.ones(2)
    assert to_plain([tensor])[0] is tensor
