"""Which rows of a batch are of which class, read once from class vectors that rest at vertices of the simplex."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ClassRows:
    """N rows as a block of K classes with M rows each, for decoders that run side by side, and back again.

    Args:
        num_classes: K.
        run: where rows are image by image, and of each the classes in order with so many rows of each: their number;
            else 0. Such rows need not be gathered, only looked at in another order.
        slot: (N,), where else each row goes in the block of K * M; slots that no row goes to are 0 there.
        most: M there, the rows of the class with the most.
    """

    num_classes: int
    run: int
    slot: Tensor | None = None
    most: int = 0

    @classmethod
    def of(cls, labels: Tensor, num_classes: int) -> "ClassRows":
        """Those of rows with labels (N,). It waits for the device once, however many numbers it reads."""
        known = labels.cpu()
        run = int((known != known[0]).int().argmax()) or 1
        in_order = torch.arange(len(known)) // run % num_classes
        if len(known) % (run * num_classes) == 0 and torch.equal(known, in_order):
            return cls(num_classes, run)
        order = known.argsort(stable=True)
        counts = known.bincount(minlength=num_classes)
        most = int(counts.max())
        place = torch.arange(len(known)) - (counts.cumsum(0) - counts)[known[order]]
        slot = torch.empty_like(order).index_copy_(0, order, known[order] * most + place)
        return cls(num_classes, 0, slot.to(labels.device), most)

    def by_class(self, rows: Tensor) -> Tensor:
        """(K, M, ...) of rows (N, ...)."""
        if self.slot is None:
            return rows.unflatten(0, (-1, self.num_classes, self.run)).transpose(0, 1).flatten(1, 2)
        block = rows.new_zeros(self.num_classes * self.most, *rows.shape[1:]).index_copy(0, self.slot, rows)
        return block.unflatten(0, (self.num_classes, self.most))

    def put_back(self, block: Tensor) -> Tensor:
        """(N, ...) of a block (K, M, ...)."""
        if self.slot is None:
            return block.unflatten(1, (-1, self.run)).transpose(0, 1).flatten(0, 2)
        return block.flatten(0, 1).index_select(0, self.slot)


def resting_rows(class_vector: Tensor) -> ClassRows | None:
    """The rows of class vectors (N, K), if all are at vertices of the simplex and take no gradient; else None.

    To find out means to wait for the device. So it is found out once and kept with the tensor, until that is changed in
    place or gets other data: a schedule that holds the class vector passes the same tensor at every step, and its steps
    can be captured in a CUDA graph. What is written through another tensor's `.data` goes unseen.
    """
    if class_vector.requires_grad or not len(class_vector):
        return None
    if class_vector.is_inference():  # such a tensor does not count its changes
        return _read(class_vector)
    state = class_vector.data_ptr(), class_vector._version
    kept = getattr(class_vector, "resting_rows", None)
    if kept is None or kept[0] != state:
        # Its data is kept too, so that no other data comes to lie at its address.
        kept = (state, _read(class_vector), class_vector.detach())
        class_vector.resting_rows = kept  # type: ignore[attr-defined]
    found: ClassRows | None = kept[1]
    return found


def _read(class_vector: Tensor) -> ClassRows | None:
    is_one, is_zero = class_vector == 1, class_vector == 0
    at_vertices = is_one.any(dim=1) & (is_zero.sum(dim=1) == class_vector.shape[1] - 1)
    return ClassRows.of(is_one.int().argmax(dim=1), class_vector.shape[1]) if bool(at_vertices.all()) else None
