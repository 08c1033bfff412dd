import csv
import json
import re
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import pytest
import srt
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from squats import squat

from masa.apis import AlignmentInferencer, FrameIndex
from masa.cli import main
from masa.datasets import save_annotations
from masa.datasets.synthetic import make_annotations
from masa.embeddings import SequenceCollection
from masa.extraction import backends
from masa.extraction.errors import ExtractionError
from masa.extraction.pose_estimator import Detection, PoseEstimator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """A work directory and four sequences; the model is random."""
    folder = tmp_path_factory.mktemp('Arbeit für 字')
    made = make_annotations(dict(val=4), 0)
    made['annotations'] = made['annotations'][::10]
    slow, variable, unknown, fast = made['annotations']
    slow['frame_rate'], fast['frame_rate'] = 15, 240
    del unknown['frame_rate']
    variable['timestamps'] = np.linspace(0, 2, variable['total_frames']) ** 2
    names = [record['frame_dir'] for record in made['annotations']]
    made['split'] = dict(val=names)
    save_annotations(made, folder / 'data.pkl')
    config = Config.fromfile(ROOT / 'configs' / 'masa_demo.py')
    torch.manual_seed(0)
    torch.save(
        dict(
            state_dict=MODELS.build(config.model).state_dict(),
            meta=dict(dataset_meta=dict(skeleton=made['skeleton'])),
        ),
        folder / 'epoch_1.pth',
    )
    (folder / 'last_checkpoint').write_text('elsewhere/epoch_1.pth')
    config.dump(folder / 'masa_demo.py')
    return folder, names, made['annotations']


def run(work, command, *options):
    folder = work[0]
    model = '--model', folder, '--device', 'cpu'
    return main([command, *map(str, (folder / 'data.pkl', *model, *options))])


def test_embeddings(work, tmp_path, capsys):
    _, names, records = work
    assert run(work, 'embed', '-o', tmp_path / 'e.npz') == 0
    assert '4 sequences, 64 numbers' in capsys.readouterr().out
    found = SequenceCollection.load(tmp_path / 'e.npz')
    assert [one.name for one in found] == names
    for one, record in zip(found, records, strict=True):
        assert one.embedding.shape == (record['total_frames'], 64)
    with pytest.raises(SystemExit):
        run(work, 'embed', '-o', tmp_path / 'e.npz')


def test_matches(work, tmp_path, capsys):
    _, names, records = work
    assert run(work, 'align', '-o', tmp_path / 'm.csv') == 0
    assert '(reference)' in capsys.readouterr().out
    with open(tmp_path / 'm.csv') as file:
        columns, *rows = csv.reader(file)
    assert columns[::2] == names
    assert columns[1::2] == [f'{name} [s]' for name in names]
    frames = np.array([row[::2] for row in rows], dtype=int).T
    # The third one says nothing of its times.
    assert {row[5] for row in rows} == {''}
    seconds = [[float(row[i]) for row in rows] for i in (1, 3, 7)]
    np.testing.assert_allclose(seconds[0], frames[0] / 15, atol=1e-3)
    np.testing.assert_allclose(
        seconds[1], records[1]['timestamps'][frames[1]], atol=1e-3
    )
    np.testing.assert_allclose(seconds[2], frames[3] / 240, atol=1e-3)
    assert (np.diff(frames, axis=1) >= 0).all()
    lengths = [record['total_frames'] for record in records]
    assert (frames[:, -1] < lengths).all()
    options = ('-o', tmp_path / 'm.json', '--reference', names[1])
    assert run(work, 'align', *options) == 0
    found = json.loads((tmp_path / 'm.json').read_text())
    assert found['reference'] == names[1]
    assert found['frames'][names[1]] == list(range(lengths[1]))
    assert found['costs'][names[1]] == 0
    assert found['seconds'][names[2]] == [None] * lengths[1]
    np.testing.assert_allclose(
        found['seconds'][names[1]], records[1]['timestamps'], atol=1e-3
    )


def test_phases_for_other_programs(work, tmp_path, capsys):
    _, names, records = work
    chosen = '--only', *names[:2]
    outputs = [tmp_path / name for name in ('p.srt', 'p.eaf', 'p')]
    options = [word for path in outputs for word in ('-o', path)]
    assert run(work, 'align', *options, *chosen, '--moments', '3') == 0
    # Of two the first one is the reference.
    assert f'of {names[1]}' in capsys.readouterr().out
    cues = list(srt.parse(outputs[0].read_text()))
    phases = make_annotations(dict(val=4), 0)['phases']
    assert {cue.content for cue in cues} <= set(phases['squat'])
    starts = [cue.start.total_seconds() for cue in cues]
    assert starts == sorted(starts)
    assert starts[-1] < records[1]['timestamps'][-1]
    for name in names[:2]:
        assert len(list((outputs[2] / name).glob('*.png'))) == 3
    nearest = '-o', tmp_path / 'n.srt', '--method', 'nearest'
    with pytest.raises(SystemExit):
        run(work, 'align', *nearest)
    # The third one has no times; nothing is written of the others.
    path = tmp_path / 'several.vtt'
    assert run(work, 'align', '-o', path) == 2
    assert '--frame-rate' in capsys.readouterr().err
    assert run(work, 'align', '-o', path, '--frame-rate', '30') == 0
    assert len(list(path.with_suffix('').rglob('*.vtt'))) == 3
    labels = tmp_path / 'l.srt', tmp_path / 'l.csv'
    options = [word for path in labels for word in ('-o', path)]
    reference = '--reference', names[0], *chosen
    assert run(work, 'label', *reference, *options) == 0
    found = [cue.content for cue in srt.parse(labels[0].read_text())]
    with open(labels[1]) as file:
        rows = [int(row['label']) for row in csv.DictReader(file)]
    assert found == [phases['squat'][one] for one, _ in groupby(rows)]


def test_video(work, tmp_path):
    av = pytest.importorskip('av', reason='needs the extra "features"')
    _, names, records = work
    path = tmp_path / 'a.mp4'
    table = tmp_path / 'a.csv'
    options = ('-o', path, '-o', table, '--height', '64', '--only', *names[:2])
    assert run(work, 'align', *options) == 0
    assert table.is_file()
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    # The one at 15 a second lasts longest, or the other one's four seconds;
    # pictures come as often as frames do where they come most often.
    rate = 1 / np.median(np.diff(records[1]['timestamps']))
    seconds = max(
        records[0]['total_frames'] / 15,
        records[1]['timestamps'][-1] + 1 / rate,
    )
    assert len(frames) == round(seconds * max(rate, 15))
    assert float(frames[-1].time) == pytest.approx(seconds, abs=0.1)
    assert run(work, 'align', *options, '--overwrite') == 0


def test_search(work, tmp_path, capsys):
    _, names, records = work
    query = '--query', names[0]
    path = tmp_path / 'found.csv'
    options = *query, '--frame', '5', '-k', '2', '-o', path
    pictures = tmp_path / 'found'
    assert run(work, 'search', *options, '-o', pictures) == 0
    printed = capsys.readouterr().out
    with open(path) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    distances = [float(row['distance']) for row in rows]
    assert distances == sorted(distances)
    files = sorted(one.name for one in pictures.iterdir())
    assert files[0] == '00_val_squat_000_0.333s_frame000005.png'
    for rank, (row, file) in enumerate(zip(rows, files[1:], strict=True), 1):
        assert row['sequence'] in names[1:]
        assert row['sequence'] in printed
        assert file.startswith(
            f'{rank:02}_{row["sequence"]}'.replace('/', '_')
        )
        assert file.endswith(f'_frame{int(row["frame"]):06}.png')
    # At 15 frames a second.
    assert run(work, 'search', *query, '--second', '0.33', '-k', '2') == 0
    assert capsys.readouterr().out in printed
    # An index holds no pictures.
    index = '--frame', '5', '--index', 'a.faiss', '-o', tmp_path / 'other'
    with pytest.raises(SystemExit):
        run(work, 'search', *query, *index)
    duration = records[0]['total_frames'] / 15
    assert run(work, 'search', *query, '--second', duration + 1) == 2
    assert f'{duration:.3f} s' in capsys.readouterr().err
    unknown = '--query', names[2], '--second', '1'
    assert run(work, 'search', *unknown) == 2
    assert '--frame-rate' in capsys.readouterr().err
    assert run(work, 'search', *unknown, '--frame-rate', '30') == 0


def test_search_in_an_index(work, tmp_path, capsys):
    folder, names, _ = work
    query = '--query', names[0], '--frame', '5'
    assert run(work, 'search', *query) == 0
    printed = capsys.readouterr().out
    sequences = AlignmentInferencer(folder, device='cpu').embed(
        folder / 'data.pkl'
    )
    index = FrameIndex(
        names,
        [one.embedding for one in sequences],
        timestamps=[one.timestamps for one in sequences],
    )
    index.save(tmp_path / 'a.faiss')
    # The query's own sequence is in the index, and no other is an input.
    alone = '--index', tmp_path / 'a.faiss', '--only', names[0]
    assert run(work, 'search', *query, *alone) == 0
    assert capsys.readouterr().out == printed
    absent = '--index', tmp_path / 'b.faiss'
    assert run(work, 'search', *query, *absent) == 2
    assert str(tmp_path / 'b.faiss') in capsys.readouterr().err


def test_label(work, tmp_path, capsys):
    _, names, records = work
    path = tmp_path / 'labels.csv'
    reference = '--reference', names[0]
    assert run(work, 'label', *reference, '-o', path) == 0
    with open(path) as file:
        rows = list(csv.DictReader(file))
    others = records[1:]
    assert len(rows) == sum(one['total_frames'] for one in others)
    assert {row['sequence'] for row in rows} == set(names[1:])
    phases = {str(phase) for phase in records[0]['phase']}
    assert {row['label'] for row in rows} == phases
    last = rows[-1]
    assert float(last['second']) == pytest.approx(
        int(last['frame']) / 240, abs=1e-3
    )
    text = tmp_path / 'labels.txt'
    total = records[0]['total_frames']
    lines = 'x\r\n' * (total - 1) + 'ä\r\n\r\n'
    text.write_bytes(lines.encode('utf-16'))
    options = (*reference, '--labels', text)
    assert run(work, 'label', *options, '-o', tmp_path / 'l.json') == 0
    found = json.loads((tmp_path / 'l.json').read_text())
    assert set(found['label']) == {'x', 'ä'}
    text.write_text('x\n' * (total - 1))
    assert run(work, 'label', *options, '-o', tmp_path / 'm.json') == 2
    error = capsys.readouterr().err
    assert str(text) in error
    assert str(total) in error
    table = tmp_path / 'labels of one.csv'
    table.write_text(
        'sequence,start_frame,end_frame,phase\n'
        f'{names[0]},0,3,x\n{names[0]},4,{total - 1},y\n'
    )
    options = (*reference, '--labels', table)
    assert run(work, 'label', *options, '-o', tmp_path / 'n.json') == 0
    found = json.loads((tmp_path / 'n.json').read_text())
    assert set(found['label']) == {'x', 'y'}


def test_anomaly(work, tmp_path, capsys):
    _, names, records = work
    path = tmp_path / 'score.csv'
    assert run(work, 'anomaly', '--sequence', names[0], '-o', path) == 0
    assert f'{names[0]}: median ' in capsys.readouterr().out
    with open(path) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == records[0]['total_frames']
    assert all(float(row['score']) >= 0 for row in rows)
    assert float(rows[30]['second']) == 2


def test_the_first_input_is_the_reference(work, tmp_path, capsys):
    folder, _, records = work
    paths = [tmp_path / f'{name}.npy' for name in 'zab']
    for path, record in zip(paths, records, strict=False):
        np.save(path, record['keypoint'][0])
    model = '--model', str(folder), '--device', 'cpu', '--frame-rate', '30'
    output = tmp_path / 'score.json'
    command = 'anomaly', *map(str, paths), *model, '-o', str(output)
    assert main(command) == 0
    score = json.loads(output.read_text())['score']
    inferencer = AlignmentInferencer(folder, device='cpu')
    first, *others = inferencer.embed(paths)
    np.testing.assert_allclose(
        score, inferencer.anomaly_score(first, others), atol=1e-5
    )
    # Without it, another must not take its place.
    paths[0].unlink()
    command = *command, '--overwrite', '--skip-broken'
    assert main(command) == 2
    assert str(paths[0]) in capsys.readouterr().err
    # Which of several it is has to be told.
    several = 'anomaly', str(folder / 'data.pkl'), str(paths[1])
    assert main([*several, *model, '-o', str(tmp_path / 's.csv')]) == 2
    assert '--sequence' in capsys.readouterr().err


WHITE = 255


class Fake(PoseEstimator):
    """Finds the demo's skeleton in grey pictures, and nobody in white."""

    num_coordinates = 3
    seen: list = []

    def __init__(self, skeleton):
        self.skeleton, self.settings = skeleton, dict(models='fake')

    def prepare(self):
        pass

    def detect(self, frames):
        self.seen.append(frames.path.name)
        joints = len(self.skeleton['joints'])
        pose = np.random.default_rng(0).normal(size=(joints, 3))
        for frame in frames:
            value = int(frame[0, 0, 0])
            score = np.ones(joints)
            box = np.array([0, 0, 8, 8])
            found = Detection(box, 0.9, pose * (1 + value), score)
            yield [] if value == WHITE else [found]


@pytest.fixture
def videos(work, tmp_path, monkeypatch):
    """A work directory whose model takes videos, and folders of images."""
    folder, _, _ = work
    skeleton = make_annotations(dict(val=1), 0)['skeleton']
    monkeypatch.setitem(
        backends.BACKENDS, 'mmpose', lambda *args, **models: Fake(skeleton)
    )
    monkeypatch.setattr(Fake, 'seen', [])
    config = Config.fromfile(folder / 'masa_demo.py')
    config.from_video = dict(
        type='skeletons', backend='mmpose', target='body3d'
    )
    (tmp_path / 'work').mkdir()
    config.dump(tmp_path / 'work' / 'config.py')
    for name in ('epoch_1.pth', 'last_checkpoint'):
        (tmp_path / 'work' / name).write_bytes((folder / name).read_bytes())
    for name, values in dict(
        first=range(9), second=range(12), nobody=[WHITE] * 3, broken=[1]
    ).items():
        (tmp_path / name).mkdir()
        for i, value in enumerate(values):
            image = np.full((8, 8, 3), value, np.uint8)
            cv2.imwrite(str(tmp_path / name / f'{i}.png'), image)
    (tmp_path / 'broken' / '1.png').write_bytes(b'no image')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'text.txt').touch()
    np.save(tmp_path / 'flat.npy', np.zeros((3, 4)))
    return tmp_path


BROKEN = (
    *('nobody', 'broken', 'empty', 'text.txt', 'flat.npy', 'gone.mp4'),
    *('gone.npy', 'gone'),
)


def without_progress(text):
    """What is said after the lines of progress, such as "1/4 first: ..."."""
    lines = text.strip().splitlines()
    return [line for line in lines if not re.match(r'\d+/\d+ ', line)]


def test_all_broken_inputs_are_told_and_the_others_kept(videos, capsys):
    folder = videos
    inputs = [folder / one for one in ('nobody', 'first', *BROKEN[1:])]
    path = folder / 'm.csv'
    options = [
        *('--model', str(folder / 'work'), '--device', 'cpu'),
        *('-o', str(path), '--cache', str(folder / 'cache')),
    ]
    command = ['align', *map(str, (*inputs, folder / 'second')), *options]
    assert main(command) == 2
    printed = capsys.readouterr()
    assert '2/4 first: ' in printed.err
    *lines, advice = without_progress(printed.err)
    assert '--skip-broken' in advice
    assert printed.out == ''
    # The three that are gone have one reason.
    assert len(lines) == 1 + len(BROKEN) - 2
    for name in BROKEN:
        assert sum(str(folder / name) in line for line in lines[1:]) >= 1
    assert not path.exists()
    assert sorted(Fake.seen) == ['broken', 'first', 'nobody', 'second']
    assert main([*command, '--skip-broken']) == 1
    # What was finished is not done again.
    assert sorted(Fake.seen[4:]) == ['broken', 'nobody']
    printed = capsys.readouterr()
    assert without_progress(printed.err) == lines
    with open(path) as file:
        assert next(csv.reader(file))[::2] == ['first', 'second']
    # Too few are left, which does not hide the reason.
    options += '--skip-broken', '--overwrite'
    assert main([*command[:3], *options]) == 2
    printed = capsys.readouterr().err
    assert str(folder / 'nobody') in printed
    assert 'error: ' in printed


def test_poses_that_were_extracted_before_are_used(videos, tmp_path, capsys):
    extract = [
        *('extract', 'skeletons', str(tmp_path / 'first')),
        *('--backend', 'mmpose', '--target', 'body3d', '--device', 'cpu'),
        *('--output', str(tmp_path / 'poses')),
        *('--ann-file', str(tmp_path / 'poses.pkl')),
    ]
    assert main(extract) == 0
    before = sorted((tmp_path / 'poses').iterdir())
    command = [
        *('align', str(tmp_path / 'first'), str(tmp_path / 'second')),
        *('--model', str(videos / 'work'), '--device', 'cpu'),
        *('--cache', str(tmp_path / 'poses'), '-o', str(tmp_path / 'm.csv')),
    ]
    assert main(command) == 0
    assert Fake.seen == ['first', 'second']
    added = set((tmp_path / 'poses').iterdir()) - set(before)
    assert {path.name.split('.')[0] for path in added} == {'second'}


def test_a_model_that_does_not_say_draws_as_images_are(work):
    """Whether it is trained or exported: only a rotation knows of an axis."""
    folder, _, _ = work
    model = AlignmentInferencer(folder, device='cpu')
    assert model.up == 'y'
    model.model.transforms[1].rotation = None
    assert model.up == '-y'


def test_a_video_of_sound_alone(videos, capsys):
    files = pytest.importorskip('video_files', reason='needs "features"')
    greys = [np.full((48, 64, 3), value, np.uint8) for value in range(60, 66)]
    good = files.write_video(videos / 'good.mp4', greys)
    sound = files.write_sound(videos / 'sound.mp4')
    text = videos / 'text.mp4'
    text.write_text('no video')
    path = videos / 'm.csv'
    command = [
        *('align', *map(str, (sound, good, text, videos / 'first'))),
        *('--model', str(videos / 'work'), '--device', 'cpu'),
        *('-o', str(path)),
    ]
    assert main(command) == 2
    printed = capsys.readouterr().err
    assert str(sound) in printed
    assert str(text) in printed
    assert main([*command, '--skip-broken']) == 1
    with open(path) as file:
        assert next(csv.reader(file))[::2] == ['good', 'first']


def test_python_gets_errors_and_no_output(videos, capfd):
    inferencer = AlignmentInferencer(videos / 'work', device='cpu')
    names = 'first', 'nobody', 'second', 'gone.mp4'
    inputs = [videos / name for name in names]
    capfd.readouterr()
    with pytest.raises(ExtractionError) as caught:
        inferencer.embed(inputs)
    assert caught.value.problems.keys() == {'nobody', str(inputs[-1])}
    with pytest.warns(UserWarning, match='nobody'):
        found = inferencer.embed(inputs, skip_broken=True)
    assert [one.name for one in found] == ['first', 'second']
    assert [len(one) for one in found] == [9, 12]
    assert [one.video for one in found] == [inputs[0], inputs[2]]
    assert Fake.seen.count('first') == 1
    with pytest.raises(ExtractionError) as caught:
        inferencer.embed(inputs[1])
    assert caught.value.problems.keys() == {'nobody'}
    assert 'sequences' not in capfd.readouterr().err


def test_method(work, tmp_path):
    found = []
    for method in ('dtw', 'nearest'):
        path = tmp_path / f'{method}.json'
        assert run(work, 'align', '-o', path, '--method', method) == 0
        found.append(json.loads(path.read_text())['frames'])
    steps = [np.diff(list(one.values()), axis=1) for one in found]
    assert (steps[0] >= 0).all()
    assert (steps[1] < 0).any()


def test_what_is_unlike_the_reference_is_told(tmp_path):
    body = squat(60)[..., :2].astype(np.float32) * np.float32([1, -1])
    for name, joints in (
        ('standing', body),
        ('slower', body.repeat(2, axis=0)),
        ('still', body[:1].repeat(30, axis=0)),
    ):
        np.save(tmp_path / f'{name}.npy', joints)
    paths = [str(path) for path in tmp_path.glob('*.npy')]
    inputs = [*paths, '--frame-rate', '30', '--reference', 'standing']
    with pytest.warns(UserWarning, match='unlike the reference') as told:
        assert main(['align', *inputs]) == 0
    (message,) = (
        str(one.message) for one in told if 'unlike' in str(one.message)
    )
    assert 'still (' in message
    assert 'standing' not in message
    assert 'slower' not in message


def test_errors(work, tmp_path, capsys):
    _, names, _ = work
    table = '-o', tmp_path / 'm.csv'
    query = '--query', names[0]
    for options, message in (
        (('align', *table, '--reference', 'x'), "'x'"),
        (('align', *table, '--only', names[0]), 'two'),
        (('search', *query, '--frame', '9999'), '9999'),
        (('label', *table, '--reference', 'x'), "'x'"),
    ):
        assert run(work, *options) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / 'm.csv').exists()
    (tmp_path / 'm.csv').touch()
    for options, message in (
        (('align', *table), '--overwrite'),
        (('align', '-o', 'a.txt'), '.csv'),
        (('align', '-o', 'a.csv', '-o', './a.csv'), 'once'),
        (('label', '--reference', names[0]), '--output'),
        (('anomaly', '-o', tmp_path / 'new.csv'), '--sequence'),
        (('search', *query), '--second'),
        (('search', *query, '--frame', '1', '-o', 'a.txt'), '.csv'),
    ):
        with pytest.raises(SystemExit):
            run(work, *options)
        assert message in capsys.readouterr().err
