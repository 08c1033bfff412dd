import numpy as np
import torch


class FrameProducts:
    """Squared distances from queries, up to the query's own norm.

    ``|q - f|^2 - |q|^2 = (q, 1) . (-2 f, |f|^2)``, and ``|q|^2`` is the same
    for all frames: one product gives the order.

    Args:
        queries (np.ndarray): Frames, (Q, D) float64.
    """

    def __init__(self, queries: np.ndarray):
        self.spread = np.einsum('qd,qd->q', queries, queries)
        padded = torch.nn.functional.pad(
            torch.from_numpy(queries), (0, 1), value=1
        )
        self.queries = _in_both_precisions(padded)

    def factors(self, frames: np.ndarray) -> dict[torch.dtype, torch.Tensor]:
        """Return what the queries are multiplied with.

        Args:
            frames (np.ndarray): (N, D) float64.

        Returns:
            dict[torch.dtype, torch.Tensor]: (N, D + 1) in both precisions,
            the squared norms last.
        """
        norms = np.einsum('td,td->t', frames, frames)
        return _in_both_precisions(
            torch.from_numpy(
                np.concatenate([-2 * frames, norms[:, None]], axis=1)
            )
        )

    def smallest(
        self,
        rows: np.ndarray,
        factors: dict[torch.dtype, torch.Tensor],
        dtype: torch.dtype,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find nearest frames, and which of them rounding may have decided.

        Args:
            rows (np.ndarray): Queries, (R,), ascending.
            factors (dict[torch.dtype, torch.Tensor]): Of :meth:`factors`.
            dtype (torch.dtype): Of the product.

        Returns:
            tuple[np.ndarray, np.ndarray]: A frame for each, (R,), and the
            positions in ``rows`` where another is as near within rounding.
        """
        queries = self.queries[dtype]
        # A run of rows needs no copy.
        queries = (
            queries[rows[0] : rows[-1] + 1]
            if len(rows) == rows[-1] - rows[0] + 1
            else queries[rows]
        )
        # Queries side by side: what is compared for one is done for all.
        values = (factors[dtype] @ queries.T).numpy()
        # Twice the bound of the rounding of a product of this width and of
        # its factors.
        limits = torch.finfo(dtype)
        width = queries.shape[1] + 4
        largest = factors[torch.float64][:, -1].max().item()
        slack = 4 * width * limits.eps * (self.spread[rows] + largest)
        slack += width * limits.tiny
        limit = values.min(axis=0) + slack.astype(values.dtype)
        candidates, of_query = np.divmod(
            np.flatnonzero(values <= limit), len(rows)
        )
        smallest = np.empty(len(rows), dtype=np.int64)
        smallest[of_query] = candidates
        count = np.bincount(of_query, minlength=len(rows))
        return smallest, np.flatnonzero(count > 1)


def _in_both_precisions(
    values: torch.Tensor,
) -> dict[torch.dtype, torch.Tensor]:
    return {
        dtype: values.to(dtype) for dtype in (torch.float32, torch.float64)
    }
