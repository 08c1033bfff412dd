"""Notebooks run to their end, and what is kept of their output can be read."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / 'docs' / 'notebooks').glob('*.ipynb'))


def printed(notebook):
    """Join the text that the cells print."""
    return ''.join(
        ''.join(output['text'])
        for cell in notebook['cells']
        for output in cell.get('outputs', ())
        if output['output_type'] == 'stream'
    )


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_output(path):
    notebook = json.loads(path.read_text(encoding='utf-8'))
    cells = [cell for cell in notebook['cells'] if cell['cell_type'] == 'code']
    # Run from top to bottom, once.
    counts = [cell['execution_count'] for cell in cells]
    assert counts == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell['outputs']]
    assert {output['output_type'] for output in outputs} <= {
        'display_data',
        'execute_result',
        'stream',
    }
    assert not re.search(r'(?<!\w)/(tmp|home|root|work)\b', printed(notebook))


@pytest.mark.slow
def test_align():
    nbformat = pytest.importorskip('nbformat', reason='needs "nbclient"')
    nbclient = pytest.importorskip('nbclient', reason='needs "nbclient"')
    path = ROOT / 'docs' / 'notebooks' / 'align.ipynb'
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, resources={'metadata': {'path': path.parent}}
    ).execute()
    text = printed(notebook)
    aligned, stretched = (
        float(value) for value in re.findall(r'([\d.]+) frames$', text, re.M)
    )
    assert aligned < stretched / 2
    (right,) = re.findall(r'([\d.]+)% of the frames are right', text)
    assert float(right) > 70
