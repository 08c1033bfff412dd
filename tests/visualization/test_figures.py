import json

import numpy as np
import pytest

from masa.visualization import (
    alignment_strips,
    confusion_matrix,
    embedding_map,
    label_share_curve,
    phase_strips,
    project_frames,
    read_scalars,
    read_validations,
    retrieval_grid,
    similarity_matrix,
    training_curves,
    validation_curves,
)
from masa.visualization.similarity import phase_colors
from masa.visualization.style import class_style, evenly

IMAGE = np.zeros((8, 6, 3), np.uint8)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


class TestProjection:
    @pytest.fixture
    def clouds(self):
        rng = np.random.default_rng(0)
        return [
            rng.normal(size=(n, 5)) + 20 * i for i, n in enumerate((30, 50))
        ]

    def test_like_frames_lie_together(self, clouds):
        found = project_frames(clouds)
        assert found.points.shape == (80, 2)
        assert found.sequence.tolist() == [0] * 30 + [1] * 50
        np.testing.assert_allclose(found.progress[:30], np.arange(30) / 29)
        centers = [found.points[found.sequence == i].mean(0) for i in (0, 1)]
        spread = found.points[:30].std()
        assert np.linalg.norm(centers[0] - centers[1]) > spread

    def test_seeded_and_evenly_thinned(self, clouds):
        found = project_frames(clouds, max_frames=16)
        again = project_frames(clouds, max_frames=16)
        np.testing.assert_array_equal(found.points, again.points)
        assert np.bincount(found.sequence).tolist() == [6, 10]
        assert found.progress[[0, 5]].tolist() == [0, 1]

    def test_few_frames(self):
        assert project_frames([np.ones((1, 3)), np.zeros((1, 3))]).points.shape
        with pytest.raises(ValueError, match=r'frames.*1'):
            project_frames([np.ones((1, 3))])

    def test_map(self, clouds):
        projection = project_frames(clouds, max_frames=20)
        figure = embedding_map(
            dict(before=projection, after=projection), ['hop', '']
        )
        titles = [axes.get_title() for axes in figure.axes]
        assert titles[:4] == [
            *('before: activity', 'before: progress'),
            *('after: activity', 'after: progress'),
        ]
        (legend,) = figure.legends
        names = [text.get_text() for text in legend.get_texts()]
        assert names == ['no activity', 'hop']
        with pytest.raises(ValueError, match=r'2 sequences.*1'):
            embedding_map(dict(a=projection), ['hop'])
        with pytest.raises(ValueError, match='projection'):
            embedding_map({}, [])


class TestSimilarity:
    def test_distances_and_path(self):
        rng = np.random.default_rng(0)
        first, second = rng.normal(size=(4, 3)), rng.normal(size=(6, 3))
        path = np.array([[0, 0], [1, 2], [3, 5]])
        phases = (np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1, -1, 1]))
        figure = similarity_matrix(first, second, path, phases, ('a', 'b'))
        axes = figure.axes[0]
        shown = axes.images[0].get_array()
        for i in range(4):
            for j in range(6):
                assert shown[i, j] == pytest.approx(
                    np.linalg.norm(first[i] - second[j])
                )
        np.testing.assert_array_equal(
            axes.lines[0].get_xydata(), path[:, ::-1]
        )
        assert axes.get_xlabel() == 'frame of b'

    def test_errors(self):
        frames = np.zeros((4, 3))
        with pytest.raises(ValueError, match=r'path.*\(4, 4\)'):
            similarity_matrix(frames, frames, np.array([[0, 4]]))
        with pytest.raises(ValueError, match=r'phases.*4 frames'):
            similarity_matrix(
                frames, frames, phases=(np.zeros(3), np.zeros(4))
            )

    def test_unknown_phases_are_white(self):
        colors = phase_colors(np.array([-1, 0, 1, 0]))
        assert colors[0].tolist() == [1, 1, 1]
        assert colors[1].tolist() == colors[3].tolist()
        assert colors[1].tolist() != colors[2].tolist()


class TestGrids:
    def test_marks_of_right_and_wrong(self):
        figure = retrieval_grid(
            [IMAGE, IMAGE],
            [[IMAGE, IMAGE], [IMAGE]],
            [[True, False], [None]],
            [['query', 'a', 'b'], ['other', 'c']],
        )
        labels = [axes.get_xlabel() for axes in figure.axes]
        assert labels == ['query', '✓ a', '✗ b', 'other', 'c', '']
        # The empty place is left empty.
        assert not figure.axes[5].axison
        with pytest.raises(ValueError, match='0 and 0 for 1'):
            retrieval_grid([IMAGE], [], [], [])

    def test_strips(self):
        figure = alignment_strips(
            [[IMAGE] * 3, [IMAGE] * 3], ['a', 'b'], ['0%', '50%', '100%']
        )
        assert len(figure.axes) == 6
        assert figure.axes[3].get_ylabel() == 'b'
        assert figure.axes[2].get_title() == '100%'
        with pytest.raises(ValueError, match=r'lengths \[1, 2\]'):
            alignment_strips([[IMAGE], [IMAGE] * 2], ['a', 'b'])

    def test_phases(self):
        phases = [np.array([0, 0, 1]), np.array([0, 1])]
        frames = np.array([[0, 1, 2], [0, 0, 1]])
        figure = phase_strips(phases, frames, ['a', 'b'])
        left, right = (axes.images[0].get_array() for axes in figure.axes)
        # The second one has ended.
        assert left[1, 2].tolist() == [1, 1, 1]
        np.testing.assert_array_equal(right[0], right[1])
        with pytest.raises(ValueError, match=r'phases.*2 sequences'):
            phase_strips(phases[:1], frames)


class TestMetrics:
    def test_confusions(self):
        true = np.array([0, 0, 0, 0, 1, 1])
        predicted = np.array([0, 0, 0, 1, 1, 1])
        figure = confusion_matrix(true, predicted, ['a', 'b', 'none'])
        shown = figure.axes[0].images[0].get_array()
        assert shown.tolist() == [[75, 25, 0], [0, 100, 0], [0, 0, 0]]
        assert sorted(texts(figure)) == ['100', '25', '75']
        with pytest.raises(ValueError, match=r'\[0, 1\).*0 to 1'):
            confusion_matrix(true, predicted, ['a'])
        with pytest.raises(ValueError, match='shapes'):
            confusion_matrix(true, predicted[:2], ['a', 'b'])

    def test_label_shares(self):
        figure = label_share_curve(
            [0.1, 0.5, 1], dict(model=[0.7, 0.8, 0.9], raw=[0.7, 0.8, 0.9])
        )
        (axes,) = figure.axes
        np.testing.assert_allclose(axes.lines[0].get_ydata(), [70, 80, 90])
        heights = [text.xy[1] for text in axes.texts]
        # Names of equal ends do not lie over each other.
        assert heights[0] != heights[1]
        with pytest.raises(ValueError, match=r'raw.*2.*1'):
            label_share_curve([0.1, 1], dict(raw=[1]))

    def test_training(self, tmp_path):
        path = tmp_path / 'scalars.json'
        lines = [
            dict(loss=0.5, lr=0.1, embedding_std=1.0, step=1, epoch=1),
            {'kendalls_tau/tau': 0.5, 'step': 1},
            dict(loss=0.25, lr=0.1, embedding_std=0.05, step=20, epoch=2),
        ]
        path.write_text('\n'.join(map(json.dumps, lines)))
        scalars = read_scalars(path)
        assert scalars['loss'][0].tolist() == [1, 20]
        assert scalars['loss'][1].tolist() == [0.5, 0.25]
        figure = training_curves(scalars)
        titles = [axes.get_title() for axes in figure.axes if axes.axison]
        assert titles == [
            *('loss (eq. 9)', 'spread of the embeddings', 'learning rate'),
        ]
        assert texts(figure) == ['collapsed']
        with pytest.raises(ValueError, match="'epoch'"):
            training_curves(dict(epoch=scalars['epoch']))
        path.write_text('{"loss": 1\n')
        with pytest.raises(ValueError, match='line 1'):
            read_scalars(path)

    def test_validations(self, tmp_path):
        path = tmp_path / 'scalars.json'
        accuracy, tau = 'action_recognition/accuracy', 'kendalls_tau/tau'
        lines = [
            dict(loss=0.5, step=1),
            {accuracy: 0.5, tau: 0.25, 'time': 1.0, 'step': 10},
            dict(loss=0.25, step=20),
            {accuracy: 0.75, tau: 0.5, 'time': 1.0, 'step': 20},
        ]
        path.write_text('\n'.join(map(json.dumps, lines)))
        found = read_validations(path)
        assert set(found) == {accuracy, tau}
        assert found[tau][0].tolist() == [10, 20]
        assert found[tau][1].tolist() == [0.25, 0.5]
        other = {accuracy: (np.array([10.0]), np.array([1.0]))}
        figure = validation_curves(
            dict(first=found, second=other), dict(clock={tau: 0.9})
        )
        # In the order of the tables, percent where those have percent.
        first, second = [axes for axes in figure.axes if axes.axison]
        assert first.get_title() == 'tau'
        assert [line.get_label() for line in first.lines] == ['first', 'clock']
        assert first.lines[1].get_ydata() == [0.9, 0.9]
        assert second.get_title() == 'recognition'
        np.testing.assert_allclose(second.lines[0].get_ydata(), [50, 75])
        np.testing.assert_allclose(second.lines[1].get_ydata(), [100])
        names = [text.get_text() for text in figure.legends[0].get_texts()]
        assert sorted(names) == ['clock', 'first', 'second']
        with pytest.raises(ValueError, match="'loss'"):
            validation_curves(dict(first=dict(loss=found[tau])))


def test_styles_of_many_classes_differ():
    styles = [class_style(i) for i in range(80)]
    assert len(set(styles)) == 80


def test_evenly():
    assert evenly(3, 5).tolist() == [0, 1, 2]
    assert evenly(101, 5).tolist() == [0, 25, 50, 75, 100]
