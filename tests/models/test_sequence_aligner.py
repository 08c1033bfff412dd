import copy

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from masa.models import SequenceDataPreprocessor

TOTALS = (14, 9, 6)
CONFIG = dict(
    type='SequenceAligner',
    backbone=dict(
        type='ContextAwareEncoder', in_channels=5, embed_dims=8, num_heads=2
    ),
    neck=dict(type='ProjectionNeck', in_channels=8),
    head=dict(
        type='MASAHead',
        predictor=dict(type='ClusterPredictor', embed_dims=8, num_heads=2),
    ),
)


def aligner(seed=0):
    torch.manual_seed(seed)
    model = MODELS.build(copy.deepcopy(CONFIG))
    model.init_weights()
    return model


@pytest.fixture
def views(make_view):
    return [
        make_view((12, 5, 6), TOTALS, 5, seed=1),
        make_view((8, 9, 3), TOTALS, 5, seed=2),
    ]


@pytest.fixture
def sequences(make_view):
    return [make_view(TOTALS, TOTALS, 5, extra=2)]


def samples():
    return [
        ActionDataSample(metainfo=dict(frame_dir=f'clip{i}', total_frames=t))
        for i, t in enumerate(TOTALS)
    ]


def test_loss_mode(views):
    model = aligner()
    result = model(views, samples(), mode='loss')
    total, logged = model.parse_losses(result)
    assert total.item() == result['loss'].item() == logged['loss'].item()
    total.backward()
    assert all(p.grad is not None for p in model.parameters())
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_tensor_mode_is_the_backbone_on_both_sides(sequences):
    model = aligner().eval()
    (view,) = sequences
    expected, _ = model.backbone(
        view.values, view.mask, view.values, view.mask
    )
    torch.testing.assert_close(model(sequences), expected)


def test_predict_mode_fills_in_the_samples(sequences):
    model = aligner().eval()
    given = samples()
    result = model(sequences, given, mode='predict')
    embeddings = model(sequences)
    assert all(a is b for a, b in zip(result, given, strict=True))
    for row, (sample, total) in enumerate(zip(result, TOTALS, strict=True)):
        assert torch.equal(sample.embedding, embeddings[row, :total])
        # Not a view, which would keep the whole batch.
        assert sample.embedding.untyped_storage().nbytes() == total * 8 * 4


def test_embedding_of_a_sequence_does_not_depend_on_its_batch(sequences):
    model = aligner().eval()
    together = model(sequences)
    for row, total in enumerate(TOTALS):
        alone = model(
            [
                sequences[0]._replace(
                    values=sequences[0].values[row : row + 1, :total],
                    mask=sequences[0].mask[row : row + 1, :total],
                )
            ]
        )
        torch.testing.assert_close(alone[0], together[row, :total])


def reading_the_neck(**options):
    torch.manual_seed(0)
    return MODELS.build(
        copy.deepcopy(
            dict(
                CONFIG,
                neck=dict(CONFIG['neck'], out_channels=6),
                head=dict(
                    CONFIG['head'],
                    predictor=dict(CONFIG['head']['predictor'], embed_dims=6),
                ),
                **options,
            )
        )
    )


def test_embeddings_of_the_neck(views, sequences):
    model = reading_the_neck(embedding='neck')
    plain = reading_the_neck()
    assert (plain.embed_dims, model.embed_dims) == (8, 6)
    plain.load_state_dict(model.state_dict())
    torch.testing.assert_close(
        model(views, mode='loss'), plain(views, mode='loss'), rtol=0, atol=0
    )
    model.eval()
    (view,) = sequences
    expected = model.neck(
        model.backbone.encode(view.values, view.mask), view.mask
    )
    found = model(sequences)
    assert found.shape == (3, 16, 6)
    assert (found[~view.mask] == 0).all()
    torch.testing.assert_close(found, expected)
    # Statistics of training, whatever else is in the batch.
    for row, total in enumerate(TOTALS):
        alone = model.encode(
            view.values[row : row + 1, :total],
            view.mask[row : row + 1, :total],
        )
        torch.testing.assert_close(alone[0], found[row, :total])
    given = model(sequences, samples(), mode='predict')
    assert [s.embedding.shape for s in given] == [(t, 6) for t in TOTALS]


def test_readout_of_the_neck(sequences):
    readout = dict(type='FrameReadout', clip=0.5)
    model = reading_the_neck(embedding='neck', readout=readout).eval()
    (view,) = sequences
    projected = model.neck(
        model.backbone.encode(view.values, view.mask), view.mask
    )
    found = model(sequences)
    assert found.shape[-1] == model.embed_dims == 12
    torch.testing.assert_close(found, model.readout(projected, view.mask))


def test_where_embeddings_cannot_be_taken_from():
    with pytest.raises(ValueError, match=r"'neck'.*'head'"):
        reading_the_neck(embedding='head')
    with pytest.raises(ValueError, match='neck=None'):
        MODELS.build(dict(CONFIG, neck=None, embedding='neck'))


def test_wrong_uses_are_told(views, sequences):
    model = aligner()
    with pytest.raises(ValueError, match=r'views.*1.*DualAugmentation'):
        model(sequences, mode='loss')
    for mode in ('tensor', 'predict'):
        with pytest.raises(ValueError, match=r'2 views.*DualAugmentation'):
            model(views, samples(), mode=mode)
    with pytest.raises(ValueError, match="'train'"):
        model(views, mode='train')


def test_preprocessor_is_given_or_the_default():
    assert isinstance(aligner().data_preprocessor, SequenceDataPreprocessor)
    model = MODELS.build(
        dict(CONFIG, data_preprocessor=dict(type='SequenceDataPreprocessor'))
    )
    assert isinstance(model.data_preprocessor, SequenceDataPreprocessor)


def train(views, seed, steps=30):
    model = aligner(seed).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    history = []
    for _ in range(steps):
        result = model(views, mode='loss')
        optimizer.zero_grad()
        result['loss'].backward()
        optimizer.step()
        history.append(result['loss'].item())
    return history, model.state_dict()


def test_training_lowers_the_loss_and_repeats_itself(views):
    history, weights = train(views, seed=0)
    assert sum(history[-5:]) < 0.5 * sum(history[:5])
    again, same = train(views, seed=0)
    assert again == history
    assert all(torch.equal(weights[key], same[key]) for key in weights)
    _, other = train(views, seed=1, steps=1)
    assert any(not torch.equal(weights[key], other[key]) for key in weights)


def test_padding_does_not_influence_the_gradient(make_view):
    def gradients(extra, padding):
        model = aligner().double()
        views = [
            make_view(lengths, TOTALS, 5, seed, more, padding, torch.float64)
            for seed, (lengths, more) in enumerate(
                zip(((12, 5, 6), (8, 9, 3)), extra, strict=True)
            )
        ]
        loss = model(views, mode='loss')['loss']
        return loss, torch.autograd.grad(loss, list(model.parameters()))

    torch.testing.assert_close(
        gradients((7, 11), float('nan')), gradients((0, 0), 0.0)
    )


def test_autocast_gives_a_finite_float32_loss(views):
    model = aligner()
    with torch.autocast('cpu', torch.bfloat16):
        loss = model(views, mode='loss')['loss']
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in model.parameters())


def taught(momentum=0.25, **options):
    torch.manual_seed(0)
    model = MODELS.build(
        copy.deepcopy(
            dict(
                CONFIG,
                teacher=dict(
                    type='ExponentialMovingAverage', momentum=momentum
                ),
                **options,
            )
        )
    )
    model.init_weights()
    return model


def test_teacher_starts_as_the_student(views):
    model = taught()
    result = model(views, mode='loss')
    plain = aligner()
    state = model.state_dict()
    plain.load_state_dict({k: state[k] for k in plain.state_dict()})
    # The two heads see the same numbers, but one side of each is a constant.
    torch.testing.assert_close(result, plain(views, mode='loss'))
    result['loss'].backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith('teacher.')


def test_loss_against_the_teacher(views):
    model = taught()
    model(views, mode='loss')
    before = {k: p.clone() for k, p in model.named_parameters()}
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.add_(0.1)
    result = model(views, mode='loss')
    for name, parameter in model.named_parameters():
        if name.startswith('teacher.module.'):
            student = name.removeprefix('teacher.module.')
            # A quarter of the way, in the backbone, to the moved student.
            moved = 0.025 if student.startswith('backbone') else 0
            torch.testing.assert_close(parameter, before[name] + moved)

    def project(parts):
        embedded = parts['backbone'](
            *(x for view in views for x in (view.values, view.mask))
        )
        return [
            view._replace(values=parts['neck'](u, view.mask))
            for u, view in zip(embedded, views, strict=True)
        ]

    student = project(dict(backbone=model.backbone, neck=model.neck))
    teacher = project(model.teacher.module)
    first, second = (
        model.head.loss(*pair)['loss']
        for pair in ((student[0], teacher[1]), (teacher[0], student[1]))
    )
    torch.testing.assert_close(result['loss'], (first + second) / 2)
    assert abs(first.item() - second.item()) > 1e-4


def test_teacher_hides_no_frames(views):
    model = taught(backbone=dict(CONFIG['backbone'], hidden_frames=0.5))
    assert model.train().backbone.training
    assert not model.teacher.module['backbone'].training
    assert model.teacher.module['neck'].training
    model(views, mode='loss')
    values = [x for view in views for x in (view.values, view.mask)]
    first, again = (
        model.teacher.module['backbone'](*values)[0] for _ in range(2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(
        model.backbone(*values)[0], model.backbone(*values)[0]
    )
    assert not any(module.training for module in model.eval().modules())


def test_teacher_without_a_neck(views):
    model = taught(neck=None)
    model(views, mode='loss')['loss'].backward()
    assert set(model.teacher.module) == {'backbone'}


def test_teacher_takes_no_part_in_inference(sequences):
    model = taught().eval()
    plain = aligner().eval()
    torch.testing.assert_close(
        model(sequences), plain(sequences), rtol=0, atol=0
    )
