import copy
import sys
from pathlib import Path

import pytest
import torch
from mmaction.registry import HOOKS
from mmengine.config import Config
from mmengine.hooks import Hook
from tiny_demo import masa_command

from masa.support.config_checks import ConfigError, check_config, read_config
from masa.support.config_checks.signatures import arguments_of

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'configs'
FILES = sorted(
    path
    for folder in ('.', 'ablations', 'baselines')
    for path in (CONFIGS / folder).glob('*.py')
)
DEMO = Config.fromfile(CONFIGS / 'masa_demo.py')


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_every_shipped_config_passes(path):
    check_config(Config.fromfile(path))


def test_imports_that_register_nothing_are_the_only_finding(monkeypatch):
    # As in the process of somebody whose config lacks it.
    monkeypatch.delitem(sys.modules, 'masa.registration', raising=False)
    config = copy.deepcopy(DEMO)
    config.model.type = 'SequenceAlligner'
    for imports in ('masa', ['masa'], ['masa', 'my_heads'], ['my_heads']):
        config.custom_imports = dict(imports=imports)
        with pytest.raises(ConfigError) as caught:
            check_config(config)
        (finding,) = caught.value.findings
        assert finding.path == 'custom_imports'
        assert 'masa.registration' in finding.message
    config.custom_imports.imports = ['masa', 'masa.registration']
    config.model.type = 'SequenceAligner'
    check_config(config)


@pytest.mark.parametrize(
    ('code', 'missing'),
    [
        (None, 'module_of_this_test'),
        ('import package_of_nobody', 'package_of_nobody'),
        ('from os import function_of_nobody', 'function_of_nobody'),
    ],
)
def test_failing_import_is_named(tmp_path, monkeypatch, code, missing):
    monkeypatch.syspath_prepend(str(tmp_path / 'modules'))
    (tmp_path / 'modules').mkdir()
    if code is not None:
        module = tmp_path / 'modules' / 'module_of_this_test.py'
        module.write_text(code)
    path = tmp_path / 'mine.py'
    path.write_text("custom_imports = dict(imports=['module_of_this_test'])")
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    (finding,) = caught.value.findings
    assert finding.path == 'custom_imports'
    assert 'module_of_this_test' in finding.message
    assert missing in finding.message
    assert 'mine.py' in str(caught.value)


def test_module_beside_the_config_is_found_for_the_reader(tmp_path):
    (tmp_path / 'module_of_this_test.py').touch()
    path = tmp_path / 'mine.py'
    path.write_text("custom_imports = dict(imports=['module_of_this_test'])")
    with pytest.raises(ConfigError, match='PYTHONPATH=') as caught:
        read_config(path)
    assert str(tmp_path) in str(caught.value)


def findings(options, base=DEMO, named=()):
    config = copy.deepcopy(base)
    config.merge_from_dict(options)
    try:
        check_config(config, 'my.py', named)
    except ConfigError as error:
        return [
            line.removeprefix('my.py: ') for line in str(error).splitlines()
        ]
    return []


@pytest.mark.parametrize(
    ('option', 'value', 'nearest'),
    [
        # Types, of every registry.
        ('model.type', 'SequenceAlligner', 'SequenceAligner'),
        ('model.head.matching_loss.type', 'MatchingLos', 'MatchingLoss'),
        ('model.head.matching_loss.type', 'matchingloss', 'MatchingLoss'),
        ('model.backbone.type', 'mmaction.ResNt', 'mmaction.ResNet'),
        ('custom_hooks.0.type', 'mmengine.EMHook', 'mmengine.EMAHook'),
        ('model.type', 'mmelse.ResNet', ''),
        (
            'train_dataloader.dataset.type',
            'SyntheticSequencesDataset',
            'SyntheticSequenceDataset',
        ),
        (
            'train_dataloader.dataset.pipeline.1.type',
            'NormaliseSkeleton',
            'NormalizeSkeleton',
        ),
        (
            'train_dataloader.dataset.pipeline.2.spatial.1.type',
            'FlipSkelton',
            'FlipSkeleton',
        ),
        ('train_dataloader.sampler.type', 'DefaultSamplr', 'DefaultSampler'),
        (
            'train_dataloader.batch_sampler.type',
            'LengthBucketSampler',
            'LengthBucketBatchSampler',
        ),
        ('val_evaluator.metrics.1.type', 'KendalsTau', 'KendallsTau'),
        ('val_evaluator.type', 'SequenceEvaluater', 'SequenceEvaluator'),
        ('optim_wrapper.type', 'OptimWraper', 'OptimWrapper'),
        ('optim_wrapper.optimizer.type', 'AdamWW', 'AdamW'),
        ('param_scheduler.1.type', 'MultistepLr', 'MultiStepLR'),
        ('default_hooks.logger.type', 'LogerHook', 'LoggerHook'),
        ('custom_hooks.0.type', 'RandomKeysHook', 'RandomKeyHook'),
        ('visualizer.vis_backends.0.type', 'LocalBackend', 'LocalVisBackend'),
        ('log_processor.type', 'LogProcesor', 'LogProcessor'),
        # Arguments.
        ('model.hed.temperature', 1, 'head'),
        ('model.head.matching_loss.temprature', 1, 'temperature'),
        ('model.backbone.num_head', 1, 'num_heads'),
        ('train_dataloader.batchsize', 3, 'batch_size'),
        ('train_dataloader.dataset.splits', 'x', 'split'),
        # Through **kwargs: of BaseDataset, of MMAction2's, of our own.
        ('train_dataloader.dataset.test_mod', True, 'test_mode'),
        ('train_dataloader.dataset.activites', [], 'activities'),
        ('train_dataloader.dataset.start_indx', 1, 'start_index'),
        ('train_dataloader.dataset.pipeline.2.max_drop', 1, 'max_drop_ratio'),
        ('train_dataloader.dataset.pipeline.2.spatial.0.pro', 1, 'prob'),
        ('val_evaluator.metrics.0.fraction', 1, 'fractions'),
        ('test_evaluator.baseline', (), 'baselines'),
        ('optim_wrapper.optimizer.learning_rat', 1, ''),
        ('optim_wrapper.clip_gradd', 1, 'clip_grad'),
        ('param_scheduler.0.start_facter', 1, 'start_factor'),
        ('default_hooks.checkpoint.intervall', 1, 'interval'),
        ('custom_hooks.0.prioriti', 1, 'priority'),
        ('visualizer.nam', 'x', 'name'),
        ('log_processor.window', 1, 'window_size'),
        # Parts of the runner.
        ('train_cfg.max_epoch', 3, 'max_epochs'),
        ('val_cfg.fp_16', True, 'fp16'),
        ('default_hooks.chekpoint.interval', 1, 'checkpoint'),
        ('randomness.sed', 1, 'seed'),
        ('auto_scale_lr.enabled', True, 'enable'),
        ('env_cfg.cudnn_benchmrk', True, 'cudnn_benchmark'),
        ('env_cfg.mp_cfg.mp_start_methd', 'fork', 'mp_start_method'),
        # The top.
        ('train_dataloder.batch_size', 3, 'train_dataloader'),
        ('optim_wraper.clip_grad', None, 'optim_wrapper'),
        ('train_cgf.max_epochs', 3, 'train_cfg'),
        ('modle.type', 'x', 'model'),
        ('custom_hook', [], 'custom_hooks'),
    ],
)
def test_misspelt_name_is_found_with_the_nearest(option, value, nearest):
    (line,) = findings({option: value})
    path = line.split(': ')[0]
    assert option == path or option.startswith(f'{path}.')
    if nearest:
        assert line.endswith(f'did you mean {nearest!r}?')


def test_arguments_of_a_method_head_are_those_of_its_loss():
    tcc = Config.fromfile(CONFIGS / 'baselines' / 'tcc_demo.py')
    (line,) = findings({'model.head.temprature': 0.1}, tcc)
    assert 'temperature' in line
    assert findings({'model.head.temperature': 0.2}, tcc) == []
    extra = [dict(type='ClipContrastiveLoss', weight=0.1)]
    assert findings({'model.head.extra_losses': extra}, tcc) == []


def test_the_text_of_a_dict_is_no_dict():
    tcc = Config.fromfile(CONFIGS / 'baselines' / 'tcc_demo.py')
    text = "dict(type='ClipContrastiveLoss')"
    (line,) = findings({'model.head.extra_losses': [text]}, tcc)
    assert line.startswith('model.head.extra_losses.0: a dict is expected')
    assert '--cfg-options' in line


def test_all_are_found_at_once():
    options = {
        'model.hed': 1,
        'train_cfg.max_epoch': 3,
        'custom_hooks.0.type': 'RandomKyHook',
    }
    assert [line.split(': ')[0] for line in findings(options)] == [
        'model.hed',
        'train_cfg.max_epoch',
        'custom_hooks.0.type',
    ]


@pytest.mark.parametrize(
    'options',
    [
        # Upstream classes whose arguments go through **kwargs.
        {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.dtype': 'x'},
        {'optim_wrapper.accumulative_counts': 2},
        {'optim_wrapper.paramwise_cfg': dict(norm_decay_mult=0)},
        {'optim_wrapper.clip_grad': dict(type='value', clip_value=1)},
        {'optim_wrapper.optimizer': dict(type='SGD', lr=1, momentum=0.9)},
        {'param_scheduler.0.convert_to_iter_based': True},
        {'param_scheduler.0.verbose': True},
        {
            'param_scheduler': [
                dict(type='CosineAnnealingLR', T_max=3, eta_min_ratio=0.1)
            ]
        },
        {'train_cfg': dict(_delete_=True, by_epoch=False, max_iters=9)},
        {'train_cfg': dict(type='EpochBasedTrainLoop', max_epochs=3)},
        {'default_hooks.checkpoint.save_best': 'auto'},
        {'default_hooks.checkpoint.out_dir': 'x'},
        {'default_hooks.visualization': dict(type='VisualizationHook')},
        {'custom_hooks.0.priority': 49},
        {'custom_hooks': [dict(type='EMAHook', momentum=1e-4)]},
        {
            'custom_hooks': [
                dict(type='mmengine.EarlyStoppingHook', monitor='x')
            ]
        },
        {'train_dataloader.collate_fn': dict(type='pseudo_collate')},
        {'train_dataloader.pin_memory': True},
        {'train_dataloader.num_batch_per_epoch': 2},
        {'train_dataloader.dataset.indices': 5},
        {'train_dataloader.dataset.metainfo': dict(anything=1)},
        {'model.init_cfg': dict(type='Pretrained', checkpoint='x')},
        {'model.data_preprocessor.non_blocking': True},
        {'visualizer.vis_backends': [dict(type='TensorboardVisBackend')]},
        {'env_cfg.dist_cfg': dict(backend='gloo', timeout=3)},
        {'randomness': dict(seed=1, deterministic=True)},
        {'sync_bn': None, 'find_unused_parameters': True},
        {'val_evaluator': [dict(type='KendallsTau', stride=2)]},
        {
            'model': dict(
                _delete_=True,
                type='RecognizerGCN',
                backbone=dict(
                    type='STGCN',
                    graph_cfg=dict(layout='coco', mode='stgcn_spatial'),
                ),
                cls_head=dict(
                    type='GCNHead',
                    num_classes=60,
                    in_channels=256,
                    loss_cls=dict(type='CrossEntropyLoss', loss_weight=1.0),
                ),
            )
        },
        {
            'model': dict(
                _delete_=True,
                type='Recognizer3D',
                backbone=dict(
                    type='ResNet3dSlowOnly',
                    depth=50,
                    in_channels=17,
                    norm_cfg=dict(type='BN3d', requires_grad=True),
                    act_cfg=dict(type='ReLU', inplace=True),
                    conv_cfg=dict(type='Conv3d'),
                ),
                cls_head=dict(
                    type='I3DHead',
                    in_channels=512,
                    num_classes=60,
                    dropout_ratio=0.5,
                    average_clips='prob',
                ),
            )
        },
        {
            'train_dataloader.dataset': dict(
                _delete_=True,
                type='RepeatDataset',
                times=10,
                dataset=dict(
                    type='PoseDataset',
                    ann_file='x',
                    split='xsub_train',
                    box_thr=0.5,
                    pipeline=[
                        dict(type='UniformSampleFrames', clip_len=48),
                        dict(type='PoseDecode'),
                        dict(type='RandomResizedCrop', area_range=(0.5, 1)),
                        dict(type='DecordInit', num_threads=1, anything=3),
                        dict(type='ImgAug', transforms=[dict(type='Rotat')]),
                        dict(type='PackActionInputs'),
                    ],
                ),
            )
        },
    ],
    ids=lambda options: ' '.join(options),
)
def test_what_is_right_raises_no_alarm(options):
    assert findings(options) == []


def test_helper_of_a_config_is_no_misspelling(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(
        f"_base_ = '{CONFIGS / 'masa_demo.py'}'\n"
        'model1 = dict(in_channels=80)\n'
        'model = dict(backbone=model1)\n'
        'num_joints = 3\n'
    )
    # Used as a whole, it is found again.
    config = Config.fromfile(path)
    config.model.backbone = config.model1
    check_config(config)
    config.model1 = dict(in_channels=81)
    with pytest.raises(ConfigError, match=r"model1: .*'model'"):
        check_config(config)


@pytest.mark.parametrize(
    ('option', 'expected'),
    [
        ('train_pipeline.2.dual', "'train_pipeline'"),
        ('ann_fil', "'ann_fil'"),
        ('modl.head', "'model'"),
    ],
)
def test_options_must_reach_the_runner(option, expected):
    (line,) = findings({}, named=[option])
    assert line.startswith(option)
    assert expected in line
    assert findings({}, named=['model.head.predictor', 'work_dir']) == []


def test_class_instead_of_a_name():
    @HOOKS.register_module(force=True)
    class HookOfThisTest(Hook):
        def __init__(self, every=1):
            self.every = every

    assert (
        findings({'custom_hooks': [dict(type=HookOfThisTest, every=2)]}) == []
    )
    (line,) = findings({'custom_hooks': [dict(type=HookOfThisTest, evry=2)]})
    assert line.endswith("did you mean 'every'?")


class Base:
    def __init__(self, one, **kwargs):
        self.others = kwargs


class Closed:
    def __init__(self, two=2):
        pass


class PassesOn(Closed):
    def __init__(self, three, *args, **kwargs):
        kwargs.setdefault('four', 1)
        if kwargs.get('five'):
            kwargs.pop('six')
        super().__init__(*args, **kwargs)


class KeepsSome(Closed):
    def __init__(self, **kwargs):
        self.kept = kwargs
        super().__init__(**kwargs)


class Inherits(PassesOn):
    pass


@pytest.mark.parametrize(
    ('target', 'expected'),
    [
        (Base, None),
        (Closed, {'two'}),
        (PassesOn, {'two', 'three', 'four', 'five', 'six'}),
        (Inherits, {'two', 'three', 'four', 'five', 'six'}),
        (KeepsSome, None),
        (lambda one, *two, three=3: None, {'one', 'three'}),
        (lambda **kwargs: None, None),
        (torch.nn.Identity, None),
        (object, set()),
    ],
)
def test_arguments(target, expected):
    assert arguments_of(target) == expected


@pytest.mark.parametrize('tool', ['train', 'test'])
def test_tools_end_with_status_2_and_a_line_each(tool, tmp_path, capsys):
    main = masa_command(tool)
    checkpoint = tmp_path / 'x.pth'
    checkpoint.touch()
    config = str(CONFIGS / 'masa_demo.py')
    arguments = [config] + [str(checkpoint)] * (tool == 'test')
    with pytest.raises(SystemExit) as end:
        main(
            [
                *arguments,
                '--work-dir',
                str(tmp_path / 'work'),
                '--cfg-options',
                'model.hed.temperature=1',
                'train_cfg.max_epoch=1',
            ]
        )
    assert end.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(f'{config}: ') for line in lines] == [
        'model.hed: SequenceAligner takes no such argument; did you mean '
        "'head'?",
        'train_cfg.max_epoch: EpochBasedTrainLoop takes no such argument; '
        "did you mean 'max_epochs'?",
    ]
    assert not (tmp_path / 'work').exists()
