"""Train a model, as ``masa train`` does."""

import sys

from masa.cli import main

if __name__ == '__main__':
    sys.exit(main(['train', *sys.argv[1:]]))
