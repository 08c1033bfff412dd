"""Check annotation files, as ``masa check`` does."""

import sys

from masa.cli import main

if __name__ == '__main__':
    sys.exit(main(['check', *sys.argv[1:]]))
