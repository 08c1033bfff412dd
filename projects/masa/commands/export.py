"""Export the encoder of a trained model to ONNX."""

import argparse
import sys
from pathlib import Path

from .options import add_options, check_output

EXPECTED = (ImportError, ValueError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa export``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} The file takes sequences of any length; it is '
        'compared with the model on random ones. Exits with 1 if they '
        'differ, with 2 if it could not be made.'
    )
    parser.epilog = 'Example: masa export work_dirs/masa_demo masa_demo.onnx'
    parser.add_argument(
        'model', type=Path, help='work directory of a training, or a config'
    )
    parser.add_argument('output', type=Path, help='FILE.onnx')
    add_options(parser, 'weights', 'unsafe-load', 'overwrite')


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_output(parser, args.output, ['.onnx'], args.overwrite)


def run(args: argparse.Namespace) -> int:
    """Export and compare.

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
