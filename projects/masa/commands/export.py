"""Export a trained model, as ONNX or its weights as safetensors."""

import argparse
import sys
from pathlib import Path

from .options import add_options, check_output, config_file

EXPECTED = (ImportError, ValueError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa export``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} The ONNX file takes sequences of any length; it is '
        'compared with the model on random ones. A safetensors file is read '
        'wherever a checkpoint is (--weights, --load-from). Exits with 1 if '
        'the ONNX file differs, with 2 if a file could not be made.'
    )
    parser.epilog = 'Example: masa export work_dirs/masa_demo masa_demo.onnx'
    parser.add_argument(
        'model',
        type=config_file,
        help='work directory of a training, or a config (--weights)',
    )
    parser.add_argument(
        'outputs',
        nargs='+',
        type=Path,
        metavar='OUTPUT',
        help='FILE.onnx or FILE.safetensors',
    )
    add_options(parser, 'weights', 'unsafe-load', 'overwrite')


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    for path in args.outputs:
        check_output(parser, path, ['.onnx', '.safetensors'], args.overwrite)


def run(args: argparse.Namespace) -> int:
    """Export, and compare what is ONNX.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # PyTorch takes seconds to import, and the help does not need it.
    from ..apis.onnx_export import (
        TOLERANCE,
        compare_with_onnx,
        describe_model,
        export_onnx,
    )
    from ..apis.trained_model import TrainedModel
    from ..support.checkpoints import save_weights

    model = TrainedModel(
        args.model, args.weights, 'cpu', unsafe_load=args.unsafe_load
    )
    described, status = describe_model(model), 0
    for path in args.outputs:
        if path.suffix.lower() == '.safetensors':
            save_weights(model.network.state_dict(), path, described)
            print(f'{path}: {path.stat().st_size / 1e6:.1f} MB')
            continue
        export_onnx(model.network, path, described)
        difference = compare_with_onnx(model.network, path)
        print(
            f'{path}: {path.stat().st_size / 1e6:.1f} MB; differs from '
            f'PyTorch by {difference:.1e} standard deviations at most'
        )
        if difference > TOLERANCE:
            print(f'error: expected {TOLERANCE} at most', file=sys.stderr)
            status = 1
    return status
