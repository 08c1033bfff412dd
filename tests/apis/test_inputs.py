import re

import numpy as np
import pytest

from masa.apis.inputs import record_of_array
from masa.datasets.skeletons import COCO_17

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ('array', 'texts'),
    [
        (RANDOM.random((30, 33, 3)), ['(T, 17, 2 or 3)', '(30, 33, 3)']),
        (RANDOM.random(30), ['(T, 17, 2 or 3)', '(30,)']),
        (RANDOM.random((30, 17, 3)).astype(str), ['(T, 17, 2 or 3)', '<U']),
        (RANDOM.random((30, 51)), ['(30, 51)', '--ann-file']),
        (RANDOM.random((30, 68)), ['(30, 68)', '--ann-file']),
        (np.zeros((0, 17, 3)), ['no frames', '(0, 17, 3)']),
        (np.zeros((30, 17, 3)), ['0', '(30, 17, 3)']),
        (np.full((30, 17, 3), np.nan), ['finite']),
    ],
)
def test_array_that_is_not_what_the_model_takes(array, texts):
    with pytest.raises(ValueError, match=re.escape(texts[0])) as caught:
        record_of_array(array, 'a', 'keypoint', COCO_17)
    for text in texts:
        assert text in str(caught.value)


def test_array_of_another_width_is_not_taken_for_extracted_poses():
    with pytest.raises(ValueError, match='joints') as caught:
        record_of_array(RANDOM.random((30, 52)), 'a', 'keypoint', COCO_17)
    assert '--ann-file' not in str(caught.value)


@pytest.mark.parametrize('people', [(), (2,)])
@pytest.mark.parametrize('skeleton', [None, COCO_17])
def test_joints_become_a_record(people, skeleton):
    array = RANDOM.random((*people, 30, 17, 2))
    record = record_of_array(array, 'a', 'keypoint', skeleton)
    assert record['total_frames'] == 30
    assert record['keypoint'].shape == (*(people or (1,)), 30, 17, 2)


def test_features_become_a_record():
    array = RANDOM.random((30, 51))
    record = record_of_array(array, 'a', 'feature', None)
    assert record['total_frames'] == 30
    np.testing.assert_array_equal(record['feature'], array.astype(np.float32))
    with pytest.raises(ValueError, match='channels'):
        record_of_array(array[0], 'a', 'feature', None)
