import numpy as np
import pytest

from masa.visualization.drawing import (
    LEFT,
    MIDDLE,
    PAPER,
    RIGHT,
    UNSEEN,
    draw_bones,
    draw_poses,
    flatten_poses,
)
from masa.visualization.video import (
    frame_interval,
    frames_at,
    playback,
    show_in_step,
    write_video,
)

SKELETON = dict(
    joints=['neck', 'left_hand', 'right_hand', 'head'],
    bones=[[0, 1], [0, 2], [0, 3]],
)


class TestFramesAt:
    def test_repeats_and_skips(self):
        found = list(frames_at(iter('abcdef'), [0, 0, 2, 5, 5]))
        assert found == ['a', 'a', 'c', 'f', 'f']

    def test_takes_no_more_than_it_needs(self):
        taken = []

        def stream():
            for i in range(10):
                taken.append(i)
                yield i

        assert list(frames_at(stream(), [1, 3])) == [1, 3]
        assert taken == [0, 1, 2, 3]

    def test_errors(self):
        with pytest.raises(ValueError, match=r'1 .*2'):
            list(frames_at('abc', [2, 1]))
        with pytest.raises(ValueError, match=r'frame 3.*3'):
            list(frames_at('abc', [0, 3]))


class TestPlayback:
    @staticmethod
    def shown(times, seconds):
        """The frame of which a player is in the middle."""
        return max(i for i, time in enumerate(times) if time <= seconds)

    @pytest.mark.parametrize('rate', [30, 60])
    def test_other_rates_and_a_variable_one_in_real_time(self, rate):
        variable = np.cumsum([0, 0.01, 0.2, 0.05, 0.3, 0.04])
        times = [np.arange(8) / 15, 5 + np.arange(120) / 240, variable]
        timeline = np.stack(
            [np.linspace(0, len(one) - 1, 8).astype(int) for one in times]
        )
        recorded, aligned = playback(times, timeline, 0, rate)
        # 0.6 s and the usual 0.05 s of its last frame.
        assert recorded.shape == aligned.shape == (3, round(0.65 * rate))
        for moment in range(recorded.shape[1]):
            seconds = (moment + 0.5) / rate
            at = self.shown(times[0], seconds)
            for i, one in enumerate(times):
                assert recorded[i, moment] == self.shown(one - one[0], seconds)
                assert aligned[i, moment] == timeline[i, at]

    def test_half_a_second_lasts_half_a_second(self):
        times = [np.arange(7) / 15, np.arange(120) / 240]
        timeline = np.array([range(7), [0, 20, 40, 60, 80, 100, 119]])
        recorded, _ = playback(times, timeline, 0, 60)
        assert recorded[1].tolist() == list(range(2, 120, 4))

    def test_a_single_frame(self):
        recorded, aligned = playback(
            [np.zeros(1), np.zeros(1)], np.zeros((2, 1), int), 0, 30
        )
        assert recorded.tolist() == aligned.tolist() == [[0], [0]]
        assert frame_interval(np.zeros(1)) == 1 / 30


class TestSkeleton:
    def test_colors_tell_sides(self):
        image = np.full((40, 40, 3), PAPER, np.uint8)
        pose = np.array([[20, 20], [35, 20], [5, 20], [20, 5]])
        draw_bones(image, pose, SKELETON, np.array([1, 1, 1, 0]))
        # Lines are smoothed.
        np.testing.assert_allclose(image[20, 30], LEFT, atol=40)
        np.testing.assert_allclose(image[20, 10], RIGHT, atol=40)
        np.testing.assert_allclose(image[10, 20], UNSEEN, atol=40)
        draw_bones(image, pose, SKELETON)
        np.testing.assert_allclose(image[10, 20], MIDDLE, atol=40)
        # Far outside is cut, not an error.
        draw_bones(image, pose * 1e12, SKELETON)

    def test_joints_without_a_position_are_not_drawn(self):
        pose = np.array([[20, 20], [35, 20], [5, 20], [0, 0]])
        score = np.array([1, 1, 1, 0])
        image = np.full((40, 40, 3), PAPER, np.uint8)
        draw_bones(image, pose, SKELETON, score)
        assert (image[:18] == PAPER).all()
        far = np.stack([pose + 500, pose])
        far[:, 3] = 0
        found = draw_poses(far, SKELETON, 64, np.stack([score, score]))
        # Neither do they make the others smaller.
        _, columns = np.nonzero((found[0] != PAPER).any(-1))
        assert np.ptp(columns) > 45
        np.testing.assert_array_equal(*found)
        none = draw_poses(0 * far, SKELETON, 64, np.zeros((2, 4)))
        assert (np.array(none) == PAPER).all()

    def test_people_side_by_side_are_drawn_like_each_alone(self):
        pose = np.array([[20, 20], [40, 20], [5, 20], [20, 5]])
        score = np.array([1, 1, 1, 0])
        both = np.zeros((90, 50, 3), np.uint8)
        alone = both.copy()
        people = [pose, pose + np.array([0, 40])]
        draw_bones(
            both,
            np.concatenate(people),
            SKELETON,
            np.concatenate([score, score[::-1]]),
        )
        draw_bones(alone, people[0], SKELETON, score)
        draw_bones(alone, people[1], SKELETON, score[::-1])
        np.testing.assert_array_equal(both, alone)

    def test_views(self):
        joints = np.arange(12.0).reshape(1, 4, 3)
        np.testing.assert_array_equal(
            flatten_poses(joints, '-y'), joints[..., :2]
        )
        np.testing.assert_array_equal(
            flatten_poses(joints, 'y'), joints[..., :2] * [1, -1]
        )
        np.testing.assert_array_equal(
            flatten_poses(joints, 'z'), joints[..., [0, 2]] * [1, -1]
        )
        with pytest.raises(ValueError, match=r"up_axis.*'z'"):
            flatten_poses(joints[..., :2], 'z')
        with pytest.raises(ValueError, match=r"up_axis.*'x'"):
            flatten_poses(joints, 'x')

    def test_one_size_for_all_poses(self):
        pose = np.array([[0, 0], [1, 0], [-1, 0], [0, -2.0]])
        large, small = draw_poses(
            np.stack([pose, pose / 2 + 50]), SKELETON, 64
        )
        assert large.shape == (64, 64, 3)

        def extent(image):
            rows, columns = np.nonzero((image != PAPER).any(-1))
            return np.ptp(rows), (columns.min() + columns.max()) / 2

        tall, middle = extent(large)
        short, other = extent(small)
        assert abs(tall - 2 * short) < 4
        # Both stand in the middle.
        assert abs(middle - 32) < 2
        assert abs(other - 32) < 2
        # A pose without extent is no error.
        assert len(draw_poses(np.zeros((2, 4, 2)), SKELETON, 32)) == 2


def plain(value, height, width, number):
    return [
        np.full((height, width, 3), value + i, np.uint8) for i in range(number)
    ]


def test_rows_and_bars():
    pictures = list(
        show_in_step(
            ['a', 'a name that is far too long to be written'],
            [plain(10, 30, 40, 3), plain(50, 60, 40, 3)],
            [plain(100, 30, 40, 3), plain(150, 60, 40, 3)],
            np.array([[0, 0.5, 1], [0, 0, 1]]),
            np.array([[0, 0, 0.5], [1, 1, 1]]),
            height=60,
        )
    )
    assert len(pictures) == 3
    shapes = {picture.shape for picture in pictures}
    assert len(shapes) == 1
    high, wide, _ = shapes.pop()
    assert high % 2 == wide % 2 == 0
    half = high // 2
    for t, picture in enumerate(pictures):
        # What was recorded is above, what is in step below.
        for rows, values in (
            (slice(half), (10, 50)),
            (slice(half, None), (100, 150)),
        ):
            found = set(np.unique(picture[rows]).tolist())
            assert {value + t for value in values} <= found
    blue = (pictures[1] == (0, 114, 178)).all(-1)
    # Half of the first one's bar, 80 pixels wide, and none of the second's.
    assert blue[:half].sum(1).max() == 40
    assert blue[half:].sum(1).max() == 80


def test_names_of_other_letters():
    pictures = [
        next(
            show_in_step(
                [name],
                [plain(10, 30, 120, 1)],
                [plain(10, 30, 120, 1)],
                np.zeros((1, 1)),
                np.zeros((1, 1)),
                height=60,
            )
        )
        for name in ('leger', 'léger', 'l?ger', 'l??ger')
    ]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert (one != other).any()


@pytest.mark.parametrize(
    ('name', 'rate', 'tolerance'), [('a.mp4', 29.97, 8), ('a.gif', 25, 1)]
)
def test_written_videos_are_read_again(tmp_path, name, rate, tolerance):
    av = pytest.importorskip('av', reason='needs the extra "features"')
    path = tmp_path / 'out' / name
    images = plain(60, 48, 64, 5)
    assert write_video(path, iter(images), rate) == 5
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate) == pytest.approx(rate, abs=1e-3)
        found = [
            frame.to_ndarray(format='rgb24') for frame in container.decode(0)
        ]
    for image, expected in zip(found, images, strict=True):
        assert np.abs(image.astype(int) - expected).max() < tolerance
    with pytest.raises(ValueError, match='none'):
        write_video(tmp_path / f'none{path.suffix}', [], 30)
    assert list(tmp_path.iterdir()) == [tmp_path / 'out']
