from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from mmaction.datasets import PoseDataset
from mmengine.dataset import force_full_init
from mmengine.logging import print_log

from ..registry import DATASETS
from .annotation import load_annotations
from .errors import AnnotationError, refuse_problems
from .keyed_random import KeyedRandom
from .packed_poses import is_packed, name_pose_files, unpack_poses
from .pipeline_checks import check_pipeline_inputs
from .problem import Problem
from .record_checks import label_of
from .schema import check_annotations, record_name
from .transforms import SelectPerson

# More would hide the first ones; ``masa check`` prints all.
PROBLEMS_SHOWN = 10


@DATASETS.register_module()
class SequenceDataset(KeyedRandom, PoseDataset):
    """Load sequences of skeletons, of frame features, or of both.

    Reads MMAction2's skeleton annotation files and, beside what these hold,
    a phase for every frame, the path of frame features, and the names of
    activities, phases and joints: see docs/data.md. Pickles are read without
    running code, and the whole file is checked before it is used; so is that
    every sequence has what the transforms of the pipeline read.

    Args:
        ann_file (str): The annotation file: ``.pkl``, ``.npz`` or ``.json``.
        pipeline (list[dict | Callable]): The transforms.
        split (str | Sequence[str], optional): Name of the split, or of
            several, one after the other; every sample says which it is of.
            The sequences keep the order of the split's list, on which the
            label fractions of phase classification depend. None takes all
            records. Defaults to None.
        activities (Sequence[str | int], optional): The activities to keep,
            by name or by index (the label): one for a model of a single
            activity, several for a model of these. Labels stay as they are;
            sequences of unknown activity are left out. Defaults to all.
        partner (str, optional): ``'activity'`` gives every sample another
            sequence of its activity, drawn anew in every epoch: the sample's
            second view is that sequence's, and ``partner`` of its data
            sample says which. For the methods that align two sequences, and
            only in training; it needs activity labels. None, for the methods
            that need none, leaves both views to the pipeline. Defaults to
            None.
        data_prefix (dict): ``feature`` is the folder that every
            ``feature_path`` is relative to, ``skeleton`` that of the files
            of poses that records name as ``raw_file``; if it is given, the
            poses of records that have none are sought there as ``<id>.pkl``.
            Both default to the working directory.
        **kwargs: Of MMAction2's ``PoseDataset``, such as ``test_mode``,
            ``box_thr`` and ``valid_ratio``.
            ``metainfo`` may give the ``activities``, ``phases`` and
            ``skeleton`` of a file that has none; it goes before the file's.

    Raises:
        AnnotationError: If the file has problems, lacks a split or an
            activity, a sequence would come up twice, or a sequence has no
            partner. The message names the file.
        ValueError: If ``partner`` is unknown, or asked for in test mode.
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
        # MMAction2 would read the pickles there by a reader that runs what
        # is in them.
        self.pose_folder = self.data_prefix.pop('skeleton', None)

    @property
    def source(self) -> str:
        """str: Where the sequences come from, for messages."""
        return self.ann_file

    def read_annotations(self) -> dict:
        """Read the annotations, unchecked."""
        return load_annotations(self.ann_file)

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation file, and select the records."""
        annotations = self.read_annotations()
        for key in ('activities', 'phases', 'skeleton'):
            self._metainfo.setdefault(key, annotations.get(key))
            annotations[key] = self._metainfo[key]
        if self.pose_folder is not None:
            annotations = name_pose_files(annotations)
        note = '"masa check" lists them all'
        self._refuse(check_annotations(annotations), note)
        names = annotations['activities']
        records = self._select(annotations)
        if self.activities is not None:
            keep = self._labels_to_keep(names, records)
            records = [r for r in records if label_of(r) in keep]
        if not records:
            raise AnnotationError(
                f'{self.source} has no sequences of the activities '
                f'{self.activities} in the split {self.split}'
            )
        if any(map(is_packed, records)):
            folder = self.pose_folder or self.data_root or ''
            records, problems = unpack_poses(records, folder, self.box_thr)
            self._refuse(problems, note)
            unpacked = dict(annotations, annotations=records, split=None)
            self._refuse(check_annotations(unpacked), note)
        records = [self._complete(record, names) for record in records]
        self._link_people(records)
        self._refuse(
            check_pipeline_inputs(
                records, annotations['skeleton'], self.pipeline.transforms
            ),
            'of what the pipeline reads',
        )
        return records

    def _link_people(self, records: list[dict]) -> None:
        """Prepare and announce the choice among several people."""
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

    def _refuse(self, problems: list[Problem], note: str) -> None:
        heading = f'{self.source} has {len(problems)} problems'
        refuse_problems(heading, problems, PROBLEMS_SHOWN, note)

    def _labels_to_keep(
        self, names: list[str] | None, records: list[dict]
    ) -> set[int]:
        wanted = self.activities
        if isinstance(wanted, str) or not isinstance(wanted, Sequence):
            raise AnnotationError(
                'activities is expected to be a list of names or indices of '
                f'{self.source}, but is {wanted!r}'
            )
        # A file without names has the labels that occur.
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

    def _select(self, annotations: dict) -> list[dict]:
        records = {
            record_name(record, number): dict(record, split='')
            for number, record in enumerate(annotations['annotations'])
        }
        for name, record in records.items():
            record['frame_dir'] = name
        if self.split is None:
            return list(records.values())
        splits = annotations.get('split') or {}
        wanted = [self.split] if isinstance(self.split, str) else self.split
        missing = [name for name in wanted if name not in splits]
        if missing:
            raise AnnotationError(
                f'{self.source} has no split {missing}; it has {list(splits)}'
            )
        selected: dict[str, dict] = {}
        for split in wanted:
            for name in splits[split]:
                if name in selected:
                    raise AnnotationError(
                        f'{self.source} has {name!r} in the splits '
                        f'{selected[name]["split"]!r} and {split!r}, which '
                        'are read together'
                    )
                selected[name] = dict(records[name], split=split)
        return list(selected.values())

    def _complete(self, record: dict, names: list[str] | None) -> dict:
        record['total_frames'] = int(record['total_frames'])
        record['label'] = label_of(record)
        record['activity'] = (
            names[record['label']] if names and record['label'] >= 0 else ''
        )
        for key, dtype in (
            ('keypoint', np.float32),
            ('keypoint_score', np.float32),
            ('canonical_time', np.float32),
            ('timestamps', np.float64),
            ('phase', np.int64),
            ('smpl_body_pose', np.float32),
            ('smpl_betas', np.float32),
        ):
            if record.get(key) is not None:
                record[key] = np.asarray(record[key], dtype=dtype)
        if 'feature_path' in record:
            record['feature_path'] = str(
                Path(
                    self.data_prefix.get('feature', ''), record['feature_path']
                )
            )
        return record

    def filter_data(self) -> list[dict]:
        """Leave out what ``valid_ratio`` of MMAction2 asks to leave out."""
        # MMAction2 logs how many remain even if nothing is asked for.
        return super().filter_data() if self.valid_ratio else self.data_list

    def full_init(self) -> None:
        """Read the annotations, and see that every sequence has a partner."""
        super().full_init()
        if self.partner:
            self._partners_by_label()

    def prepare_data(self, idx: int) -> dict:
        """Run the pipeline on one record, or on it and its partner.

        With partners, the views are the first of the one and the last of the
        other.
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
        """Return the indices of the sequences of every activity by label.

        An AnnotationError says that a sequence is the only one of its
        activity, or its activity is not known.
        """
        # A subset has other records, which tell it from what it was taken of.
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
        """Return one record, with the skeleton's description beside it."""
        record = super().get_data_info(idx)
        record['skeleton'] = self._metainfo['skeleton']
        return record

    @property
    @force_full_init
    def lengths(self) -> np.ndarray:
        """np.ndarray: Number of frames of every sequence, ``(N,)``, int64."""
        # Not kept: get_subset_ would have to know of it.
        get_record = super().get_data_info
        return np.array(
            [get_record(i)['total_frames'] for i in range(len(self))]
        )
