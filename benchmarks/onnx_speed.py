"""Compare the speed of the exported encoder with PyTorch, on one core.

Example:
    python benchmarks/onnx_speed.py work_dirs/masa_demo
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from masa.apis.onnx_export import export_onnx
from masa.apis.trained_model import TrainedModel

REPEATS = 30


@torch.inference_mode()
def seconds(function, *args) -> float:
    """Time a call: the median of several, after a first one."""
    function(*args)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(*args)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('model', type=Path)
    parser.add_argument('--weights', type=Path)
    parser.add_argument('--lengths', type=int, nargs='+', default=[100, 1000])
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = TrainedModel(args.model, args.weights, 'cpu').network
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'model.onnx')
        export_onnx(model, path)
        session = onnxruntime.InferenceSession(str(path), options)
        for length in args.lengths:
            values = np.random.default_rng(0).normal(
                size=(1, length, model.backbone.in_channels)
            )
            values = values.astype(np.float32)
            tensor = torch.from_numpy(values)
            mask = torch.ones(1, length, dtype=torch.bool)
            reference = seconds(model.encode, tensor, mask)
            own = seconds(session.run, None, dict(values=values))
            print(
                f'{length} frames: PyTorch {1e3 * reference:.1f} ms, '
                f'ONNX {1e3 * own:.1f} ms, ratio {reference / own:.2f}'
            )


if __name__ == '__main__':
    main()
