import importlib.metadata

import pytest

from masa.support import versions

GOOD = dict(
    torch='2.13.0+cpu',
    numpy='2.2.1',
    mmengine='0.10.7',
    mmcv='2.1.0',
    mmaction2='1.2.0',
)


@pytest.fixture
def installed(monkeypatch):
    """The versions that are found, by name; may be changed."""
    found = dict(GOOD)

    def version(name):
        if name not in found:
            raise importlib.metadata.PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(versions, 'version', version)
    return found


def test_supported_versions_pass(installed):
    versions.check_versions()


def test_this_environment_passes():
    versions.check_versions()


@pytest.mark.parametrize(
    ('name', 'distribution'),
    [('mmcv', 'mmcv-lite'), ('mmengine', 'onedl-mmengine')],
)
def test_other_distributions_count(installed, name, distribution):
    installed[distribution] = installed.pop(name)
    versions.check_versions()
    installed[distribution] = '0.1.0'
    with pytest.raises(ImportError, match=f'{name} 0'):
        versions.check_versions()


def test_one_error_tells_of_all_problems(installed):
    installed.update(torch='1.13.1+cu117', mmcv='2.2.0', mmengine='0.11.0')
    del installed['mmaction2']
    with pytest.raises(ImportError) as caught:
        versions.check_versions()
    message = str(caught.value)
    for part in (
        'torch 1.13.1 is installed, expected 2.1.0 or newer;',
        'mmcv 2.2.0 is installed, expected 2.1.0 or newer and below 2.2.0',
        'mmengine 0.11.0 is installed',
        'mmaction2 is not installed',
        'pip install -c requirements/constraints.txt',
    ):
        assert part in message
    assert 'numpy' not in message


@pytest.mark.parametrize(
    ('name', 'version', 'right'),
    [
        ('mmcv', '2.1.0', True),
        ('mmcv', '2.0.1', False),
        ('numpy', '1.26.4', True),
        ('numpy', '3.0.0', False),
        ('torch', '2.1.0', True),
        ('torch', '99.0.0', True),
        ('mmaction2', '1.3.0', False),
    ],
)
def test_bounds(installed, name, version, right):
    installed[name] = version
    if right:
        versions.check_versions()
    else:
        with pytest.raises(ImportError, match=f'{name} {version}'):
            versions.check_versions()
