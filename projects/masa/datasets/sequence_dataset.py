from collections.abc import Callable, Sequence

import numpy as np
from mmaction.datasets import PoseDataset
from mmengine.dataset import force_full_init
from mmengine.logging import print_log

from ..registry import DATASETS
from .annotation import load_annotations
from .errors import AnnotationError
from .keyed_random import KeyedRandom
from .packed_poses import name_pose_files
from .pipeline_checks import check_pipeline_inputs
from .record_checks import label_of
from .records import (
    complete_record,
    refuse,
    select_records,
    unpack_records,
)
from .schema import check_annotations
from .transforms import SelectPerson


@DATASETS.register_module()
class SequenceDataset(KeyedRandom, PoseDataset):
    """Load sequences of skeletons, of frame features, or of both.

    Reads MMAction2's skeleton annotation files, extended by phases of frames,
    paths of frame features and names of activities, phases and joints: see
    docs/data.md. Pickles are read without running code. The whole file is
    checked first, including that every sequence has what the transforms of the
    pipeline read.

    Args:
        ann_file (str): The annotation file: ``.pkl``, ``.npz`` or ``.json``.
        pipeline (list[dict | Callable]): The transforms.
        split (str | Sequence[str], optional): Name of the split, or names of
            several to concatenate; each sample has its ``split``. Sequences
            keep the order of the split's list, on which the label fractions of
            phase classification depend. Defaults to None, all records.
        activities (Sequence[str | int], optional): Activities to keep, by name
            or label. Labels are not renumbered; sequences of unknown activity
            are left out. Defaults to all.
        partner (str, optional): ``'activity'`` takes the second view of a
            sample from another sequence of its activity, drawn anew in every
            epoch and named as ``partner`` in the data sample. For methods that
            align two sequences; in training only, and needs activity labels.
            Defaults to None: both views are of the same sequence.
        data_prefix (dict): ``feature`` is the folder of every
            ``feature_path``; ``skeleton`` is that of the files of poses named
            as ``raw_file``, and, if given, records without poses are read
            from ``<id>.pkl`` in it. Both default to the working directory.
        **kwargs (Any): Arguments of MMAction2's ``PoseDataset``, such as
            ``test_mode``, ``box_thr`` and ``valid_ratio``. ``metainfo`` may
            contain ``activities``, ``phases`` and ``skeleton``, which
            override those of the file.

    Raises:
        AnnotationError: If the file has problems or lacks a split or an
            activity, a sequence is in several of the splits, or one has no
            partner. The message names the file.
        ValueError: If ``partner`` is unknown or given in test mode.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: list[dict | Callable],
        split: str | Sequence[str] | None = None,
        activities: Sequence[str | int] | None = None,
        partner: str | None = None,
        data_prefix: dict = dict(feature=''),  # noqa: B006
        **kwargs,
    ):
        if partner not in (None, 'activity'):
            raise ValueError(
                "partner is expected to be None or 'activity', but got "
                f'{partner!r}'
            )
        if partner and kwargs.get('test_mode'):
            raise ValueError(
                f'partner={partner!r} is for training: embeddings are taken '
                'from single sequences'
            )
        self.activities = activities
        self.partner = partner
        self._partners: tuple | None = None
        super().__init__(
            ann_file,
            pipeline=pipeline,
            split=split,
            data_prefix=data_prefix,
            **kwargs,
        )

    def _join_prefix(self) -> None:
        super()._join_prefix()
        # MMAction2 would read these pickles with a reader that runs code.
        self.pose_folder = self.data_prefix.pop('skeleton', None)

    @property
    def source(self) -> str:
        """str: Source of the sequences, for messages."""
        return self.ann_file

    def read_annotations(self) -> dict:
        """Read the annotations without checking them."""
        return load_annotations(self.ann_file)

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation file, and select the records."""
        annotations = self.read_annotations()
        for key in ('activities', 'phases', 'skeleton'):
            self._metainfo.setdefault(key, annotations.get(key))
            annotations[key] = self._metainfo[key]
        if self.pose_folder is not None:
            annotations = name_pose_files(annotations)
        refuse(self.source, check_annotations(annotations))
        names = annotations['activities']
        records = select_records(annotations, self.split, self.source)
        if self.activities is not None:
            keep = self._labels_to_keep(names, records)
            records = [r for r in records if label_of(r) in keep]
        if not records:
            raise AnnotationError(
                f'{self.source} has no sequences of the activities '
                f'{self.activities} in the split {self.split}'
            )
        records = unpack_records(
            annotations,
            records,
            self.pose_folder or self.data_root or '',
            self.box_thr,
            self.source,
        )
        features = self.data_prefix.get('feature', '')
        records = [complete_record(one, names, features) for one in records]
        self._link_people(records)
        refuse(
            self.source,
            check_pipeline_inputs(
                records, annotations['skeleton'], self.pipeline.transforms
            ),
            'of what the pipeline reads',
        )
        return records

    def _link_people(self, records: list[dict]) -> None:
        """Link people for SelectPerson and log its selection."""
        for transform in self.pipeline.transforms:
            if not isinstance(transform, SelectPerson):
                continue
            people = [len(record.get('keypoint', ())) for record in records]
            for record in records:
                if 'keypoint' in record:
                    transform.link_people(record)
            more = sum(count > transform.people for count in people)
            if more:
                print_log(
                    f'{self.source}, split {self.split}: {more} of '
                    f'{len(records)} sequences list up to {max(people)} '
                    f'people, of whom {transform} takes {transform.people}',
                    'current',
                )

    def _labels_to_keep(
        self, names: list[str] | None, records: list[dict]
    ) -> set[int]:
        wanted = self.activities
        if isinstance(wanted, str) or not isinstance(wanted, Sequence):
            raise AnnotationError(
                'activities is expected to be a list of names or indices of '
                f'{self.source}, but is {wanted!r}'
            )
        # Without names, any label that occurs is known.
        known = names or sorted(
            {label_of(record) for record in records} - {-1}
        )
        labels = {label: label for label in known if not names}
        for label, name in enumerate(names or ()):
            labels |= {name: label, label: label}
        unknown = [
            activity
            for activity in wanted
            if isinstance(activity, bool) or activity not in labels
        ]
        if unknown:
            raise AnnotationError(
                f'{self.source} has no activities {unknown}; it has {known}'
            )
        return {labels[activity] for activity in wanted}

    def filter_data(self) -> list[dict]:
        """Filter by ``valid_ratio`` of MMAction2."""
        # MMAction2 logs the result even without a filter.
        return super().filter_data() if self.valid_ratio else self.data_list

    def full_init(self) -> None:
        """Read the annotations and check that every sequence has a partner."""
        super().full_init()
        if self.partner:
            self._partners_by_label()

    def prepare_data(self, idx: int) -> dict:
        """Run the pipeline on a record and its partner, if any.

        With a partner, the views are the first of the record and the last of
        the partner.
        """
        if not self.partner:
            return super().prepare_data(idx)
        record = self.get_data_info(idx)
        rng = self.generator(record['sample_idx'])
        others = self._partners_by_label()[record['label']]
        others = others[others != record['sample_idx']]
        other = self.get_data_info(int(rng.choice(others)))
        name = other['frame_dir']
        packed = self.run_pipeline(record, rng)
        views = self.run_pipeline(other, rng)['inputs']
        packed['inputs'] = [packed['inputs'][0], views[-1]]
        packed['data_samples'].set_metainfo(dict(partner=name))
        return packed

    def _partners_by_label(self) -> dict[int, np.ndarray]:
        """Return the indices of the sequences of each activity by label.

        Raises AnnotationError if a sequence is the only one of its activity or
        its activity is not known.
        """
        # A subset shares this cache but has other records.
        stored = self.data_address if self.serialize_data else self.data_list
        if self._partners is not None and self._partners[0] is stored:
            return self._partners[1]
        get_record = super().get_data_info
        labels = np.array([get_record(i)['label'] for i in range(len(self))])
        table = {
            int(label): np.flatnonzero(labels == label)
            for label in np.unique(labels)
        }
        for label, indices in table.items():
            if label < 0 or len(indices) < 2:
                name = get_record(int(indices[0]))['frame_dir']
                why = 'is not known' if label < 0 else 'has no other'
                raise AnnotationError(
                    f"{self.source}: partner='activity' needs two sequences "
                    f'or more of every activity, but that of {name!r} {why} '
                    f'in the split {self.split!r}'
                )
        self._partners = stored, table
        return table

    def get_data_info(self, idx: int) -> dict:
        """Return one record with the skeleton description."""
        record = super().get_data_info(idx)
        record['skeleton'] = self._metainfo['skeleton']
        return record

    @property
    @force_full_init
    def lengths(self) -> np.ndarray:
        """np.ndarray: Number of frames of every sequence, ``(N,)``, int64."""
        # Not cached, as get_subset_ would have to reset it.
        get_record = super().get_data_info
        return np.array(
            [get_record(i)['total_frames'] for i in range(len(self))]
        )
