import pytest
from mmengine.config import Config
from tiny_demo import ROOT, masa_command
from valid_annotations import make_valid

from masa import engine
from masa.datasets import (
    AnnotationError,
    check_named_splits,
    named_splits,
    save_annotations,
)

CONFIG = ROOT / 'configs' / 'masa_penn_pose2d.py'
LOADERS = ('train_dataloader', 'val_dataloader')


@pytest.fixture
def path(tmp_path):
    """An official split: no sequences for validation."""
    path = tmp_path / 'official.pkl'
    save_annotations(
        make_valid(split=dict(train=['a', 'b'], test=['c', 'd'])), path
    )
    return path


def config_of(path, val=('train', 'val'), **dataset):
    def loader(split):
        return dict(
            dataset=dict(
                type='SequenceDataset',
                ann_file=str(path),
                split=split,
                pipeline=[],
                **dataset,
            )
        )

    return Config(
        dict(
            train_dataloader=loader('train'), val_dataloader=loader(list(val))
        )
    )


def test_a_missing_split_names_file_setting_and_remedies(path):
    with pytest.raises(AnnotationError) as caught:
        check_named_splits(config_of(path), LOADERS)
    message = str(caught.value)
    for text in (
        *(str(path), "'val'", "'train', 'test'", '--no-validate'),
        'val_dataloader.dataset.split=',
    ):
        assert text in message


def test_what_is_not_needed_is_not_looked_at(path):
    config = config_of(path)
    check_named_splits(config, ('train_dataloader', 'test_dataloader'))
    config.val_dataloader = None
    check_named_splits(config, LOADERS)


def test_splits_that_are_there(path, tmp_path):
    check_named_splits(config_of(path, ['train', 'test']), LOADERS)
    check_named_splits(
        config_of(path.name, ['test'], data_root=str(tmp_path)), LOADERS
    )


def test_inside_of_another_data_set(path):
    config = config_of(path)
    config.val_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[config.val_dataloader.dataset]
    )
    with pytest.raises(
        AnnotationError, match=r'val_dataloader\.dataset\.datasets\.0\.split'
    ):
        check_named_splits(config, LOADERS)


def test_each_file_is_read_once(path, monkeypatch):
    read = []
    monkeypatch.setattr(
        named_splits,
        'load_annotations',
        lambda path: read.append(path) or dict(split=dict(train=[], val=[])),
    )
    check_named_splits(config_of(path), LOADERS)
    assert read == [path]


@pytest.mark.parametrize('name', ['train', 'test'])
def test_tools_say_so_before_anything_is_built(
    name, path, tmp_path, capsys, monkeypatch
):
    config = Config.fromfile(CONFIG)
    for loader in (*LOADERS, 'test_dataloader'):
        config[loader].dataset.ann_file = str(path)
    config.dump(tmp_path / 'penn.py')
    (tmp_path / 'any.pth').touch()
    tool = masa_command(name)
    monkeypatch.setattr(engine, 'build_runner', lambda _: pytest.fail('built'))
    arguments = [str(tmp_path / 'penn.py'), '--work-dir', str(tmp_path / 'w')]
    if name == 'test':
        arguments.insert(1, str(tmp_path / 'any.pth'))
    assert tool(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f'{"val" if name == "train" else "test"}_dataloader' in line
    assert ('--no-validate' in line) == (name == 'train')


def test_without_validation_the_tool_goes_on(path, tmp_path, monkeypatch):
    config = Config.fromfile(CONFIG)
    for loader in LOADERS:
        config[loader].dataset.ann_file = str(path)
    config.dump(tmp_path / 'penn.py')
    tool, built = masa_command('train'), []

    class Runner:
        def train(self):
            built.append(self)

    monkeypatch.setattr(engine, 'build_runner', lambda _: Runner())
    status = tool(
        [
            *(str(tmp_path / 'penn.py'), '--no-validate'),
            *('--work-dir', str(tmp_path / 'w')),
        ]
    )
    assert (status, len(built)) == (0, 1)
