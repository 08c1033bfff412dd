"""Align sequences, as ``masa align`` does."""

import sys

from masa.cli import main

if __name__ == '__main__':
    sys.exit(main(['align', *sys.argv[1:]]))
