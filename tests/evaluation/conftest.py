import dataclasses

import numpy as np
import pytest

from masa.evaluation import SequenceCollection


def synthetic_collection(
    num_train=6, num_val=4, activities=('jump', 'throw'), width=12, seed=0
):
    """Noisy walks through each activity's phases, at varying tempo."""
    rng = np.random.default_rng(seed)
    fields = {f.name: [] for f in dataclasses.fields(SequenceCollection)}
    for label, activity in enumerate(activities):
        corners = 3 * rng.normal(size=(4, width))
        for number in range(num_train + num_val):
            length = int(rng.integers(14, 30))
            cuts = np.sort(rng.choice(np.arange(3, length - 3), 2, False))
            frames = np.arange(length)
            time = np.interp(frames, [0, *cuts, length], np.arange(4))
            embedding = np.stack(
                [np.interp(time, np.arange(4), c) for c in corners.T], axis=1
            )
            embedding += 0.5 * rng.normal(size=embedding.shape)
            fields['names'].append(f'{activity}/{number:02d}')
            fields['splits'].append('train' if number < num_train else 'val')
            fields['labels'].append(label)
            fields['activities'].append(activity)
            fields['embeddings'].append(embedding.astype(np.float32))
            fields['phases'].append(np.searchsorted(cuts, frames, 'right'))
            fields['canonical_times'].append(20 * time)
            fields['timestamps'].append(frames / 30 if number else None)
            fields['inputs'].append(
                np.tanh(embedding[:, :5]).astype(np.float32)
            )
    return SequenceCollection(**fields)


@pytest.fixture
def collection():
    return synthetic_collection()


@pytest.fixture
def make_collection():
    return synthetic_collection
