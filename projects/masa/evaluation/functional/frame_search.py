import numpy as np
import torch

# Entries of one block of distances: 64 MB in float32, for every thread.
BLOCK_ENTRIES = 2**24
# The frames are searched in this many interleaved parts at once.
PARTS = 32
# Candidates kept beyond k, to be ranked again in float64.
MARGIN = 16


class FrameSearch:
    """Finds nearest frames by matrix products in float32.

    What comes out is ranked again in float64, with a margin, so that
    rounding decides nothing.

    Args:
        frames (np.ndarray): All candidates, distinct, (N, D).
    """

    def __init__(self, frames: np.ndarray):
        self.frames = frames
        # Neither origin nor unit matter to the order of distances, but they
        # do to rounding, overflow and underflow.
        self.origin = frames.mean(axis=0, dtype=np.float64)
        self.unit = float(np.abs(frames - self.origin).max()) or 1.0
        values = self._scaled(frames)
        self.size = len(values)
        padding = -self.size % PARTS
        self.values = torch.cat(
            [values, values.new_zeros(padding, values.shape[1])]
        )
        self.norms = self.values.square().sum(dim=1)
        self.norms[self.size :] = torch.inf

    def __call__(self, queries: np.ndarray, allowed: np.ndarray, count: int):
        """Find the nearest frames.

        Args:
            queries (np.ndarray): Frames, (Q, D).
            allowed (np.ndarray): Which candidates may be found, (N,) bool;
                at least ``count``.
            count (int): Number of neighbours.

        Returns:
            np.ndarray: Candidate indices, nearest first, (Q, count).
        """
        barred = torch.from_numpy(np.flatnonzero(~allowed))
        step = max(1, BLOCK_ENTRIES // len(self.values))
        return np.concatenate(
            [
                self._block(queries[start : start + step], barred, count)
                for start in range(0, len(queries), step)
            ]
        )

    def _block(self, queries, barred, count):
        # |f|^2 - 2 q f: |q|^2 is the same for all candidates of a query.
        distances = torch.addmm(
            self.norms, self._scaled(queries), self.values.T, alpha=-2
        )
        distances[:, barred] = torch.inf
        candidates = self.size - len(barred)
        nearest = _smallest(distances, min(count + MARGIN, candidates))
        nearest = nearest.sort(dim=1).values.numpy()
        difference = self.frames[nearest].astype(np.float64)
        difference -= queries[:, None]
        exact = np.einsum('qcd,qcd->qc', difference, difference)
        order = exact.argsort(axis=1, kind='stable')[:, :count]
        return np.take_along_axis(nearest, order, axis=1)

    def _scaled(self, frames):
        values = (frames - self.origin) / self.unit
        return torch.from_numpy(values.astype(np.float32))


def _smallest(distances: torch.Tensor, count: int) -> torch.Tensor:
    """Find the smallest entries of every row.

    The columns are taken as PARTS interleaved runs; columns of the same
    position in their runs form a group, and the ``count`` smallest entries
    lie in the ``count`` groups with the smallest minima. Ten times as fast
    as a selection over the whole row.

    Args:
        distances (torch.Tensor): (Q, N), N a multiple of PARTS.
        count (int): Number of entries.

    Returns:
        torch.Tensor: Column indices, (Q, count).
    """
    parts = distances.unflatten(1, (PARTS, -1))  # (Q, PARTS, G)
    num_groups = parts.shape[2]
    groups = parts.amin(dim=1)
    groups = groups.topk(min(count, num_groups), largest=False).indices
    groups = groups[:, None].expand(-1, PARTS, -1)
    pool = parts.gather(2, groups).flatten(1)
    columns = groups + num_groups * torch.arange(PARTS)[:, None]
    chosen = pool.topk(count, largest=False).indices
    return columns.flatten(1).gather(1, chosen)
