import json
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from masa.cli import main
from masa.datasets.synthetic.body import SKELETON
from masa.visualization import run_figures

ROOT = Path(__file__).resolve().parents[2]
NAMES = {
    *(
        'training',
        'validation',
        'embeddings',
        'phases',
        'alignment',
        'similarity',
    ),
    *('retrieval', 'actions', 'phase_confusion', 'label_share'),
}
CHROMIUM = shutil.which('chromium')


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """The work directory of a training and a test; the model is random."""
    folder = tmp_path_factory.mktemp('Arbeit für 字')
    config = Config.fromfile(ROOT / 'configs' / 'masa_demo.py')
    config.test_dataloader.dataset.update(
        activities=['squat', 'throw'],
        sequences_per_activity=dict(train=2, val=2, test=2),
    )
    config.dump(folder / 'masa_demo.py')
    torch.manual_seed(0)
    torch.save(
        dict(
            state_dict=MODELS.build(config.model).state_dict(),
            meta=dict(dataset_meta=dict(skeleton=SKELETON)),
        ),
        folder / 'epoch_1.pth',
    )
    (folder / 'last_checkpoint').write_text('epoch_1.pth')
    logs = folder / '20260101_000000' / 'vis_data'
    logs.mkdir(parents=True)
    lines = [
        dict(loss=1 / step, lr=0.1, embedding_std=1.0, step=step)
        for step in range(1, 9)
    ]
    for epoch in (1, 2):
        lines.insert(4 * epoch, {'kendalls_tau/tau': epoch / 4, 'step': epoch})
    (logs / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)))
    columns = [f'phase_classification/accuracy_{n}' for n in (10, 50, 100)]
    columns += ['alignment_error/mean_frames', 'kendalls_tau/tau']
    report = dict(
        columns=columns,
        rows=dict(
            model=dict(zip(columns, (0.5, 0.6, 0.7, 3.0, None), strict=True)),
            clock=dict(zip(columns, (0.4, 0.5, 0.8, 9.0, 1.0), strict=True)),
        ),
        per_activity={},
        notes=['a note <b>'],
        warnings=[],
    )
    metrics = logs.parent / 'metrics.json'
    metrics.write_text(json.dumps(report))
    return folder


@pytest.fixture(scope='module')
def page(work):
    # t-SNE takes seconds for thousands of frames.
    few = partial(run_figures.project_frames, max_frames=50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_figures, 'project_frames', few)
        assert main(['report', str(work), '--device', 'cpu']) == 0
    return work / 'report.html'


def test_figures(work, tmp_path, capsys):
    command = ['plot', str(work), '--output', str(tmp_path / 'figures')]
    assert main([*command, '--only', 'phases', 'actions']) == 0
    found = {path.name for path in (tmp_path / 'figures').iterdir()}
    assert found == {'phases.png', 'actions.png'}
    for name in found:
        image = cv2.imread(str(tmp_path / 'figures' / name))
        assert image.std() > 5
    # Files that are there are kept.
    assert main([*command, '--only', 'actions']) == 2
    assert '--overwrite' in capsys.readouterr().err
    assert main([*command, '--only', 'actions', '--overwrite']) == 0
    assert main([*command, '--only', 'colors']) == 2
    assert 'colors' in capsys.readouterr().err


def test_page_holds_everything(page):
    text = page.read_text()
    assert set(re.findall(r'<figure id="(\w+)"', text)) == NAMES
    # Nothing is loaded from elsewhere.
    assert not re.search(r'(src|href)="(?!data:)', text)
    rows = dict(
        re.findall(r'<tr><td>(.*?)</td>\s*(.*?)</tr>', text, re.DOTALL)
    )
    cells = re.findall(r'class="(\w*)">(.*?)<', rows['100%'])
    assert cells == [('', '70.0'), ('best', '80.0')]
    # Of errors the smaller one is the better one.
    cells = re.findall(
        r'class="(\w*)">(.*?)<', rows['alignment error, frames, mean']
    )
    assert cells == [('best', '3.0'), ('', '9.0')]
    cells = re.findall(r'class="(\w*)">(.*?)<', rows['Kendall&#39;s tau'])
    assert cells == [('', '-'), ('best', '1.000')]
    assert 'a note &lt;b&gt;' in text
    assert 'torch ' in text
    assert 'Seed 0' in text
    assert 'ClusterPredictor' in text


def test_without_metrics(work, tmp_path):
    other = tmp_path / 'work'
    shutil.copytree(work, other)
    shutil.rmtree(other / '20260101_000000')
    command = ['report', str(other), '--only', 'actions', '--device', 'cpu']
    command.append('--overwrite')
    assert main(command) == 0
    assert 'No metrics yet' in (other / 'report.html').read_text()


def test_errors(tmp_path, capsys):
    assert main(['report', str(tmp_path / 'none')]) == 2
    assert str(tmp_path / 'none') in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(['report', str(tmp_path), '--metrics', 'none.json'])
    assert 'none.json' in capsys.readouterr().err


@pytest.mark.skipif(CHROMIUM is None, reason='chromium is not installed')
@pytest.mark.parametrize('width', [390, 1200])
def test_page_in_a_browser(page, tmp_path, width):
    """It fits the screen, and is not empty."""
    probe = tmp_path / 'probe.html'
    # A page wider than the screen would scroll sideways as a whole.
    script = (
        '<script>document.title = document.documentElement.scrollWidth + '
        '" of " + innerWidth</script>'
    )
    probe.write_text(page.read_text() + script)
    picture = tmp_path / 'page.png'
    options = (
        *('--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'),
        *('--disable-background-networking', '--disable-component-update'),
        *(f'--user-data-dir={tmp_path}/user', '--disable-sync'),
        f'--window-size={width},900',
    )
    for action in (('--dump-dom',), (f'--screenshot={picture}',)):
        run = subprocess.run(
            [CHROMIUM, *options, *action, probe.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
        )
        if action == ('--dump-dom',):
            title = re.search(r'<title>(\d+) of (\d+)</title>', run.stdout)
            content, screen = map(int, title.groups())
            assert content <= screen
    assert np.std(cv2.imread(str(picture))) > 10
