import pytest
from tiny_demo import masa_command, tiny_demo

# Every tool is tested on paths of this kind.
UNUSUAL = 'mit Leerzeichen Ümläuten und 字'


@pytest.fixture
def tmp_path(tmp_path):
    path = tmp_path / UNUSUAL
    path.mkdir()
    return path


@pytest.fixture(scope='session')
def tiny_config(tmp_path_factory):
    """A config of a training of seconds."""
    path = tmp_path_factory.mktemp(UNUSUAL) / 'tiny.py'
    tiny_demo().dump(path)
    return str(path)


@pytest.fixture(scope='session')
def trained(tiny_config, tmp_path_factory):
    """Its work directory, after two epochs."""
    work_dir = tmp_path_factory.mktemp(UNUSUAL)
    masa_command('train')([tiny_config, '--work-dir', str(work_dir)])
    return work_dir
