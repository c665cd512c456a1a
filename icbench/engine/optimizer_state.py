"""What a torch optimizer keeps, carried over to one over some of the rows."""

from typing import Any

import torch
from torch import Tensor

OWN = ("params", "lr")
"""What each parameter group has for itself; the rate is set anew before each step."""


def transfer_state(old: torch.optim.Optimizer, new: torch.optim.Optimizer, rows: Tensor) -> None:
    """Let a fresh optimizer over some rows go on where one over all of them was.

    What the old one keeps for a latent, a group or all goes over: of tensors with a row for each of the latent's
    the chosen rows, all else as it is.

    Args:
        old, new: with the same parameter groups, over latents (N, ...) and (len(rows), ...).
        rows: the places in N.
    """
    new.state.update({key: kept for key, kept in old.state.items() if not isinstance(key, Tensor)})
    for before, after in zip(old.param_groups, new.param_groups, strict=True):
        count = len(before["params"][0])
        after.update({name: _of_rows(kept, rows, count) for name, kept in before.items() if name not in OWN})
        for latent, chosen in zip(before["params"], after["params"], strict=True):
            if latent in old.state:
                new.state[chosen] = _of_rows(dict(old.state[latent]), rows, len(latent))


def _of_rows(value: Any, rows: Tensor, count: int) -> Any:
    if isinstance(value, Tensor):
        return value[rows].clone() if value.ndim and len(value) == count else value
    if isinstance(value, dict):
        return {name: _of_rows(inner, rows, count) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_of_rows(inner, rows, count) for inner in value)
    return value
