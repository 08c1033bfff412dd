from setuptools import setup

# All there is to say is in pyproject.toml; MMAction2's plugins have this file.
setup()
