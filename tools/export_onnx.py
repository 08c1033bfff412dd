"""Export a trained model to ONNX, as ``masa export`` does."""

import sys

from masa.cli import main

if __name__ == '__main__':
    sys.exit(main(['export', *sys.argv[1:]]))
