import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from masa.apis.onnx_export import describe_model, export_onnx

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
    model, output = tmp_path / 'model.onnx', tmp_path / 'embeddings.npz'
    export_onnx(
        inferencer.model.network, model, describe_model(inferencer.model)
    )
    script = TESTS / 'light' / 'use_exported_model.py'
    done = subprocess.run(
        [
            *(sys.executable, '-c', WITHOUT, script),
            *(model, annotations[1], output),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = np.load(output)
    for one in inferencer.embed(annotations[1]):
        np.testing.assert_allclose(
            found[one.name],
            one.embedding,
            atol=1e-3 * one.embedding.std(),
        )
