from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import scipy

from ..alignment.follow import SPEEDS
from ..alignment.pair import mean_distance
from ..datasets.parts import SEARCH_MOMENTS
from ..datasets.people import find_joints
from ..embeddings import EmbeddedSequence
from ..embeddings.checks import check_sequences

if TYPE_CHECKING:
    from .embedding_inferencer import EmbeddingInferencer

# Seconds of a window, and the moments that it is sampled at.
WINDOW, MOMENTS = 0.6, 16
# Seconds between two moments of the reference, and most moments.
STEP, MOST_MOMENTS = 0.08, 256
# Frames of a window that are kept at most, however fast they come.
MOST_FRAMES = 128
# Windows that are embedded at once.
BATCH = 64
# Share of the largest squared distance to the first pose within which the
# reference has not left it.
LIKE_FIRST = 0.2


class EmbeddedFrames:
    """Frames that are embeddings already.

    Args:
        reference (np.ndarray): Embeddings, (M, D).
        timestamps (np.ndarray, optional): Their times in seconds, (M,).

    Attributes:
        times (np.ndarray): Moments of the reference, (M,).
        idle (np.ndarray): Whether the reference has not left the pose that
            it begins with, or has come back to it for good, (M,).
        is_slow (bool): Whether costs take long, and are asked for at a
            limited rate.

    Raises:
        ValueError: If the times are missing or not as many.
    """

    is_slow = False

    def __init__(self, reference: np.ndarray, timestamps: np.ndarray | None):
        (reference,) = check_sequences([reference], 'reference')
        if timestamps is None or np.shape(timestamps) != (len(reference),):
            raise ValueError(
                'timestamps are expected to be the seconds of the '
                f"reference's {len(reference)} frames, but got "
                f'{None if timestamps is None else np.shape(timestamps)}'
            )
        self.reference = reference.astype(np.float64)
        self.times = np.asarray(timestamps, dtype=np.float64)
        self.idle = idle_moments(self.reference)

    def usual_distance(self) -> float:
        """Squared distance that is usual for unlike moments."""
        return _usual_distance(self.reference)

    def reset(self) -> None:
        """Forget the frames."""
        self._frame = None

    def add(
        self, frame: np.ndarray | None, time: float, score: np.ndarray | None
    ) -> bool:
        """Take a frame; return whether anything is seen."""
        if frame is None:
            return False
        if score is not None:
            raise ValueError('score is for joints, but frames are embeddings')
        frame = np.asarray(frame, dtype=np.float64)
        if frame.shape != self.reference.shape[1:]:
            raise ValueError(
                'a frame is expected to be an embedding of the shape '
                f'{self.reference.shape[1:]}, but has {frame.shape}'
            )
        self._frame = frame
        return bool(np.isfinite(frame).all() and frame.any())

    def costs(self, time: float) -> np.ndarray:
        """Squared distance of the last frame to each moment, (M,)."""
        return scipy.spatial.distance.cdist(
            self._frame[None], self.reference, 'sqeuclidean'
        )[0]


class JointWindows:
    """Frames of joints, of which windows are embedded.

    Attributes and methods are those of :class:`EmbeddedFrames`.

    Args:
        reference (EmbeddedSequence): A sequence of joints with time stamps.
        model (EmbeddingInferencer): Embeds the windows.
        skeleton (dict, optional): Layout of the joints of frames, if not
            that of the reference.

    Raises:
        ValueError: If the reference has no joints of one person, or no
            times, or shows too little of the body.
    """

    is_slow = True

    def __init__(
        self,
        reference: EmbeddedSequence,
        model: 'EmbeddingInferencer',
        skeleton: dict | None,
    ):
        # ONNX Runtime takes long, and a trained model does without.
        from .exported_model import ExportedModel

        name, keypoint = reference.name, reference.keypoint
        record = reference.record or {}
        joints = len((reference.skeleton or {}).get('joints', ()))
        if keypoint is None or joints not in (0, keypoint.shape[1]):
            raise ValueError(
                f'{name} is expected to have the joints of one person; to '
                'follow embeddings of another model, give the array '
                '(reference.embedding) and its timestamps'
            )
        if reference.timestamps is None:
            raise ValueError(
                f'the times of {name} are not known: give frame_rate '
                '(--frame-rate) when it is embedded'
            )
        self.name = name
        self.model = model.model
        if isinstance(self.model, ExportedModel):
            # A window is too small to be shared by threads, which would
            # mostly wait for each other.
            self.model = ExportedModel(
                self.model.path, self.model.device, threads=1
            )
        self._may_miss = 'missing' in self.model.transforms[-1].modalities
        self._fields = {'skeleton': reference.skeleton}
        if 'img_shape' in record:
            self._fields['img_shape'] = record['img_shape']
        frames = _with_scores(keypoint, reference.keypoint_score)
        first, last = reference.timestamps[[0, -1]]
        count = min(round((last - first) / STEP) + 1, MOST_MOMENTS)
        self.times = np.linspace(first, last, count)
        before = np.linspace(-WINDOW, 0, MOMENTS)
        # By speed: performed at it, or just stopped or started.
        views = [[speed * before] for speed in SPEEDS]
        views[SPEEDS.index(0)].append(np.minimum(before + WINDOW / 2, 0))
        views[SPEEDS.index(1)].append(np.maximum(before, -WINDOW / 2))
        self._speeds = np.repeat(
            np.arange(len(views)), [len(some) for some in views]
        )
        self._before = before
        windows = [
            self._prepare(frames, reference.timestamps, end + view, name)
            for some in views
            for view in some
            for end in self.times
        ]
        shown = [window for window in windows if window is not None]
        if not shown:
            raise ValueError(f'{name} cannot be followed: {self._refusal}')
        newest = [
            embedding[-1]
            for i in range(0, len(shown), BATCH)
            for embedding in self.model.embed(
                shown[i : i + BATCH], SEARCH_MOMENTS
            )
        ]
        # Nothing is known of the others.
        self._newest = np.full((len(windows), len(newest[0])), np.nan)
        self._newest[[window is not None for window in windows]] = newest
        # Those of somebody who stands still come first.
        self.idle = idle_moments(self._newest[:count])
        self._joints = keypoint.shape[1]
        if skeleton is not None:
            self._fields['skeleton'] = skeleton
            self._joints = len(skeleton['joints'])

    def usual_distance(self) -> float:
        """Squared distance that is usual for unlike moments."""
        windows = self._newest.reshape(len(self._speeds), len(self.times), -1)
        (usual, _) = np.flatnonzero(self._speeds == SPEEDS.index(1))
        known = ~np.isnan(windows[usual]).any(1)
        return _usual_distance(windows[usual][known])

    def reset(self) -> None:
        """Forget the frames."""
        self._frames: deque[tuple[float, np.ndarray]] = deque()

    def add(
        self, frame: np.ndarray | None, time: float, score: np.ndarray | None
    ) -> bool:
        """Take a frame; return whether somebody is seen."""
        if frame is None:
            return False
        frame = np.asarray(frame, dtype=np.float32)
        if frame.shape not in ((self._joints, 2), (self._joints, 3)):
            raise ValueError(
                f'a frame is expected to hold joints, ({self._joints}, 2 or '
                f'3), but has the shape {frame.shape}'
            )
        if score is not None and np.shape(score) != (self._joints,):
            raise ValueError(
                'score is expected to be one number for each of the '
                f'{self._joints} joints, but has the shape {np.shape(score)}'
            )
        kept = self._frames
        if kept and kept[-1][1].shape[1] != frame.shape[1] + 1:
            raise ValueError(
                f'a frame is expected in {kept[-1][1].shape[1] - 1}D as the '
                f'one before, but has the shape {frame.shape}'
            )
        if score is None:
            score = np.full(self._joints, np.nan_to_num(frame).any())
        (frame,) = _with_scores(frame[None], np.asarray(score)[None])
        if not frame[:, -1].any():
            return False
        # One more, to interpolate at the window's beginning.
        while len(kept) > 1 and kept[1][0] <= time - WINDOW:
            kept.popleft()
        if kept and kept[0][0] < time - 2 * WINDOW:
            # Nobody was seen since, who knows doing what.
            kept.clear()
        if len(kept) > 1 and time - kept[-2][0] < WINDOW / MOST_FRAMES:
            kept.pop()
        kept.append((time, frame))
        return True

    def costs(self, time: float) -> np.ndarray:
        """Squared distances of the newest frame, (S, M), or NaN, (M,)."""
        times, frames = zip(*self._frames, strict=True)
        window = self._prepare(
            np.stack(frames), np.array(times), time + self._before
        )
        if window is None:
            return np.full(len(self.times), np.nan)
        (embedding,) = self.model.embed([window], SEARCH_MOMENTS)
        costs = scipy.spatial.distance.cdist(
            embedding[-1:].astype(np.float64), self._newest, 'sqeuclidean'
        )
        costs = costs.reshape(len(self._speeds), len(self.times))
        starts = np.flatnonzero(np.diff(self._speeds, prepend=-1))
        return np.fmin.reduceat(costs, starts, axis=0)

    def _prepare(
        self,
        frames: np.ndarray,
        times: np.ndarray,
        at: np.ndarray,
        name: str | None = None,
    ) -> np.ndarray | dict | None:
        """Make the model's input of a window; None if it shows too little.

        It is one of the reference if that has a name.
        """
        window = _interpolate(frames, times, at)
        if not self._may_miss and np.isnan(window).any():
            raise ValueError(
                'the model does not know of missing joints: fill in those '
                'that are NaN, or follow by the pretrained model'
            )
        keypoint, known = window[None, ..., :-1], window[None, ..., -1] > 0
        record = dict(
            frame_dir=name or 'the frames that are followed',
            is_part=name is not None,
            total_frames=len(at),
            keypoint=np.nan_to_num(keypoint),
            **self._fields,
        )
        if not known.all():
            record['keypoint_score'] = known.astype(np.float32)
        try:
            return self.model.prepare(record)
        except ValueError as error:
            # Such as without hips, which it centers on.
            self._refusal = error
            return None


def idle_moments(poses: np.ndarray) -> np.ndarray:
    """Tell where a reference has not begun, or has ended.

    Args:
        poses (np.ndarray): Embeddings of its moments, (M, D); NaN where
            nothing is known.

    Returns:
        np.ndarray: (M,) bool: the first moments, and the last ones, that are
        like the very first: within a fifth of the largest squared distance
        to it. None of a reference that does not move.

    Example:
        >>> idle_moments(np.array([[0.0], [1], [9], [0]])).tolist()
        [True, True, False, True]
    """
    apart = ((poses - poses[0]) ** 2).sum(1)
    known = ~np.isnan(apart)
    is_like = np.zeros(len(poses), dtype=bool)
    if known.any() and apart[known].max() > 0:
        is_like[known] = apart[known] <= LIKE_FIRST * apart[known].max()
    before = np.logical_and.accumulate(is_like)
    return before | np.logical_and.accumulate(is_like[::-1])[::-1]


def _with_scores(keypoint: np.ndarray, score: np.ndarray | None) -> np.ndarray:
    """Joints (T, V, C) and whether they are known, (T, V, C + 1) float32.

    NaN is where there is no position. Joints that are not known may have one
    that was filled in.
    """
    placed = np.isfinite(keypoint).all(-1)
    if score is None:
        known = find_joints(keypoint[None])[0] & placed
        placed = known
    else:
        known = (score > 0) & placed
        placed = placed & (known | (keypoint != 0).any(-1))
    positions = np.where(placed[..., None], keypoint, np.nan)
    return np.concatenate([positions, known[..., None]], -1, dtype=np.float32)


def _usual_distance(embeddings: np.ndarray) -> float:
    """Squared distance of unlike moments of (T, D)."""
    if np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-3):
        return 1.0
    return mean_distance(embeddings, embeddings)


def _interpolate(
    frames: np.ndarray, times: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Interpolate (T, V, C + 1) of `_with_scores`; the ends are held."""
    after = np.searchsorted(times, at).clip(0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    apart = np.maximum(times[after] - times[before], np.finfo(float).tiny)
    share = ((at - times[before]) / apart).clip(0, 1)[:, None, None]
    first, second = frames[before], frames[after]
    found = (1 - share) * first + share * second
    # A joint is where the nearer frame has it, if the other does not.
    nearer = np.where(share < 0.5, first, second)
    found = np.where(np.isnan(found), nearer, found)
    found[..., -1] = nearer[..., -1]
    return found.astype(np.float32)
