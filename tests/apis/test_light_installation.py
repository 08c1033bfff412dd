import subprocess
import sys
from pathlib import Path

import pytest

from masa.apis.onnx_export import describe_model, export_onnx
from masa.embeddings import SequenceCollection

pytest.importorskip('onnxscript', reason='needs the extra "export"')

TESTS = Path(__file__).resolve().parents[1]
# Runs a script where the packages of the extras cannot be imported.
WITHOUT = """
import runpy, sys
script = sys.argv[1]
sys.argv = sys.argv[1:]
names = runpy.run_path(script)['NOT_INSTALLED']
sys.modules.update(dict.fromkeys(names))
runpy.run_path(script, run_name='__main__')
"""


def test_an_exported_model_is_used_without_pytorch(
    inferencer, annotations, tmp_path
):
    """.ci/run does the same in an environment that has no PyTorch."""
    model, expected = tmp_path / 'model.onnx', tmp_path / 'expected.npz'
    export_onnx(
        inferencer.model.network, model, describe_model(inferencer.model)
    )
    sequences = inferencer.embed(annotations[1])
    SequenceCollection.from_sequences(sequences).save(expected)
    script = TESTS / 'light' / 'use_exported_model.py'
    done = subprocess.run(
        [
            *(sys.executable, '-c', WITHOUT, script),
            *(model, annotations[1], expected),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
