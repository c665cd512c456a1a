"""What checks are written with: one that finds a fault raises AssertionError, one that does not apply raises `Skipped`.

Both say why.
"""

import torch
from torch import Tensor

from icbench.errors import IcbenchError


class Skipped(Exception):  # noqa: N818 (it is no error)
    """A check does not apply to the component, or cannot be made here; the message says why."""


class Lacking(Skipped):
    """The component's weights are not here."""


def reason(error: BaseException) -> str:
    """Why a check failed or was skipped, in one line."""
    if isinstance(error, AssertionError | Skipped):
        return " ".join(str(error).split())
    message = error.message if isinstance(error, IcbenchError) else str(error)
    return " ".join(f"it raised {type(error).__name__}: {message}".split())


def expect(condition: object, message: str) -> None:
    """Assert a condition; a function of its own, because `python -O` drops `assert`.

    Raises:
        AssertionError: it does not hold.
    """
    if not condition:
        raise AssertionError(message)


def expect_close(found: Tensor, expected: Tensor, what: str, tolerance: float = 1e-4) -> None:
    """Let two tensors differ by rounding only.

    Args:
        found, expected: of one shape. NaN equals NaN.
        what: begins the message, such as `"image 2 alone differs from image 2 in a batch"`.
        tolerance: the largest difference, relative to the largest expected value.

    Raises:
        AssertionError: they differ by more, or in shape.
    """
    expect(found.shape == expected.shape, f"{what}: shape {tuple(found.shape)}, expected {tuple(expected.shape)}")
    if not found.numel() or not found.is_floating_point():
        expect(torch.equal(found, expected), what)
        return
    first, second = found.detach().double(), expected.detach().double()
    scale = torch.nan_to_num(second, nan=0, posinf=0, neginf=0).abs().max().clamp_min(1e-12)
    same_nan = torch.equal(first.isnan(), second.isnan())
    # Infinities of one sign are equal; their difference would be NaN.
    differences = (first - second).masked_fill((first == second) | first.isnan(), 0).abs()
    largest = (differences.max() / scale).item()
    expect(same_nan and largest <= tolerance, f"{what}: by {largest:.2g} of the largest value, allowed {tolerance:g}")


def expect_unchanged(tensor: Tensor, copy: Tensor, what: str) -> None:
    """Let a tensor still be what it was when it was copied.

    Raises:
        AssertionError: it is not; the message says that "it changed" `what`.
    """
    expect(torch.equal(tensor.detach(), copy), f"it changed {what} that it was given")
