import copy

import torch
from mmaction.registry import MODELS
from mmengine.model import MMDistributedDataParallel
from process_groups import run_in_processes
from training_batches import collated_batch

# Very unlike, and so the parts have very different numbers of frames.
TOTALS = (40, 31, 36, 9, 12, 6)
CONFIG = dict(
    type='SequenceAligner',
    backbone=dict(
        type='ContextAwareEncoder', in_channels=5, embed_dims=8, num_heads=2
    ),
    neck=dict(type='ProjectionNeck', in_channels=8, num_layers=3),
    head=dict(
        type='MASAHead',
        predictor=dict(type='ClusterPredictor', embed_dims=8, num_heads=2),
    ),
)


def joint_batch():
    data = collated_batch(TOTALS, 5)
    for view in data['inputs']:
        view['values'] = [frames.double() for frames in view['values']]
    return data


def part_of(data, rows):
    return dict(
        inputs=[
            {key: list(values)[rows] for key, values in view.items()}
            for view in data['inputs']
        ],
        data_samples=data['data_samples'][rows],
    )


def gradients(model, data, steps=1):
    inner = getattr(model, 'module', model)
    for _ in range(steps):
        model.zero_grad()
        inputs = inner.data_preprocessor(data, training=True)
        loss = model(**inputs, mode='loss')['loss']
        loss.backward()
    return (
        {name: p.grad for name, p in inner.named_parameters()},
        dict(inner.named_buffers()),
    )


def aligner():
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(CONFIG))
    model.init_weights()
    return model.double().train()


def test_two_processes_give_the_gradient_of_the_joint_batch(tmp_path):
    data = joint_batch()

    def share(rank):
        rows = slice(0, 3) if rank == 0 else slice(3, 6)
        model = MMDistributedDataParallel(aligner(), broadcast_buffers=False)
        # In the second step it would miss a parameter that was not used.
        return gradients(model, part_of(data, rows), steps=2)

    expected = gradients(aligner(), data, steps=2)
    parts = run_in_processes(share, tmp_path)
    for part in parts:
        torch.testing.assert_close(part, expected, rtol=1e-9, atol=1e-11)
