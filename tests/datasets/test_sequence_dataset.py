import copy
import pickle

import numpy as np
import pytest
from mmaction.registry import DATASETS

from masa.datasets import (
    AnnotationError,
    SequenceDataset,
    load_annotations,
    save_annotations,
)

SKELETON = dict(joints=['x', 'y', 'z'], root=0, torso=[0, [1, 2]])


def make_annotations():
    rng = np.random.default_rng(0)
    records = [
        dict(
            frame_dir=f'{i:02d}',
            total_frames=4 + i,
            label=i % 3,
            keypoint=rng.normal(size=(1, 4 + i, 3, 2)).astype(np.float32),
            keypoint_score=np.ones((1, 4 + i, 3), dtype=np.float16),
            phase=np.arange(4 + i, dtype=np.int32) // 4,
            feature_path=f'{i:02d}.npy',
        )
        for i in range(10)
    ]
    return dict(
        # Not in the order of the records.
        split=dict(
            train=['07', '01', '04', '00', '05'],
            val=['09', '02', '03'],
            all=['02', '01', '00'],
            rest=['06', '08'],
        ),
        annotations=records,
        activities=['jump', 'run', 'walk'],
        phases={
            name: ['start', 'up', 'down', 'end']
            for name in ('jump', 'run', 'walk')
        },
        skeleton=SKELETON,
    )


@pytest.fixture(params=['.pkl', '.npz', '.json'])
def any_file(request, tmp_path):
    path = tmp_path / f'data{request.param}'
    save_annotations(make_annotations(), path)
    return str(path)


@pytest.fixture
def ann_file(tmp_path):
    return write(make_annotations(), tmp_path)


def write(annotations, folder):
    path = str(folder / 'data.pkl')
    save_annotations(annotations, path)
    return path


def ids(dataset):
    return [dataset.get_data_info(i)['frame_dir'] for i in range(len(dataset))]


def test_record_of_any_format(any_file):
    config = dict(type='SequenceDataset', ann_file=any_file, split='train')
    dataset = DATASETS.build(dict(config, pipeline=[]))
    record = dataset[0]
    expected = make_annotations()['annotations'][7]
    assert record['frame_dir'] == '07'
    assert record['split'] == 'train'
    assert record['label'] == 1
    assert record['activity'] == 'run'
    assert record['total_frames'] == 11
    assert record['skeleton'] == SKELETON
    for key, dtype in (
        ('keypoint', np.float32),
        ('keypoint_score', np.float32),
        ('phase', np.int64),
    ):
        assert record[key].dtype == dtype
        np.testing.assert_array_equal(record[key], expected[key])
    assert dataset.metainfo['activities'] == ['jump', 'run', 'walk']
    assert dataset.metainfo['phases']['jump'][1] == 'up'
    assert dataset.metainfo['skeleton'] == SKELETON


@pytest.mark.parametrize(
    ('split', 'expected', 'splits'),
    [
        ('train', '07 01 04 00 05', 'train ' * 5),
        (['train'], '07 01 04 00 05', 'train ' * 5),
        (
            ['val', 'train'],
            '09 02 03 07 01 04 00 05',
            'val ' * 3 + 'train ' * 5,
        ),
    ],
)
def test_order_is_that_of_the_split(ann_file, split, expected, splits):
    dataset = SequenceDataset(ann_file, [], split=split)
    assert ids(dataset) == expected.split()
    assert [dataset[i]['split'] for i in range(len(dataset))] == splits.split()


def test_reading_prints_nothing(ann_file, capsys):
    SequenceDataset(ann_file, [], split='train')
    captured = capsys.readouterr()
    assert captured.out + captured.err == ''


def test_no_split_takes_all_records(ann_file):
    dataset = SequenceDataset(ann_file, [])
    assert ids(dataset) == [f'{i:02d}' for i in range(10)]
    assert dataset[0]['split'] == ''


def test_activities_keep_their_labels(ann_file):
    dataset = SequenceDataset(
        ann_file, [], split='train', activities=['walk', 'run']
    )
    assert ids(dataset) == ['07', '01', '04', '05']
    assert [dataset[i]['label'] for i in range(4)] == [1, 1, 1, 2]
    names = [dataset[i]['activity'] for i in range(4)]
    assert names == ['run'] * 3 + ['walk']


@pytest.mark.parametrize(
    ('split', 'expected'),
    [
        ('train', '07 01 04'),
        ('val', ''),
        (['val', 'train'], '07 01 04'),
        (None, '01 04 07'),
    ],
)
@pytest.mark.parametrize('activities', [['run'], [1], [np.int64(1), 'run']])
def test_single_activity_by_name_or_index(
    ann_file, split, expected, activities
):
    if not expected:
        with pytest.raises(AnnotationError, match=r'data\.pkl'):
            SequenceDataset(ann_file, [], split=split, activities=activities)
        return
    dataset = SequenceDataset(
        ann_file, [], split=split, activities=activities, test_mode=True
    )
    assert ids(dataset) == expected.split()
    assert {record['label'] for record in dataset} == {1}


def test_index_needs_no_names(tmp_path):
    annotations = make_annotations()
    for key in ('activities', 'phases'):
        del annotations[key]
    path = write(annotations, tmp_path)
    dataset = SequenceDataset(path, [], activities=[2])
    assert ids(dataset) == ['02', '05', '08']
    with pytest.raises(AnnotationError, match=r"'run'.*\[0, 1, 2\]"):
        SequenceDataset(path, [], activities=['run'])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(activities=['run', 3]), r"\[3\].*\['jump'"),
        (dict(activities=[-1]), r'\[-1\]'),
        (dict(activities=[True]), r'\[True\]'),
        (dict(activities='run'), "activities.*'run'"),
        (dict(split='trian'), r"\['trian'\].*\['train', 'val', 'all'"),
        (dict(split=['train', 'test']), r"\['test'\]"),
        (dict(split=['train', 'all']), "'01'.*'train'.*'all'"),
        (dict(split=['val', 'val']), "'09'"),
        (dict(activities=['jmp']), r"\['jmp'\].*\['jump'"),
        (dict(split='all', activities=[]), r'\[\].*all'),
    ],
)
def test_wrong_choice_is_named_with_what_there_is(
    ann_file, arguments, message
):
    with pytest.raises(AnnotationError, match=message) as error:
        SequenceDataset(ann_file, [], **arguments)
    assert ann_file in str(error.value)


def test_problems_are_listed_with_the_file(tmp_path):
    annotations = make_annotations()
    annotations['annotations'][3]['keypoint'][0, 2, 1, 0] = np.nan
    annotations['annotations'][4]['label'] = 5
    path = write(annotations, tmp_path)
    with pytest.raises(AnnotationError) as error:
        SequenceDataset(path, [], split='val')
    for words in (path, "'03', keypoint", "'04', label"):
        assert words in str(error.value)


def test_long_lists_of_problems_are_cut(tmp_path):
    annotations = make_annotations()
    for record in annotations['annotations']:
        record.update(total_frames=0, phase=np.zeros(99))
    path = write(annotations, tmp_path)
    with pytest.raises(AnnotationError, match='10 more') as error:
        SequenceDataset(path, [])
    assert '20 problems' in str(error.value)


def test_ordinary_mmaction2_file(tmp_path):
    annotations = dict(
        split=dict(xsub_train=['s1', 's3'], xsub_val=['s0', 's2']),
        annotations=[
            dict(
                frame_dir=f's{i}',
                label=i,
                img_shape=(1080, 1920),
                original_shape=(1080, 1920),
                total_frames=5,
                keypoint=np.full((2, 5, 17, 2), i + 1, dtype=np.float16),
                keypoint_score=np.ones((2, 5, 17), dtype=np.float16),
            )
            for i in range(4)
        ],
    )
    path = tmp_path / 'ntu.pkl'
    path.write_bytes(pickle.dumps(annotations))
    dataset = SequenceDataset(str(path), [], split='xsub_train')
    record = dataset[1]
    assert record['frame_dir'] == 's3'
    assert record['activity'] == ''
    assert 'phase' not in record
    assert record['img_shape'] == (1080, 1920)
    assert record['skeleton'] is None
    assert record['keypoint'].dtype == np.float32


def test_metainfo_gives_what_a_file_lacks(tmp_path):
    annotations = make_annotations()
    for key in ('activities', 'phases', 'skeleton'):
        del annotations[key]
    path = write(annotations, tmp_path)
    dataset = SequenceDataset(
        path,
        [],
        activities=['b'],
        metainfo=dict(activities=['a', 'b', 'c'], skeleton=SKELETON),
    )
    assert ids(dataset) == ['01', '04', '07']
    assert dataset[0]['activity'] == 'b'
    assert dataset[0]['skeleton'] == SKELETON
    with pytest.raises(AnnotationError, match='label'):
        SequenceDataset(path, [], metainfo=dict(activities=['a']))


@pytest.mark.parametrize('label', [None, np.int64(-1)])
def test_sequence_without_a_label(label, tmp_path):
    annotations = make_annotations()
    for record in annotations['annotations']:
        record['label'] = label
    path = write(annotations, tmp_path)
    dataset = SequenceDataset(path, [dict(type='PackSequenceInputs')])
    record = dataset.get_data_info(0)
    assert record['label'] == -1
    assert record['activity'] == ''
    sample = dataset[0]['data_samples']
    assert sample.label == -1
    assert 'gt_label' not in sample


@pytest.mark.parametrize('names', [True, False])
def test_unlabeled_sequences_are_of_no_activity(names, tmp_path):
    annotations = make_annotations()
    if not names:
        del annotations['activities'], annotations['phases']
    for record in annotations['annotations'][:2]:
        record['label'] = -1
    path = write(annotations, tmp_path)
    dataset = SequenceDataset(path, [], activities=[0, 1])
    assert ids(dataset) == ['03', '04', '06', '07', '09']
    with pytest.raises(AnnotationError, match=r'\[-1\]'):
        SequenceDataset(path, [], activities=[-1])


def test_malicious_file_is_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (tmp_path / 'mark').touch, ()

    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(dict(annotations=[Payload()])))
    with pytest.raises(AnnotationError, match=path.name):
        SequenceDataset(str(path), [])
    assert not (tmp_path / 'mark').exists()


def test_paths_are_joined(ann_file, tmp_path):
    dataset = SequenceDataset(
        'data.pkl',
        [],
        split='val',
        data_root=str(tmp_path),
        data_prefix=dict(feature='features'),
    )
    assert dataset[0]['feature_path'] == str(tmp_path / 'features' / '09.npy')
    dataset = SequenceDataset(ann_file, [], split='val')
    assert dataset[0]['feature_path'] == '09.npy'


@pytest.mark.parametrize('serialize', [True, False])
def test_lengths_follow_the_subset(ann_file, serialize):
    dataset = SequenceDataset(
        ann_file, [], split='train', serialize_data=serialize
    )
    assert dataset.lengths.tolist() == [11, 5, 8, 4, 9]
    assert dataset.lengths.dtype == np.int64
    assert dataset.get_subset([2, 0]).lengths.tolist() == [8, 11]
    dataset.get_subset_(-2)
    assert dataset.lengths.tolist() == [4, 9]


@pytest.mark.parametrize(
    ('indices', 'expected'),
    [(2, '07 01'), (-2, '00 05'), ([3, 1], '00 01')],
)
def test_indices(ann_file, indices, expected):
    dataset = SequenceDataset(ann_file, [], split='train', indices=indices)
    assert ids(dataset) == expected.split()


def test_lazy_init(ann_file):
    dataset = SequenceDataset(ann_file, [], split='val', lazy_init=True)
    assert dataset.lengths.tolist() == [13, 6, 7]


def test_record_knows_its_index(ann_file):
    dataset = SequenceDataset(ann_file, [], split='train')
    record = dataset.get_data_info(4)
    assert record['sample_idx'] == 4
    assert record['frame_dir'] == '05'


def test_draws_are_keyed_by_the_sample(ann_file):
    def draw(results):
        return results['rng'].random()

    one = SequenceDataset(ann_file, [draw], split='train')
    other = SequenceDataset(ann_file, [draw], split='train')
    for dataset in (one, other):
        dataset.set_random_key(seed=3, epoch=1)
    draws = [one[i] for i in range(len(one))]
    assert [other[i] for i in reversed(range(len(one)))] == draws[::-1]
    assert len(set(draws)) == len(draws)
    other.set_random_key(seed=3, epoch=2)
    assert other[0] != draws[0]


def test_pipeline_cannot_change_the_data(ann_file):
    def spoil(results):
        results['keypoint'] *= 0
        return results

    dataset = SequenceDataset(ann_file, [spoil], split='train')
    before = copy.deepcopy(dataset.get_data_info(0)['keypoint'])
    dataset[0]
    np.testing.assert_array_equal(dataset.get_data_info(0)['keypoint'], before)


def test_file_is_left_as_it_is(ann_file):
    before = load_annotations(ann_file)
    SequenceDataset(ann_file, [], split='train')
    np.testing.assert_equal(load_annotations(ann_file), before)


def with_partners(ann_file, **kwargs):
    pipeline = [dict(type='DualAugmentation'), dict(type='PackSequenceInputs')]
    dataset = SequenceDataset(ann_file, pipeline, partner='activity', **kwargs)
    dataset.set_random_key(0, 0)
    return dataset


def test_a_partner_is_another_sequence_of_the_activity(ann_file):
    dataset = with_partners(ann_file)
    records = {
        f'{i:02d}': r for i, r in enumerate(make_annotations()['annotations'])
    }
    seen = set()
    for epoch in range(20):
        dataset.set_random_key(0, epoch)
        sample = dataset[4]
        first, second = sample['inputs']
        partner = records[sample['data_samples'].partner]
        assert sample['data_samples'].frame_dir == '04'
        assert partner['label'] == 1
        assert partner['frame_dir'] != '04'
        seen.add(partner['frame_dir'])
        for view, record in ((first, records['04']), (second, partner)):
            assert view['num_frames'] == record['total_frames']
            index = view['frame_index'].numpy()
            np.testing.assert_array_equal(
                view['values'].numpy(),
                record['keypoint'][0, index].reshape(len(index), -1),
            )
    assert seen == {'01', '07'}


def test_partners_are_keyed(ann_file):
    def views(epoch):
        dataset = with_partners(ann_file)
        dataset.set_random_key(3, epoch)
        return [
            view['frame_index'].tolist()
            for i in range(len(dataset))
            for view in dataset[i]['inputs']
        ]

    assert views(1) == views(1) != views(2)


def test_partners_of_a_subset_are_of_the_subset(ann_file):
    dataset = with_partners(ann_file)
    assert dataset[0]['data_samples'].partner in {'03', '06', '09'}
    part = dataset.get_subset([0, 9, 1, 4])
    part.set_random_key(0, 0)
    assert part[0]['data_samples'].partner == '09'
    assert part[2]['data_samples'].partner == '04'


def test_a_sequence_without_partner_is_told(ann_file):
    with pytest.raises(AnnotationError, match=r"'00'.*'train'"):
        with_partners(ann_file, split='train')
    annotations = make_annotations()
    del annotations['annotations'][8]['label']
    save_annotations(annotations, ann_file)
    with pytest.raises(AnnotationError, match="'08'"):
        with_partners(ann_file)


def test_partners_are_for_training_and_of_a_known_kind(ann_file):
    with pytest.raises(ValueError, match=r"partner.*'phase'"):
        SequenceDataset(ann_file, pipeline=[], partner='phase')
    with pytest.raises(ValueError, match='partner'):
        with_partners(ann_file, test_mode=True)
