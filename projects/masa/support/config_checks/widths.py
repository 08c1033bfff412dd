from collections.abc import Sequence

from torch import nn

from .finding import Finding


def find_other_width(
    model: nn.Module | None, dataset: Sequence[dict], loader: str
) -> Finding | None:
    """Compare the width of a model with that of its data.

    Args:
        model (nn.Module, optional): If there is none, or it has no
            ``check_width``, nothing is found.
        dataset (Sequence[dict]): Packed samples; the first one is taken.
        loader (str): Name of its data loader in the config.

    Returns:
        Finding, optional: What to set; None if they agree.
    """
    if not hasattr(model, 'check_width'):
        return None
    sample = dataset[0]
    name = sample['data_samples'].get('frame_dir', 0)
    for view in sample['inputs']:
        width = view['values'].shape[-1]
        try:
            model.check_width(width)
        except ValueError as error:
            return Finding(
                'model.backbone',
                f'{error}: set in_channels={width}, or give other data. The '
                f'sequence is {name!r} of {loader}',
            )
    return None
