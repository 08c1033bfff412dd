from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
SOURCE = 'projects/masa'


def requirements(name: str) -> list[str]:
    """Read a file of the folder requirements, comments left out."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


setup(
    name='masa-mmaction2',
    version='0.1.0',
    description='Label-free alignment of sequences of many activities: a '
    'plugin for MMAction2',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    package_dir={'masa': SOURCE},
    packages=['masa', *(f'masa.{name}' for name in find_packages(SOURCE))],
    install_requires=requirements('runtime'),
    extras_require={
        # Left out by whoever has the full mmcv.
        'lite': requirements('lite'),
        'features': requirements('features'),
        'skeletons': requirements('skeletons'),
        'mediapipe': requirements('mediapipe'),
        'mediapipe-tasks': requirements('mediapipe-tasks'),
        'onnx': requirements('onnx'),
        'index': requirements('index'),
        'tests': requirements('tests'),
    },
)
