"""An epoch's batches, all of one size, whatever the number of images."""

from torch import Tensor


def full_batches(order: Tensor, size: int) -> Tensor:
    """Rows (S, B) of an epoch's batches.

    Args:
        order: (N,) rows in the order in which they are seen.
        size: B. Rows at the end that fill no batch are left out; fewer rows than one batch are repeated to make one.
    """
    if len(order) < size:
        return order.repeat(-(-size // len(order)))[:size].view(1, size)
    return order[: len(order) // size * size].view(-1, size)
