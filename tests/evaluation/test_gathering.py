import collections

import pytest
import torch.distributed
from mmengine.registry import init_default_scope
from process_groups import run_in_processes

from masa.evaluation import SequenceEvaluator

COLLECTIVES = (
    *('all_gather', 'all_gather_object', 'all_reduce', 'barrier', 'broadcast'),
    *('broadcast_object_list', 'gather', 'gather_object', 'reduce'),
)
METRICS = [
    dict(type='KendallsTau', stride=4),
    dict(type='ActivitySeparation'),
    dict(type='AlignmentError'),
    dict(type='FrameRetrieval', k=(2,)),
]


def count_calls(counter):
    def counted(name, function):
        def call(*args, **kwargs):
            counter[name] += 1
            return function(*args, **kwargs)

        return call

    for name in COLLECTIVES:
        function = getattr(torch.distributed, name)
        setattr(torch.distributed, name, counted(name, function))


@pytest.mark.parametrize('baselines', [(), ('clock', 'position')])
def test_metrics_and_baselines_share_one_gathering(
    collection, tmp_path, baselines
):
    def count(rank, number):
        init_default_scope('mmaction')
        evaluator = SequenceEvaluator(
            METRICS[:number],
            baselines if number > 1 else (),
            collect_dir=str(tmp_path / f'parts{number}'),
        )
        mine = range(rank, len(collection), 2)
        evaluator.process(
            [
                dict(
                    frame_dir=collection.names[i],
                    split=collection.splits[i],
                    label=collection.labels[i],
                    activity=collection.activities[i],
                    embedding=collection.embeddings[i],
                    phase=collection.phases[i],
                    canonical_time=collection.canonical_times[i],
                )
                for i in mine
            ]
        )
        counter = collections.Counter()
        count_calls(counter)
        evaluator.evaluate(len(collection))
        return counter

    folders = [tmp_path / 'one', tmp_path / 'four']
    for folder in folders:
        folder.mkdir()
    (one, _), (four, _) = (
        run_in_processes(count, folder, number)
        for folder, number in zip(folders, (1, 4), strict=True)
    )
    assert 0 < sum(one.values()) < 10
    assert four == one
