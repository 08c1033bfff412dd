import numpy as np
import torch


class KeyedRandom:
    """Mixin: give each sample a generator keyed by (seed, epoch, index).

    The augmentation of a sample depends only on seed, epoch and index, not on
    the process that loads it, on the number of workers, on
    ``persistent_workers`` or on resuming. :class:`masa.engine.RandomKeyHook`
    sets the key at the start of an epoch.

    Before the key is set, samples draw from NumPy's global generator, as in
    MMEngine's transforms, so that the augmentation is never silently constant.
    """

    # Shared memory, because persistent workers hold a copy of the dataset.
    _UNSET = -1

    def __init__(self, *args, **kwargs):
        self._random_key = torch.full((2,), self._UNSET).share_memory_()
        super().__init__(*args, **kwargs)

    def set_random_key(self, seed: int, epoch: int) -> None:
        """Set the key for all copies of this dataset, including in workers.

        Raises ValueError if seed or epoch is negative.
        """
        if seed < 0 or epoch < 0:
            raise ValueError(
                'seed and epoch are expected not to be negative, '
                f'but got seed={seed} and epoch={epoch}'
            )
        self._random_key.copy_(torch.tensor([seed, epoch]))

    def generator(self, index: int) -> np.random.Generator:
        """Return the generator of one sample.

        Args:
            index (int): The sample's index in the dataset, not negative.

        Returns:
            np.random.Generator: Generator keyed by (seed, epoch, index), or
            seeded by NumPy's global generator if no key was set.
        """
        seed, epoch = self._random_key.tolist()
        if seed == self._UNSET:
            return np.random.default_rng(
                np.random.randint(2**31)  # noqa: NPY002
            )
        return np.random.default_rng([seed, epoch, index])

    def prepare_data(self, idx: int):
        """Run the pipeline on one record with the generator of its index."""
        results = self.get_data_info(idx)
        return self.run_pipeline(
            results, self.generator(results['sample_idx'])
        )

    def run_pipeline(self, results: dict, rng: np.random.Generator):
        """Run the pipeline on a record with ``rng`` under ``'rng'``."""
        results['rng'] = rng
        return self.pipeline(results)
