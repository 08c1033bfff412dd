"""Run tools/train.py, and write down when what happened.

Example:
    python benchmarks/performance_page/training_run.py times.json 0 \
        configs/masa_demo.py --work-dir work_dirs/run
"""

import json
import sys
import time
from pathlib import Path

STAGES = [('python', time.time())]
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))

# What tools/train.py imports comes first, in its order.
from train import merge_args, parse_args  # noqa: E402, I001
from mmengine.config import Config  # noqa: E402
from mmengine.hooks import Hook  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from masa.config_checks import exit_on_wrong_config  # noqa: E402
from masa.engine import build_runner  # noqa: E402
import masa.registration  # noqa: E402, F401

STAGES.append(('imports', time.time()))


class RecordTimes(Hook):
    """Writes down the stages of the start, and every iteration's times.

    Args:
        path (str): JSON file to write.
        stop (bool): Whether to end after the first iteration.
    """

    priority = 'LOWEST'

    def __init__(self, path: str, stop: bool):
        self.path = Path(path)
        self.stop = stop

    def before_train(self, runner: Runner) -> None:
        """See the base class."""
        STAGES.append(('data sets, loaders, optimiser', time.time()))

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """See the base class."""
        if runner.iter == 0:
            STAGES.append(('first batch', time.time()))

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """See the base class."""
        if runner.iter == 0:
            STAGES.append(('first iteration', time.time()))
            if self.stop:
                self._write({})
                sys.exit()

    def after_train(self, runner: Runner) -> None:
        """See the base class."""
        self._write(
            {
                key: runner.message_hub.get_scalar(f'train/{key}')
                .data[0]
                .tolist()
                for key in ('data_time', 'time')
            }
        )

    def _write(self, iterations: dict) -> None:
        self.path.write_text(json.dumps(dict(stages=STAGES) | iterations))


def main() -> None:
    """Train."""
    path, stop, *arguments = sys.argv[1:]
    args = parse_args(arguments)
    cfg = merge_args(Config.fromfile(args.config), args)
    STAGES.append(('config', time.time()))
    exit_on_wrong_config(cfg, args.config, args.cfg_options)
    STAGES.append(('check of the config', time.time()))
    runner = build_runner(cfg)
    STAGES.append(('runner, model, report of the environment', time.time()))
    runner.register_hook(RecordTimes(path, bool(int(stop))))
    runner.train()


if __name__ == '__main__':
    main()
