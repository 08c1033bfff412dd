from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ...support.compat import pack_message_hub, to_plain, unpack_message_hub


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Keeps checkpoints to tensors and plain containers.

    Such a file loads with ``torch.load(weights_only=True)``, PyTorch's
    default since 2.6, and cannot run code. See
    :func:`masa.support.compat.pack_message_hub`.
    """

    # After every hook that may add to the checkpoint.
    priority = 'LOWEST'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Pack the message hub, and what the data set says of itself.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): About to be written; changed in place.
        """
        checkpoint['message_hub'] = pack_message_hub(checkpoint['message_hub'])
        checkpoint['meta'] = to_plain(checkpoint['meta'])

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Unpack the message hub.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): Just read; changed in place.
        """
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = unpack_message_hub(
                checkpoint['message_hub']
            )
