"""Find checkpoints in a work directory."""

import re
from pathlib import Path

# The file that names the latest checkpoint.
LAST_CHECKPOINT = 'last_checkpoint'
_NUMBERED = re.compile(r'(?P<prefix>.*?)(?P<number>\d+)\.pth')
# File names of CheckpointHook, by epoch and by iteration.
_PREFIXES = ('epoch_', 'iter_')


def last_checkpoint(work_dir: str | Path) -> Path | None:
    """Find the checkpoint that was saved last.

    Args:
        work_dir (str or Path): Work directory; it may have been moved.

    Returns:
        Path, optional: The file named in ``last_checkpoint``, which need not
        exist. None if there is no such record.
    """
    record = Path(work_dir, LAST_CHECKPOINT)
    if not record.is_file():
        return None
    named = Path(record.read_text(encoding='utf-8', errors='replace').strip())
    if not named.name:
        return None
    # CheckpointHook may write to another folder. Otherwise the path may be
    # outdated, or relative to the directory where the training started.
    if named.is_file() and not any(Path(work_dir).glob('*.pth')):
        return named
    return Path(work_dir, named.name)


def saved_checkpoints(work_dir: str | Path) -> list[Path]:
    """List the checkpoints from which a training can be resumed.

    Args:
        work_dir (str or Path): Work directory of the training.

    Returns:
        list[Path]: The last checkpoint and those saved before it, newest
        first; without ``last_checkpoint``, all in the folder. Files with
        higher numbers than the last checkpoint belong to an earlier training.
    """
    last = last_checkpoint(work_dir)
    folder, prefixes, ceiling = Path(work_dir), _PREFIXES, float('inf')
    if last is not None:
        folder = last.parent
        match = _NUMBERED.fullmatch(last.name)
        if match is None:
            return [last]
        prefixes, ceiling = (match['prefix'],), int(match['number'])
    found = {}
    for path in folder.glob('*.pth'):
        match = _NUMBERED.fullmatch(path.name)
        if match is not None and match['prefix'] in prefixes:
            found[path] = int(match['number'])
    ordered = sorted(found, key=found.get, reverse=True)
    earlier = [path for path in ordered if found[path] < ceiling]
    return earlier if last is None else [last, *earlier]
