"""Compute features of videos, as ``masa extract features`` does."""

import sys

from masa.cli import main

if __name__ == '__main__':
    sys.exit(main(['extract', 'features', *sys.argv[1:]]))
