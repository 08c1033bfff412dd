from types import SimpleNamespace

import numpy as np
import pytest

from masa.archive.packed_poses import (
    PART,
    pack_poses,
    parts_around,
    unpack_poses,
)
from masa.archive.sequences import make_entry, model_version
from masa.archive.windows import STEP, WINDOW, embed_moments, nearest_frames
from masa.datasets.skeletons import PENN_ACTION


def body(frames, dims=2, rate=30.0, **fields):
    rng = np.random.default_rng(frames)
    return dict(
        frame_dir='one',
        total_frames=frames,
        timestamps=np.arange(frames) / rate + 5,
        keypoint=rng.normal(300, 90, (1, frames, 13, dims)).astype('f4'),
        keypoint_score=rng.random((1, frames, 13)).astype('f4'),
        skeleton=PENN_ACTION | {'up_axis': 'z'},
        **fields,
    )


@pytest.mark.parametrize('frames', [1, PART, 2 * PART + 7])
@pytest.mark.parametrize('dims', [2, 3])
def test_joints_are_packed_to_their_precision(frames, dims):
    record = body(frames, dims, img_shape=(1080, 1920))
    packed = pack_poses(record)
    assert all(len(part) < 65535 for part in packed.parts)
    found = unpack_poses('one', packed.parts, packed.layout)
    extent = np.ptp(record['keypoint'])
    np.testing.assert_allclose(
        found['keypoint'], record['keypoint'], atol=extent / 65535
    )
    np.testing.assert_allclose(
        found['keypoint_score'], record['keypoint_score'], atol=1 / 255
    )
    np.testing.assert_allclose(
        found['timestamps'], record['timestamps'], atol=1e-4
    )
    assert found['img_shape'] == (1080, 1920)
    assert found['skeleton'] == record['skeleton']


def test_the_digest_is_of_all_that_is_kept():
    digests = [pack_poses(body(9)).digest]
    assert pack_poses(body(9)).digest == digests[0]
    for key in ('keypoint', 'keypoint_score', 'timestamps'):
        record = body(9)
        record[key] = record[key].copy()
        record[key][..., -1:] += 0.5
        digests.append(pack_poses(record).digest)
    digests.append(pack_poses(body(9, img_shape=(9, 9))).digest)
    assert len(set(digests)) == len(digests)


def test_a_still_body_is_kept():
    record = body(3)
    record['keypoint'][:] = 7
    packed = pack_poses(record)
    found = unpack_poses('one', packed.parts, packed.layout)
    np.testing.assert_array_equal(found['keypoint'], 7)


@pytest.mark.parametrize(
    'stretch', [(0, 1), (0, 1e9), (100, 103), (299, np.inf), (400, 500)]
)
def test_the_parts_around_a_stretch_hold_it(stretch):
    frames, duration = 9000, 300.0
    parts = parts_around(*stretch, frames, duration)
    times = np.linspace(0, duration, frames)
    inside = np.flatnonzero((times >= stretch[0]) & (times <= stretch[1]))
    held = range(parts[0] * PART, (parts[-1] + 1) * PART)
    assert set(inside[[0, -1]] if len(inside) else ()) <= set(held)
    assert parts[-1] <= (frames - 1) // PART
    assert parts_around(*stretch, 1, 0.0) == range(1)


class FakeModel:
    """Embeds a frame of a part by its number and that of the part's first."""

    model = SimpleNamespace(prepare=lambda record: record)

    def part_embedder(self, sequence, moments):
        def embed(parts):
            self.parts = parts
            return [
                np.stack([np.arange(a, b), np.full(b - a, a)], 1, dtype=float)
                for a, b in parts
            ]

        return embed


@pytest.mark.parametrize('frames', [1, 5, 17, 18, 19, 200])
def test_moments_are_means_over_windows(frames):
    """A loop over the windows, weighted by the distance to their ends."""
    model, record = FakeModel(), body(frames)
    found, embeddings = embed_moments(model, record)
    times = record['timestamps']
    wanted = np.arange(times[0], times[-1] + STEP / 2, STEP)
    for moment, frame in zip(wanted, found, strict=True):
        assert abs(times[frame] - moment) == np.abs(times - moment).min()
    for a, b in model.parts:
        length = times[b - 1] - times[a]
        assert length == pytest.approx(
            min(WINDOW, times[-1] - times[0]), abs=0.04
        )
    for frame, embedding in zip(found, embeddings, strict=True):
        total, weights = np.zeros(2), 0.0
        for a, b in model.parts:
            if a <= frame < b:
                weight = min(frame - a + 1, b - frame)
                total += weight * np.array([frame, a])
                weights += weight
        np.testing.assert_allclose(embedding, total / weights, rtol=1e-6)


def test_a_gap_in_a_recording_has_no_moments():
    record = body(60)
    record['timestamps'][30:] += 100
    frames, embeddings = embed_moments(FakeModel(), record)
    assert np.isfinite(embeddings).all()
    assert len(frames) == len(np.unique(frames)) == 22


def test_the_nearest_frame_is_taken_once():
    times = np.array([0.0, 0.3, 0.32, 0.5])
    assert nearest_frames(times, 0.1).tolist() == [0, 1, 2, 3]
    assert nearest_frames(times[:1], 0.1).tolist() == [0]


def test_what_is_archived_is_what_can_be_read_again(model):
    record = body(40, 3)
    record['skeleton'] = PENN_ACTION | {'up_axis': 'y'}
    entry = make_entry(model, record, 'source.npy')
    layout, parts = entry.sequence.layout, entry.poses.parts
    again = make_entry(model, unpack_poses('one', parts, layout), 'x')
    np.testing.assert_allclose(again.embeddings, entry.embeddings, atol=1e-3)
    assert entry.sequence.duration == pytest.approx(39 / 30, abs=1e-3)


def test_times_and_a_model_of_any_body_are_expected(model):
    record = body(9, 2)
    del record['timestamps']
    with pytest.raises(ValueError, match='one'):
        make_entry(model, record, 'x')
    other = SimpleNamespace(model=SimpleNamespace(transforms=[]))
    with pytest.raises(ValueError, match='SelectBodyJoints'):
        model_version(other)
