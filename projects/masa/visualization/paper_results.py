"""MASA's results in the paper: Tables 1, 3 and S2."""

_KEYS = (
    'phase_classification/accuracy_10',
    'phase_classification/accuracy_50',
    'phase_classification/accuracy_100',
    'phase_progress/r2',
    'kendalls_tau/tau',
    'frame_retrieval/ap@5',
    'frame_retrieval/ap@10',
    'frame_retrieval/ap@15',
    'action_recognition/accuracy',
)
# The paper omits progress and tau for IKEA ASM, whose steps have no fixed
# order.
_RESULTS = {
    'masa_penn_rgb': (
        *('92.4', '92.8', '93.6', '0.991', '0.989'),
        *('93.0', '92.9', '92.8', '96.7'),
    ),
    'masa_penn_skeleton': (
        *('89.3', '92.5', '93.0', '0.934', '0.959'),
        *('91.2', '91.0', '90.9', '95.8'),
    ),
    'masa_h2o_rgb': (
        *('74.7', '80.4', '83.7', '0.928', '0.986'),
        *('78.9', '78.6', '78.2', ''),
    ),
    'masa_h2o_hand': (
        *('45.9', '70.0', '75.2', '0.940', '0.967'),
        *('66.8', '66.2', '66.3', ''),
    ),
    'masa_ikea_rgb': (
        *('24.3', '35.2', '38.8', '', ''),
        *('23.8', '24.1', '24.3', ''),
    ),
    'masa_ikea_skeleton': (
        *('27.2', '34.6', '36.9', '', ''),
        *('25.4', '24.6', '24.6', ''),
    ),
}
# The closest result: the same data with other joints.
_RESULTS['masa_penn_pose2d'] = _RESULTS['masa_penn_skeleton']


def paper_results(config: str) -> dict[str, str]:
    """Return the paper's results on the data of a config.

    Args:
        config (str): The config's name, such as ``masa_penn_rgb``.

    Returns:
        dict[str, str]: Results by metric key; empty if the paper has none.
    """
    found = _RESULTS.get(config)
    return dict(zip(_KEYS, found, strict=True)) if found else {}
