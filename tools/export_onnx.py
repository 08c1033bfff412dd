"""Export the encoder of a trained model to ONNX."""

import argparse
import sys
from pathlib import Path

from masa.commands.options import add_options, check_output
from masa.support.command_line import end_with_status


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} The file takes sequences of any length; it is '
        'compared with the model on random ones. Exits with 1 if they '
        'differ, with 2 if it could not be made.',
        epilog='Example: python tools/export_onnx.py work_dirs/masa_demo '
        'masa_demo.onnx',
    )
    parser.add_argument(
        'model', type=Path, help='work directory of a training, or a config'
    )
    parser.add_argument('output', type=Path, help='FILE.onnx')
    add_options(parser, 'weights', 'unsafe-load', 'overwrite')
    args = parser.parse_args(argv)
    check_output(parser, args.output, ['.onnx'], args.overwrite)
    return args


def main(argv=None) -> int:
    """Export and compare."""
    args = parse_args(argv)
    return end_with_status(lambda: _export(args), (ImportError, ValueError))


def _export(args: argparse.Namespace) -> int:
    # PyTorch takes seconds to import, and the help does not need it.
    from masa.apis.onnx_export import (
        TOLERANCE,
        compare_with_onnx,
        describe_model,
        export_onnx,
    )
    from masa.apis.trained_model import TrainedModel

    model = TrainedModel(
        args.model, args.weights, 'cpu', unsafe_load=args.unsafe_load
    )
    export_onnx(model.network, args.output, describe_model(model))
    difference = compare_with_onnx(model.network, args.output)
    size = args.output.stat().st_size / 2**20
    print(
        f'{args.output}: {size:.1f} MiB; differs from PyTorch by '
        f'{difference:.1e} standard deviations at most'
    )
    if difference > TOLERANCE:
        print(f'error: expected {TOLERANCE} at most', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
