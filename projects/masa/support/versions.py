"""Supported versions of upstream packages."""

from importlib.metadata import PackageNotFoundError, version

from mmengine.utils import digit_version

# The lowest version and the first one too new; reasons are in
# docs/installation.md.
SUPPORTED = {
    'torch': ('2.1.0', None),
    'numpy': ('1.24.0', '3.0.0'),
    'mmengine': ('0.10.0', '0.11.0'),
    'mmcv': ('2.1.0', '2.2.0'),
    'mmaction2': ('1.2.0', '1.3.0'),
}
# Distributions by which a package can come, if not its own name alone.
DISTRIBUTIONS = {
    'mmengine': ('mmengine', 'onedl-mmengine'),
    'mmcv': ('mmcv', 'mmcv-lite'),
}


def check_versions() -> None:
    """Check the versions of the packages that masa is built on.

    Raises:
        ImportError: If packages are missing or their versions are not
            supported. The message names all of them and how to install the
            tested set.
    """
    problems = []
    for name, (lowest, ceiling) in SUPPORTED.items():
        found = _installed_version(name)
        if found is None:
            problems.append(f'{name} is not installed')
        elif digit_version(found) < digit_version(lowest) or (
            ceiling and digit_version(found) >= digit_version(ceiling)
        ):
            below = f' and below {ceiling}' if ceiling else ''
            problems.append(
                f'{name} {found} is installed, expected {lowest} or newer'
                f'{below}'
            )
    if problems:
        raise ImportError(
            f'masa cannot work here: {"; ".join(problems)}. Install the set '
            'that is tested together, from the checkout: pip install '
            '-c requirements/constraints.txt -e .'
        )


def _installed_version(name: str) -> str | None:
    for distribution in DISTRIBUTIONS.get(name, (name,)):
        try:
            return version(distribution).split('+')[0]
        except PackageNotFoundError:
            continue
    return None
