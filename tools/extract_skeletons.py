"""Estimate poses in videos, as ``masa extract skeletons`` does."""

import sys

from masa.cli import main

if __name__ == '__main__':
    sys.exit(main(['extract', 'skeletons', *sys.argv[1:]]))
