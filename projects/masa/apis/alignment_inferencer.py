from collections.abc import Sequence

import numpy as np

from ..alignment import (
    Alignment,
    Match,
    Timeline,
    align_all,
    align_pair,
    anomaly_score,
    retrieve_frames,
    transfer_labels,
)
from .frame_index import FrameIndex
from .input_reader import Input
from .live_aligner import LiveAligner
from .reference_inferencer import ReferenceInferencer


class AlignmentInferencer(ReferenceInferencer):
    """Embeds sequences with a trained model, and aligns them.

    Every method accepts as a sequence: a video or a folder of images, if the
    config has ``from_video``; a file of poses or a folder of them
    (docs/pose_files.md); an annotation file, or a list of records as MMAction2
    has it; a ``.npy`` file, a folder of them or an array, joints ``(T, V, C)``
    or features ``(T, D)``, as the model needs them; a record as a dict; and an
    :class:`EmbeddedSequence` that :meth:`embed` returned. Arrays of joints
    have NaN where a joint is missing, for a model that knows of missing
    joints.

    Args:
        model (str | Path | Config, optional): The ``.onnx`` file of an
            exported model, which needs no PyTorch; the work directory of a
            training, which holds both config and weights; a config file; or
            a config. Defaults to the pretrained model that comes with masa
            (docs/model_card.md), which needs no PyTorch.
        weights (str | Path, optional): The checkpoint. Defaults to the last
            one of the work directory.
        device (str, optional): Such as ``cuda:0``. Defaults to the device
            that is available, or ``cpu`` for an exported model.
        features (str | Path): Folder that the ``feature_path`` of records is
            relative to. Defaults to the working directory.
        cache (str | Path | bool, optional): Folder that keeps what is
            extracted from videos for the next time, by their content, or the
            folder that ``masa extract`` wrote to. Defaults to True, a folder
            of the user's (:func:`masa.extraction.content_cache.default_cache`
            ); None and False keep nothing.
        frame_rate (float, optional): Frames per second of sequences that
            have neither time stamps nor a rate, such as arrays. Defaults to
            None, unknown.
        layout (str | dict, optional): Layout of the joints of sequences that
            do not say theirs, such as arrays: a name in
            :data:`masa.datasets.skeletons.LAYOUTS`, or a description like
            those. Only for a model that takes any body. Defaults to the
            model's layout, for arrays.
        up_axis (str, optional): Which way is up in 3D joints: ``'y'``,
            ``'-y'`` (as in images and cameras) or ``'z'``. Only for a model
            that views them by a camera. Defaults to what the file or the
            layout says.
        limits (MediaLimits): Limits above which a video is refused before it
            is decoded, unless ``from_video`` of the config has others.
        show_progress (bool): Whether to show the progress of extraction
            and, in a terminal, of embedding, on standard error. Defaults to
            False.
        unsafe_load (bool): Whether the checkpoint may run code. Set it only
            for a checkpoint from a trusted source. Defaults to False.
        time_step (float): Seconds between the frames of a video in which
            poses are estimated; in between they are interpolated. Defaults
            to 0, every frame.

    Raises:
        ConfigError: If the config has unknown names, or values that the
            model's constructors refuse.
        FileNotFoundError: If there is no config or no checkpoint.
        CheckpointError: If the checkpoint is damaged, holds code or does not
            fit the model.
        ValueError: If a work directory has several configs, an option is
            none of its choices, or is not for this model.

    Example:
        >>> from masa.apis import AlignmentInferencer
        >>> inferencer = AlignmentInferencer('work_dirs/masa_videos')
        >>> first, second = inferencer.embed(['a.mp4', 'b.mp4'])
        >>> inferencer.align(first, second).match_first()
    """

    def align(
        self,
        first: Input,
        second: Input,
        method: str = 'dtw',
        skip: float | None = None,
    ) -> Alignment:
        """Align two sequences.

        Args:
            first (Input): The first sequence.
            second (Input): The second sequence.
            method (str): ``dtw``, which is monotone, ``nearest``, or
                ``partial``, for recordings that are cut off or show more; see
                :func:`~masa.alignment.align_pair`.
            skip (float, optional): For ``partial``, the squared distance
                above which a frame is left unmatched.

        Returns:
            Alignment: Pairs of frames and their cost, with the times of the
            frames where they are known.

        Example:
            >>> alignment = inferencer.align('a.mp4', 'b.mp4')
            >>> alignment.path[:3].tolist(), alignment.cost
        """
        # One by one: both may have the same id, or one may be embedded.
        first, second = self._single(first), self._single(second)
        alignment = align_pair(first.embedding, second.embedding, method, skip)
        if first.timestamps is None or second.timestamps is None:
            return alignment
        return alignment._replace(times=(first.timestamps, second.timestamps))

    def align_all(
        self,
        inputs: Sequence[Input],
        reference: int | None = None,
        method: str = 'dtw',
    ) -> Timeline:
        """Align several sequences on one timeline.

        Args:
            inputs (Sequence[Input]): The sequences to align.
            reference (int, optional): Position of the sequence whose
                timeline is used; see :func:`~masa.alignment.align_all`.
            method (str): ``dtw``, which is monotone, ``nearest``, or
                ``partial``, for recordings that are cut off or show more.

        Returns:
            Timeline: The matched frames of all sequences.

        Example:
            >>> timeline = inferencer.align_all(['a.mp4', 'b.mp4', 'c.mp4'])
            >>> timeline.frames[:, 10]  # the 11th moment, in each of them
        """
        return align_all(self._embeddings(inputs), reference, method)

    def retrieve(
        self,
        query: Input,
        frame: int,
        others: Sequence[Input] | FrameIndex,
        k: int = 5,
    ) -> list[Match]:
        """Retrieve the frames of other sequences that match a frame.

        Args:
            query (Input): The sequence of the query frame.
            frame (int): Index of the query frame; negative from the end.
            others (Sequence[Input] | FrameIndex): The sequences to search.
                In an index, a sequence of the query's name is left out.
            k (int): Number of frames, at most one of each sequence.

        Returns:
            list[Match]: The nearest first; ``sequence`` is a position in
            ``others``, or in the index's ``names``.

        Raises:
            IndexError: If there is no such frame.

        Example:
            >>> inferencer.retrieve('a.mp4', 30, ['b.mp4', 'c.mp4'], k=2)
        """
        query = self._single(query)
        if not -len(query) <= frame < len(query):
            raise IndexError(
                f'{query.name} has {len(query)} frames, and no frame {frame}'
            )
        if isinstance(others, FrameIndex):
            own = query.name if query.name in others.names else None
            return others.retrieve(query.embedding[frame], k, own)
        return retrieve_frames(
            query.embedding[frame],
            self._embeddings(others),
            k,
        )

    def transfer_labels(
        self,
        labelled: Input,
        others: Sequence[Input],
        labels: Sequence | None = None,
        method: str = 'dtw',
    ) -> list[np.ndarray]:
        """Transfer the labels of one sequence to others.

        Args:
            labelled (Input): The labelled sequence.
            others (Sequence[Input]): The sequences to label.
            labels (Sequence, optional): One for each frame of ``labelled``.
                Defaults to its phases.
            method (str): ``dtw``, which keeps the order of the labels, or
                ``nearest``.

        Returns:
            list[np.ndarray]: One label for each frame of every sequence.

        Raises:
            ValueError: If there are no labels, or not one for each frame.

        Example:
            >>> steps = ['down'] * 40 + ['up'] * 32
            >>> inferencer.transfer_labels('a.mp4', ['b.mp4'], steps)
        """
        labelled = self._single(labelled)
        if labels is None:
            labels = labelled.phase
        if labels is None:
            raise ValueError(
                f'{labelled.name} has no phases: give labels, one a frame '
                '(--labels FILE)'
            )
        return transfer_labels(
            labelled.embedding,
            labels,
            self._embeddings(others),
            method,
        )

    def anomaly_score(
        self, sequence: Input, references: Sequence[Input]
    ) -> np.ndarray:
        """Score how much every frame departs from reference sequences.

        Args:
            sequence (Input): The sequence to score.
            references (Sequence[Input]): Sequences of the usual execution.

        Returns:
            np.ndarray: (T,); see :func:`~masa.alignment.anomaly_score`.

        Example:
            >>> score = inferencer.anomaly_score('new.mp4', ['a.mp4', 'b.mp4'])
            >>> score.argmax()  # the frame that departs most
        """
        sequence = self._single(sequence)
        return anomaly_score(
            sequence.embedding,
            self._embeddings(references),
        )

    def follow(self, reference: Input, rate: float = 10.0) -> LiveAligner:
        """Follow a running recording along a reference.

        Args:
            reference (Input): The reference, of joints.
            rate (float): How often the recording is embedded in a second.

        Returns:
            LiveAligner: Takes one frame at a time.

        Raises:
            ValueError: If the reference has no joints or no times.

        Example:
            >>> live = inferencer.follow('a.mp4')
            >>> live.push(joints, time).reference_time
        """
        return LiveAligner(self._single(reference), self, rate=rate)
