import pytest
from tiny_configs import write_configs


@pytest.fixture
def configs(tmp_path):
    folder = tmp_path / 'configs'
    write_configs(folder)
    return folder
