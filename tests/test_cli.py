import warnings
from pathlib import Path

import pytest
import yaml
from mmengine.config import Config

import masa
from masa import cli
from masa.apis import model_files
from masa.commands import configs, doctor
from masa.support.command_line import end_with_status
from masa.support.shipped_configs import CONFIGS, config_names

ROOT = Path(__file__).resolve().parents[1]


def test_configs_are_listed_and_found(capsys):
    assert cli.main(['configs']) == 0
    listed = capsys.readouterr().out.split()
    assert listed == config_names()
    assert {'masa_demo', 'clan_videos', 'baselines/tcc_demo'} <= set(listed)
    assert not any(name.startswith('_') for name in listed)
    assert cli.main(['configs', 'baselines/tcc_demo']) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == ROOT / 'configs' / 'baselines' / 'tcc_demo.py'
    assert cli.main(['configs', 'masa_dem']) == 2
    assert 'masa_demo' in capsys.readouterr().err


def test_a_name_without_a_path_is_a_shipped_config(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (path,) = masa.config_paths('masa_demo')
    assert cli.parse_args(['train', 'masa_demo']).config == path
    # What is there goes first.
    Path('masa_demo').mkdir()
    assert cli.parse_args(['train', 'masa_demo']).config == 'masa_demo'
    with pytest.raises(SystemExit):
        cli.parse_args(['train', 'masa_dem'])
    assert 'masa_demo' in capsys.readouterr().err


def test_a_config_anywhere_inherits_from_shipped_ones(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(
        "_base_ = __import__('masa').config_paths(\n"
        "    '_base_/masa', '_base_/datasets/skeleton', "
        "'_base_/methods/clan'\n)\n"
        'model = _base_.method\n'
        'model.backbone.in_channels = 34\n'
    )
    config = Config.fromfile(path)
    assert config.model.backbone.in_channels == 34
    assert config.model.head.type == 'CLANHead'
    path.write_text("_base_ = __import__('masa').config_paths('none')")
    with pytest.raises(FileNotFoundError, match='none'):
        Config.fromfile(path)


def test_the_metafile_names_every_recipe():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert index == dict(Import=['configs/metafile.yml'])
    meta = yaml.safe_load((ROOT / 'configs' / 'metafile.yml').read_text())
    collections = {one['Name'] for one in meta['Collections']}
    found = {model['Config'] for model in meta['Models']}
    assert found == {f'configs/{path.name}' for path in CONFIGS.glob('*.py')}
    for model in meta['Models']:
        assert model['In Collection'] in collections
    for collection in meta['Collections']:
        assert (ROOT / collection['README']).is_file()


def test_what_is_not_installed_is_told_in_a_line(monkeypatch, capsys):
    def run(args):
        raise ModuleNotFoundError('no torch', name='torch.nn')

    monkeypatch.setattr('masa.commands.train.run', run)
    assert cli.main(['train', 'masa_demo']) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert 'torch' in line
    assert 'masa doctor' in line
    assert '[train]' in line

    def run_defect(args):
        raise ModuleNotFoundError('a defect', name='masa.nothing')

    monkeypatch.setattr('masa.commands.train.run', run_defect)
    with pytest.raises(ModuleNotFoundError):
        cli.main(['train', 'masa_demo'])


def test_a_module_that_a_command_lacks_is_not_its_error(monkeypatch, capsys):
    def run(args):
        return end_with_status(fail, (ImportError,))

    def fail():
        raise ModuleNotFoundError('no jinja2', name='jinja2')

    monkeypatch.setattr('masa.commands.report.run', run)
    assert cli.main(['report', 'work_dirs/mine']) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert 'jinja2' in line
    assert '[train]' in line


VERSIONS = {
    'torch': '2.5',
    'numpy': '1.20',
    'mmcv': '2.1.0',
    'packaging': '24.0',
    'mmpose': '1.3.2',
}
REQUIREMENTS = [
    'torch>=2.1',
    'numpy>=1.24',
    'packaging; python_version >= "3"',
    'tomli; python_version < "3"',
    'mmcv-lite>=2.1.0,<2.2; extra == "lite"',
    'torch>=2.6; extra == "skeletons"',
    'shapely; extra == "skeletons"',
]


@pytest.fixture
def installed(monkeypatch):
    """A world of few packages."""

    def version(name):
        if name not in VERSIONS:
            raise doctor.PackageNotFoundError(name)
        return VERSIONS[name]

    class Metadata:
        def get_all(self, key):
            return ['lite', 'skeletons']

    monkeypatch.setattr(doctor, 'version', version)
    monkeypatch.setattr(doctor, 'requires', lambda name: REQUIREMENTS)
    monkeypatch.setattr(doctor, 'metadata', lambda name: Metadata())


def test_warnings_take_one_line(monkeypatch):
    shown, usual = [], warnings.formatwarning

    def run(args):
        warning = 'a.mp4 is long', UserWarning, 'a.py', 3
        shown.append(warnings.formatwarning(*warning))
        raise ModuleNotFoundError('no module', name='other')

    monkeypatch.setattr(configs, 'run', run)
    assert cli.main(['configs']) == 2
    assert shown == ['warning: a.mp4 is long\n']
    # Whoever calls it from Python keeps theirs.
    assert warnings.formatwarning is usual


def test_doctor_compares_versions(installed, tmp_path, capsys):
    base, lite, skeletons = doctor.find_parts()
    assert base == ('', ['torch 2.5', 'packaging 24.0'], ['numpy>=1.24'])
    # The full mmcv serves as well.
    assert lite == ('lite', ['mmcv 2.1.0'], [])
    assert skeletons == ('skeletons', [], ['torch>=2.6', 'shapely'])
    for name in ('whole', 'moved'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'last_checkpoint').write_text('epoch_1.pth')
    (tmp_path / 'whole' / 'epoch_1.pth').touch()
    assert cli.main(['doctor', '--models', str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "pip install 'numpy>=1.24'" in printed
    assert 'mmdet: missing' in printed
    assert str(tmp_path / 'whole') in printed
    assert str(tmp_path / 'moved') not in printed
    assert 'body13.onnx' in printed


def test_doctor_misses_the_pretrained_model(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(model_files, 'PRETRAINED', tmp_path / 'body.onnx')
    assert cli.main(['doctor', '--models', str(tmp_path)]) == 1
    assert f'missing: {tmp_path / "body.onnx"}' in capsys.readouterr().out


def test_doctor_knows_what_every_extra_is_for():
    extras = doctor.metadata(doctor.DISTRIBUTION).get_all('Provides-Extra')
    assert set(extras) <= doctor.PURPOSES.keys()


def test_embeddings_are_not_overwritten(tmp_path, capsys):
    checkpoint, dump = tmp_path / 'any.pth', tmp_path / 'e.npz'
    checkpoint.touch()
    dump.touch()
    command = ['test', 'masa_demo', str(checkpoint), '--dump', str(dump)]
    with pytest.raises(SystemExit):
        cli.parse_args(command)
    assert '--overwrite' in capsys.readouterr().err
    assert cli.parse_args([*command, '--overwrite']).dump == dump


def test_reports_are_not_overwritten(tmp_path, capsys):
    (tmp_path / 'report.html').touch()
    with pytest.raises(SystemExit):
        cli.parse_args(['report', str(tmp_path)])
    assert '--overwrite' in capsys.readouterr().err


def test_wrong_arguments_are_told_in_one_line(capsys):
    for arguments in (['align'], ['find', 'a'], ['extract', 'features']):
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        assert stopped.value.code == 2
        error = capsys.readouterr().err
        assert error.count('\n') == 1
        assert error.startswith(f'masa {arguments[0]}')
