import os

from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError

from .finding import ConfigError, Finding

SUFFIXES = ('.py', '.yml', '.yaml', '.json')


def read_config(path: str | os.PathLike) -> Config:
    """Read a config file.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        Config: The config, with what it inherits.

    Raises:
        ConfigError: If there is no such file, it is none of a config, or it
            or a file that it inherits from cannot be read.
    """
    path = os.fspath(path)
    if not os.path.isfile(path) or not path.endswith(SUFFIXES):
        reason = 'it is a folder' if os.path.isdir(path) else 'no such file'
        if os.path.isfile(path):
            reason = f'a config file ends in {", ".join(SUFFIXES)}'
        raise ConfigError(path, [Finding('the config', reason)])
    try:
        return Config.fromfile(path)
    except (OSError, SyntaxError, ConfigParsingError, KeyError) as error:
        reason = f'cannot be read: {type(error).__name__}: {error}'
        finding = Finding('the config', ' '.join(reason.split()))
        raise ConfigError(path, [finding]) from error
