"""Open a page on this machine to align, find and compare without commands."""

import argparse
import contextlib
import secrets
import socket
import tempfile
import webbrowser
from pathlib import Path

from .options import bounded

EXPECTED = (OSError,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa app``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Only this machine can open it, and nothing leaves the '
        'machine. All files that were dropped on it, and all results, are '
        'deleted when it ends, which Ctrl-C does.'
    )
    parser.epilog = 'Example: masa app'
    parser.add_argument(
        '--port',
        type=bounded(int, 0, 65535),
        default=0,
        help='of this machine (default: any that is free)',
    )
    parser.add_argument(
        '--no-browser',
        action='store_true',
        help='only print the address, which opens the page',
    )
    parser.add_argument(
        '--max-upload',
        type=bounded(float, 0, open_low=True),
        default=4000.0,
        metavar='MB',
        help='of all files together (default: %(default).0f)',
    )


def run(args: argparse.Namespace) -> int:
    """Serve the page until the command is interrupted.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    import uvicorn

    from ..app.server import make_app

    token = secrets.token_urlsafe()
    with (
        socket.socket() as listener,
        tempfile.TemporaryDirectory(prefix='masa-app-') as folder,
    ):
        listener.bind(('127.0.0.1', args.port))
        address = f'http://127.0.0.1:{listener.getsockname()[1]}/{token}/'
        print(address)
        print(
            'Open this address in a browser, if it does not open by itself; '
            'Ctrl-C ends the program.',
            flush=True,
        )
        if not args.no_browser:
            listener.listen()
            webbrowser.open(address)
        app = make_app(token, Path(folder), int(args.max_upload * 1e6))
        server = uvicorn.Server(uvicorn.Config(app, log_level='warning'))
        # It stops by itself, and then passes Ctrl-C on.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    return 0
