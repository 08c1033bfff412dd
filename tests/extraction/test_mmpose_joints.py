import pytest

from masa.datasets.skeletons import COCO_17, H36M_17
from masa.extraction.errors import ExtractionError
from masa.extraction.mmpose_estimator import check_joints

HANDS = [*COCO_17['joints'], *map(str, range(17, 133))]
HANDS[91], HANDS[112] = 'left_hand_root', 'right_hand_root'


def meta(names):
    return dict(keypoint_id2name=dict(enumerate(names)))


@pytest.mark.parametrize('target', ['body2d', 'body3d'])
def test_joints_of_coco(target):
    check_joints(meta(COCO_17['joints']), target, 'model')
    # As many, and others; others, and more.
    for names in (H36M_17['joints'], HANDS, COCO_17['joints'][:13]):
        with pytest.raises(ExtractionError, match='mine'):
            check_joints(meta(names), target, 'mine')


def test_joints_of_the_hands():
    check_joints(meta(HANDS), 'hands2d', 'model')
    for names in (COCO_17['joints'], HANDS[::-1]):
        with pytest.raises(ExtractionError, match='mine'):
            check_joints(meta(names), 'hands2d', 'mine')
