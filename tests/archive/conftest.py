import pytest
from long_recordings import make_recording

import masa

pytest.importorskip('pymilvus', reason='needs the extra archive')
pytest.importorskip('milvus_lite', reason='Milvus Lite is not for Windows')


@pytest.fixture(scope='session')
def model():
    return masa.load(cache=None)


@pytest.fixture(scope='session')
def entries(model):
    """Of three recordings, and where the squats are in each."""
    from masa.archive import make_entry

    made = [make_recording(i, f'recording {i}') for i in range(3)]
    return [
        (make_entry(model, one | dict(activity='fitness'), f'{i}.npy'), places)
        for i, (one, places) in enumerate(made)
    ]
