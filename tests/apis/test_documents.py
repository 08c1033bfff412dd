"""The documents' examples run as they are written."""

import json
import pkgutil
import re
import shlex
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from mmaction.registry import MODELS
from player_data import data_of
from squats import squat, training

import masa
from masa import cli
from masa.datasets import save_annotations
from masa.support.config_checks import check_config, read_config

ROOT = Path(__file__).resolve().parents[2]


def blocks(name, language):
    text = (ROOT / name).read_text(encoding='utf-8')
    found = re.findall(r'^( *)```(\w*)\n(.*?)^\1```$', text, re.M | re.S)
    return [
        textwrap.dedent(block) for _, kind, block in found if kind == language
    ]


def test_every_page_is_in_the_navigation_of_the_site():
    """MkDocs, which would say so too, is not among what tests install."""
    settings = (ROOT / 'mkdocs.yml').read_text(encoding='utf-8')
    listed = set(re.findall(r'([\w/]+\.md)$', settings, re.M))
    pages = {
        path.relative_to(ROOT / 'docs').as_posix()
        for path in (ROOT / 'docs').rglob('*.md')
    }
    # Shown as contents.md.
    assert pages - listed == {'README.md'}


@pytest.fixture
def as_after_the_demo(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('work_dirs').mkdir()
    Path('work_dirs', 'masa_demo').symlink_to(trained)
    Path('data').mkdir()


def test_alignment(as_after_the_demo):
    names = {}
    for example in blocks('docs/alignment.md', 'python'):
        exec(example, names)
    assert len(names['sequences']) == 40
    assert len(names['squats']) == 4
    assert (np.diff(names['alignment'].path, axis=0) >= 0).all()
    assert len(names['matches']) == 5
    assert names['score'].shape == (len(names['squats'][0]),)


def test_arrays_of_different_frame_rates(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, frames in (('phone', 60), ('camera', 240)):
        np.save(name, squat(frames)[:, np.arange(17) % 13, :2] * [1, -1])
    (made,) = [
        one for one in blocks('docs/data.md', 'python') if 'np.load' in one
    ]
    names = {}
    exec(made, names)
    assert cli.main(['align', 'both.pkl', '-o', 'a.json']) == 0
    seconds = json.loads(Path('a.json').read_text())['seconds']
    assert seconds['phone'][-1] == pytest.approx(59 / 30, abs=0.05)
    assert seconds['camera'][-1] == pytest.approx(239 / 120, abs=0.05)
    skeleton = names['COCO_17']
    records = [one | dict(skeleton=skeleton) for one in names['records']]
    phone, camera = masa.load().embed(records)
    assert phone.duration == pytest.approx(camera.duration, abs=0.1)


def test_compare(tmp_path, monkeypatch):
    """With arrays of joints for videos."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    moves = np.cumsum(rng.normal(size=(270, 13, 2)), 0)
    for number in (1, 2, 3):
        np.save(f'person_{number}', moves[:90] + rng.normal(size=(90, 13, 2)))
    np.save('attempt', moves[:80])
    np.save('recording', moves)
    names = {}
    for example in blocks('docs/compare.md', 'python'):
        exec(example.replace('.mp4', '.npy'), names)
    assert names['comparison'].calibrated
    assert len(names['comparisons']) == len(names['parts'])
    assert Path('report.html').exists()
    assert Path('repetitions.html').exists()


def test_find(tmp_path, monkeypatch):
    """With arrays of joints for videos."""
    monkeypatch.chdir(tmp_path)
    flat = training(60, 70)[0][..., :2] * [1, -1]
    np.save('squat', squat(60)[..., :2] * [1, -1])
    np.save('training', flat)
    (example,) = blocks('docs/find.md', 'python')
    names = {}
    exec(example.replace('.mp4', '.npy'), names)
    assert len(names['found']) == 2


def test_outputs(tmp_path, monkeypatch):
    """With arrays of joints for videos."""
    monkeypatch.chdir(tmp_path)
    np.save('squat', squat(60)[..., :2] * [1, -1])
    np.save('training', training(60, 70)[0][..., :2] * [1, -1])
    (example,) = blocks('docs/outputs.md', 'python')
    load = 'masa.load(frame_rate=30)'
    exec(example.replace('.mp4', '.npy').replace('masa.load()', load), {})
    assert Path('found.srt').read_text().count('squat, score') == 2


def test_player(tmp_path, monkeypatch):
    """With arrays of joints for videos."""
    monkeypatch.chdir(tmp_path)
    for name, frames in dict(a=60, b=70, c=80).items():
        np.save(name, squat(frames)[..., :2] * [1, -1])
    names = {}
    for example in blocks('docs/player.md', 'python'):
        exec(example.replace('.mp4', '.npy'), names)
    assert data_of(Path('aligned.html').read_text(encoding='utf-8'))
    assert len(names['player'].tracks) == 2


def test_visualization():
    (config,) = blocks('docs/visualization.md', 'python')
    names = {}
    exec(config, names)
    assert names['visualizer']['vis_backends'] == names['vis_backends']


def test_readme(annotations):
    """Built-in sequences in the place of the reader's own videos."""
    (example,) = blocks('README.md', 'python')
    files = "['videos/a.mp4', 'videos/b.mp4', 'videos/c.mp4']"
    assert files in example
    _, path = annotations
    example = example.replace(files, repr(str(path)))
    names = {}
    exec(example, names)
    assert len(names['videos']) == 40
    assert (np.diff(names['alignment'].path, axis=0) >= 0).all()
    assert len(names['timeline'].frames) == 40
    assert len(names['found']) <= 1


def test_deployment(as_after_the_demo, inferencer):
    pytest.importorskip('onnxscript', reason='needs the extra "export"')
    first, *_ = blocks('docs/alignment.md', 'python')
    names = {}
    exec(first, names)
    command = ['export', 'work_dirs/masa_demo', 'masa_demo.onnx']
    assert cli.main(command) == 0
    for example in blocks('docs/deployment.md', 'python'):
        exec(example, names)
    (expected, *_) = inferencer.embed('data/performances.pkl')
    for found in (names['first'].embedding, names['embedding']):
        np.testing.assert_allclose(found, expected.embedding, atol=1e-3)


def commands_of(page):
    """Return the words of every ``masa`` command of a page."""
    text = ''.join(blocks(page, '') + blocks(page, 'bash'))
    text = text.replace('\\\n', ' ')
    found = re.findall(r'^(?:\S*/)?masa (.*?)(?: &&)?$', text, re.M)
    return [shlex.split(command, comments=True) for command in found]


PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / 'README.md', *(ROOT / 'docs').rglob('*.md')]
    if commands_of(path.relative_to(ROOT))
)


@pytest.mark.parametrize('page', PAGES)
def test_commands_are_understood(page, tmp_path, monkeypatch):
    # There is nothing to overwrite, but what is read is taken to be there.
    monkeypatch.chdir(tmp_path)
    Path('work_dirs', 'masa_demo').mkdir(parents=True)
    monkeypatch.setattr(Path, 'is_dir', lambda path: True)
    monkeypatch.setattr(Path, 'is_file', lambda path: True)
    for command in commands_of(page):
        cli.parse_args(command)


def test_the_documents_show_every_command():
    shown = {command[0] for page in PAGES for command in commands_of(page)}
    assert shown >= set(cli.COMMANDS)


DOCUMENTS = [ROOT / 'README.md', *(ROOT / 'docs').rglob('*.md')]
# Files of the reader and of data sets.
ELSEWHERE = {
    'METHOD_DATA.py',
    'custom_2d_skeleton.py',
    'download_scirpt.py',
    'mine.py',
    'my_time_loss.py',
    'ntu_pose_extraction.py',
}


def named(pattern):
    """Return what of the documents' text matches, and where."""
    found = {}
    for path in DOCUMENTS:
        for name in re.findall(pattern, path.read_text(encoding='utf-8')):
            found.setdefault(name, path.relative_to(ROOT))
    return found


def test_the_documents_name_files_that_exist():
    files = [
        path.as_posix()
        for folder in (
            *('benchmarks', 'configs', 'examples'),
            *('projects', 'tests', 'tools'),
        )
        for path in (ROOT / folder).rglob('*.py')
    ]
    for name, document in named(r'(?<![*>\w])[\w/.-]*\w\.py\b').items():
        path = Path(name)
        if path.name not in ELSEWHERE:
            end = '/'.join(part for part in path.parts if part != '..')
            assert any(f.endswith(f'/{end}') for f in files), (document, name)


def test_the_documents_name_objects_that_exist():
    for name in named(r'\bmasa(?!\.py\b)(?:\.[A-Za-z_]\w*)+'):
        pkgutil.resolve_name(name)


def test_adding_a_method():
    loss, call, head, *_ = blocks('docs/adding_a_method.md', 'python')
    names = {}
    exec(loss, names)
    try:
        exec(call, names)
        exec(head, names)
        config = dict(names['model']['head'], in_channels=8)
        del config['_delete_']
        result = MODELS.build(config).loss(names['view'], names['view'])
    finally:
        MODELS.module_dict.pop('MyTimeLoss')
    assert {'my_time_mse', 'my_mean_error', 'clip_entropy'} <= set(result)
    assert result['loss'].isfinite()


def test_method_in_a_package_of_ones_own(tmp_path, monkeypatch):
    loss, *others = blocks('docs/adding_a_method.md', 'python')
    (config,) = [block for block in others if 'custom_imports' in block]
    (tmp_path / 'my_time_loss.py').write_text(loss)
    (tmp_path / 'mine.py').write_text(config)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        check_config(read_config(tmp_path / 'mine.py'))
    finally:
        MODELS.module_dict.pop('MyTimeLoss', None)
        sys.modules.pop('my_time_loss', None)


def test_live(annotations, tmp_path):
    """Built-in sequences in the place of the reader's own videos."""
    made, _ = annotations
    records = made['annotations'][:2]
    names = [record['frame_dir'] for record in records]
    path = tmp_path / 'two.pkl'
    save_annotations(
        dict(made, annotations=records, split=dict(val=names)), path
    )
    by_joints, by_embeddings = blocks('docs/live.md', 'python')
    files = "['reference.mp4', 'attempt.mp4']"
    assert files in by_joints
    names = {}
    exec(by_joints.replace(files, repr(str(path))), names)
    assert 0 <= names['state'].confidence <= 1
    exec(by_embeddings, names)
    assert names['state'].time == names['attempt'].timestamps[-1]
