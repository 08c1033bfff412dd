import copy

import numpy as np
import pytest

from masa.datasets.schema import check_annotations


def make(**changes):
    """Two sequences of three joints without a problem."""
    rng = np.random.default_rng(0)
    record = dict(
        frame_dir='a',
        total_frames=4,
        label=0,
        keypoint=rng.normal(size=(1, 4, 3, 2)),
        keypoint_score=np.ones((1, 4, 3)),
        phase=np.array([0, 0, 1, 1]),
        canonical_time=np.linspace(0, 1, 4),
    )
    annotations = dict(
        split=dict(train=['a'], val=['b']),
        annotations=[record, dict(copy.deepcopy(record), frame_dir='b')],
        activities=['jump', 'run'],
        phases=dict(jump=['start', 'up'], run=['start']),
        skeleton=dict(
            joints=['x', 'y', 'z'],
            bones=[[0, 1], [0, 2]],
            flip_pairs=[[1, 2]],
            root=[0, 1],
            torso=[0, [1, 2]],
        ),
    )
    annotations.update(changes)
    return annotations


def with_record(**changes):
    annotations = make()
    annotations['annotations'][1].update(changes)
    return annotations


def test_no_problems():
    assert check_annotations(make()) == []


def test_what_mmaction2_writes_has_no_problems():
    annotations = dict(
        split=dict(xsub_train=['a'], xview_train=['a']),
        annotations=[
            dict(
                frame_dir='a',
                label=3,
                img_shape=(8, 8),
                original_shape=(8, 8),
                total_frames=2,
                keypoint=np.ones((2, 2, 17, 2), dtype=np.float16),
                keypoint_score=np.ones((2, 2, 17), dtype=np.float16),
            )
        ],
    )
    assert check_annotations(annotations) == []


BODY = dict(smpl_body_pose=np.zeros((4, 63)), smpl_betas=np.zeros(10))


def test_body_model_has_no_problems():
    assert check_annotations(with_record(**BODY)) == []


@pytest.mark.parametrize(
    ('change', 'field', 'expected'),
    [
        (
            dict(smpl_body_pose=np.zeros((4, 72))),
            'smpl_body_pose',
            'shape (4, 63)',
        ),
        (
            dict(smpl_body_pose=np.zeros((3, 63))),
            'smpl_body_pose',
            'shape (4, 63)',
        ),
        (
            dict(smpl_body_pose=np.full((4, 63), np.nan)),
            'smpl_body_pose',
            'finite',
        ),
        (dict(smpl_betas=np.zeros((4, 10))), 'smpl_betas', 'shape (shapes,)'),
        (dict(smpl_betas=np.array([])), 'smpl_betas', 'shape (shapes,)'),
        (dict(smpl_betas=np.array(['x'])), 'smpl_betas', 'shape (shapes,)'),
    ],
)
def test_body_model_problem_is_found(change, field, expected):
    (problem,) = check_annotations(with_record(**(BODY | change)))
    assert (problem.record, problem.field) == ('b', field)
    assert expected in problem.expected


def test_body_pose_without_a_shape():
    (problem,) = check_annotations(
        with_record(smpl_body_pose=BODY['smpl_body_pose'])
    )
    assert (problem.record, problem.field) == ('b', 'smpl_betas')


@pytest.mark.parametrize('people', [1, 2])
def test_number_of_people_may_differ(people):
    annotations = with_record(
        keypoint=np.ones((people, 4, 3, 2)),
        keypoint_score=np.ones((people, 4, 3)),
    )
    assert check_annotations(annotations) == []


# Most problems of single fields are among those of test_malformed_files.
@pytest.mark.parametrize(
    ('changes', 'field', 'found'),
    [
        (dict(total_frames=True), 'total_frames', 'True'),
        (dict(keypoint=None), 'keypoint', 'object'),
        (dict(keypoint=np.ones((0, 4, 3, 2))), 'keypoint', '(0, 4, 3, 2)'),
        (dict(phase=0), 'phase', 'int64 of shape ()'),
        (dict(label=[0, 1]), 'label', '[0, 1]'),
    ],
)
def test_problem_is_found(changes, field, found):
    (problem,) = check_annotations(with_record(**changes))
    assert problem[:2] == ('b', field)
    assert found in problem.found
    for part in ('b', field, found):
        assert part in str(problem)


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('joints', None),
        ('joints', ['x', 'x', 'y']),
        ('bones', [[0, 3]]),
        ('bones', [[0, -1]]),
        ('bones', [[0, 1, 2]]),
        ('bones', [[1, 1]]),
        ('bones', [0, 1]),
        ('flip_pairs', [[0, 1], [1, 2]]),
        ('flip_pairs', [['x', 'y']]),
        ('root', 3),
        ('root', []),
        ('root', 0.5),
        ('torso', [0]),
        ('torso', [0, [1, 3]]),
        ('torso', 0),
    ],
)
def test_skeleton_problem_is_found(field, value):
    annotations = make()
    annotations['skeleton'][field] = value
    problems = check_annotations(annotations)
    assert len(problems) == 1
    assert problems[0].field.startswith('skeleton')


def test_skeleton_fields_are_optional():
    assert check_annotations(make(skeleton=None)) == []
    assert check_annotations(make(skeleton=dict(joints=list('xyz')))) == []


def test_joints_must_agree_where_no_skeleton_tells():
    annotations = make(skeleton=None, split=None)
    annotations['annotations'].append(
        dict(frame_dir='c', total_frames=2, keypoint=np.ones((1, 2, 5, 3)))
    )
    (problem,) = check_annotations(annotations)
    assert problem.record == 'c'
    assert problem.expected.endswith('(people, 2, 3, 2)')


def test_all_problems_are_found_at_once():
    annotations = make(activities='jump', split=dict(train=['c']))
    annotations['skeleton']['root'] = 9
    annotations['annotations'][0]['keypoint'] = np.full((1, 4, 3, 2), np.nan)
    annotations['annotations'][0]['phase'] = np.zeros(3, dtype=int)
    annotations['annotations'][1]['total_frames'] = 0
    annotations['annotations'][1]['keypoint'] = np.ones((1, 4, 2, 2))
    fields = [problem.field for problem in check_annotations(annotations)]
    assert sorted(fields) == sorted(
        [
            'activities',
            'skeleton.root',
            'keypoint',
            'phase',
            'total_frames',
            'keypoint',
            "split 'train'",
            # Of either record, which are in none.
            'split',
            'split',
        ]
    )


def test_annotations_are_not_changed():
    annotations = make()
    before = copy.deepcopy(annotations)
    check_annotations(annotations)
    np.testing.assert_equal(annotations, before)


class TestFeatureFiles:
    @pytest.fixture
    def annotations(self, tmp_path):
        annotations = make()
        for record in annotations['annotations']:
            record['feature_path'] = f'{record["frame_dir"]}.npy'
            np.save(
                tmp_path / record['feature_path'],
                np.ones((4, 8), dtype=np.float16),
            )
        return annotations

    def test_no_problems(self, annotations, tmp_path):
        assert check_annotations(annotations, str(tmp_path)) == []

    def test_files_are_opened_only_if_asked_for(self, annotations, tmp_path):
        (tmp_path / 'b.npy').unlink()
        assert check_annotations(annotations) == []
