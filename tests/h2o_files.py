"""Files in the official layout of H2O, made up.

https://github.com/taeinkwon/h2odataset: ``subjectN/SCENE/NUMBER/cam4/
hand_pose/000000.txt`` on, 128 numbers each, and the lists
``action_{train,val,test}.txt``.
"""

import numpy as np

HEADER = 'id path action_label start_act end_act start_frame end_frame'
MILK = ((13, 0, 2), (5, 4, 5), (18, 6, 7), (23, 9, 11), (21, 12, 14))
BOOK = ((9, 1, 4), (1, 5, 8), (33, 10, 14))
FRAMES = 18
SEQUENCES = {
    'train': {
        **{f'subject1/h1/{i}': MILK for i in range(4)},
        **{f'subject1/k1/{i}': BOOK for i in range(4)},
    },
    'val': {
        **{f'subject3/k2/{i}': MILK for i in range(2)},
        **{f'subject3/o1/{i}': BOOK for i in range(2)},
    },
    'test': {'subject4/h1/0': MILK},
}


def hand_pose(rng):
    """Both hands of one frame, (2, 21, 3) meters, wrist first."""
    reach = np.array([0, *[0.05, 0.07, 0.09, 0.1] * 5])
    spread = np.array([0, *np.repeat(np.linspace(-0.04, 0.04, 5), 4)])
    hand = np.stack([spread, reach, np.zeros(21)], 1)
    hands = np.stack([hand, hand])
    hands += np.array([[[-0.15, 0, 0.4]], [[0.15, 0, 0.4]]])
    return hands + rng.normal(scale=0.002, size=hands.shape)


def write_hand_pose(folder, frame, hands, seen=(True, True)):
    folder.mkdir(parents=True, exist_ok=True)
    values = []
    for hand, flag in zip(hands, seen, strict=True):
        values += [f'{float(flag):f}']
        values += [f'{v:f}' for v in (hand * flag).ravel()]
    (folder / f'{frame:06d}.txt').write_text(' '.join(values) + ' \n')


def write_lists(folder, sequences=SEQUENCES):
    folder.mkdir(parents=True, exist_ok=True)
    for split, listed in sequences.items():
        lines = [HEADER]
        if split == 'test':
            lines = [HEADER.replace('action_label ', '')]
        for name, actions in listed.items():
            for label, first, last in actions:
                shown = '' if split == 'test' else f'{label} '
                lines.append(
                    f'{len(lines)} {name} {shown}{first} {last} 0 {FRAMES - 1}'
                )
        (folder / f'action_{split}.txt').write_text('\n'.join(lines) + '\n')


def write_h2o(root, sequences=SEQUENCES):
    """Write the dataset to root and its lists to root/action_labels."""
    rng = np.random.default_rng(0)
    for listed in sequences.values():
        for name in listed:
            for frame in range(FRAMES):
                folder = root / name / 'cam4' / 'hand_pose'
                # The right hand comes in late.
                write_hand_pose(
                    folder, frame, hand_pose(rng), (True, frame > 1)
                )
    write_lists(root / 'action_labels', sequences)
