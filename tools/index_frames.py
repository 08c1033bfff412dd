"""Index the frames of embeddings, as ``masa index`` does."""

import sys

from masa.cli import main

if __name__ == '__main__':
    sys.exit(main(['index', *sys.argv[1:]]))
