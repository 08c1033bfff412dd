"""Tables of joints and files of detectors, made on the spot."""

import csv
import pickle

import numpy as np
import pytest

from masa.datasets.skeletons import COCO_17, PENN_ACTION
from masa.pose_files.formats import FORMATS
from masa.pose_files.pose_file import PoseFile

JOINTS = PENN_ACTION['joints']


def write_table(path, columns, delimiter=','):
    """Write columns by name, a list of values each."""
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def joint_columns(joints, names=JOINTS, style='{}_{}', parts='xyz'):
    """Columns of joints (T, V, C), and of further parts after them."""
    return {
        style.format(name, part): joints[:, v, c].tolist()
        for v, name in enumerate(names)
        for c, part in zip(range(joints.shape[-1]), parts, strict=False)
    }


def only_format(path):
    """Return the format of a file that no other format takes for its own."""
    file = PoseFile(path)
    (form,) = (
        form
        for form in FORMATS
        if file.suffix in form.suffixes and form.recognizes(file)
    )
    return form


def as_dicts(person):
    """The landmarks of a person, (33, 4), as MediaPipe's users save them."""
    return [
        dict(zip(('x', 'y', 'z', 'visibility'), row, strict=True))
        for row in person.tolist()
    ]


def coco_file(people, images, **fields):
    """An annotation file, of people and images that alternate."""
    return dict(
        images=[dict(id=7 + i, file_name=n) for i, n in enumerate(images)],
        annotations=[
            dict(
                id=i,
                image_id=7 + i,
                category_id=1,
                bbox=[0, 0, 10, 10],
                keypoints=row,
                **{key: values[i] for key, values in fields.items()},
            )
            for i, row in enumerate(people)
            if row is not None
        ],
        categories=[dict(id=1, name='person', keypoints=COCO_17['joints'])],
    )


def write_deeplabcut(path, joints, names, individuals=('',)):
    """Joints (M, T, V, 3) of x, y and likelihood."""
    columns = [
        ('net', one, name, part)
        for one in individuals
        for name in names
        for part in ('x', 'y', 'likelihood')
    ]
    rows = np.moveaxis(joints, 0, 1).reshape(joints.shape[1], -1)
    levels = [0, 1, 2, 3] if individuals[0] else [0, 2, 3]
    if path.suffix == '.csv':
        heads = [
            [title, *(column[level] for column in columns)]
            for level, title in zip(
                levels,
                np.array(['scorer', 'individuals', 'bodyparts', 'coords'])[
                    levels
                ],
                strict=True,
            )
        ]
        body = [
            [str(t), *('' if np.isnan(x) else repr(x) for x in row)]
            for t, row in enumerate(rows.tolist())
        ]
        path.write_text('\n'.join(map(','.join, heads + body)) + '\n')
        return path
    h5py = pytest.importorskip('h5py')
    names = [tuple(column[level] for level in levels) for column in columns]
    table = np.zeros(
        len(rows),
        [('index', '<i8'), ('values_block_0', '<f8', (rows.shape[1],))],
    )
    table['index'], table['values_block_0'] = np.arange(len(rows)), rows
    with h5py.File(path, 'w') as file:
        data = file.create_dataset('df_with_missing/table', data=table)
        data.attrs['values_block_0_kind'] = np.bytes_(pickle.dumps(names, 0))
    return path
