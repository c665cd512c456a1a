"""Steps that are recorded once and replayed, so that a GPU does not wait for Python.

A step of a small generator is some dozens of kernels of microseconds each, which Python cannot launch as fast as a GPU
runs them. Where all steps do the same, one is captured in a CUDA graph and launched as a whole. Nothing here has run on
a GPU yet: the tests replay on a CPU what a stand-in for the graph has recorded.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import torch

from icbench.kinds.schedule import Schedule

if TYPE_CHECKING:
    from icbench.engine.batch import Search

WARM_UP = 3
"""Steps that are made as usual before one is recorded, so that whatever is set up at first is not in it."""
WORTHWHILE = 20
"""How many steps alike must be left for a recording to be worth its making."""

Step: TypeAlias = Callable[[], None]
Record: TypeAlias = Callable[[Step], Step]


def supports_cuda_graph(device: torch.device, schedule: Schedule, optimizer: torch.optim.Optimizer) -> bool:
    """Whether steps may be recorded: on CUDA, where nothing but the rates differs between steps, and the optimizer
    reads these from the device's memory, as torch's do that have the option `capturable`."""
    capturable = all("capturable" in group for group in optimizer.param_groups)
    return device.type == "cuda" and not schedule.anneals and capturable


def make_capturable(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Let the optimizer keep its rates and its count of steps on the device."""
    for group in optimizer.param_groups:
        group["capturable"] = True
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)


def captured(step: Step) -> Step:
    """The step as a CUDA graph. Capturing it runs its Python once, and nothing on the device.

    Raises:
        RuntimeError: it does what a graph cannot hold, such as to wait for the device.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


class GraphedStep:
    """Makes the steps of a search: the first as usual, and those that are like them by replaying one.

    Steps are alike while the same latents move and the batch has the same rows.

    Args:
        search: whose steps.
        record: makes a recording of a step, without making the step.
    """

    def __init__(self, search: "Search", record: Record = captured) -> None:
        self.search, self.record = search, record
        self.kind: tuple[int, ...] | None = None
        self.alike = 0
        self.replay: Step | None = None
        self.works = True

    def __call__(self, step: int) -> None:
        kind = (self.search.cuts, *self._plan(step))
        if kind != self.kind:
            self.kind, self.alike, self.replay = kind, 0, None
        self.alike += 1
        if self.replay is None and self.works and self.alike > WARM_UP and self._left(step) >= WORTHWHILE:
            self.replay = self._recorded(step)
        if self.replay is None:
            self.search.step(step)
            return
        self.search.move(step)
        self.replay()
        self.search.forward += self.forward
        self.search.backward += self.backward

    def _plan(self, step: int) -> tuple[bool, bool, int]:
        """Whether the class vectors and the noise move, and how many of an image's hypotheses are searched with."""
        rates, schedule = self.search.rates[step], self.search.parts.schedule
        left = schedule.survivors(step, len(self.search.rates), len(self.search.starts.restart))
        return rates.class_vector != 0, rates.noise != 0, left

    def _left(self, step: int) -> int:
        """How many steps from this one on are planned alike."""
        later = range(step, len(self.search.rates))
        return next((other - step for other in later if self._plan(other) != self._plan(step)), len(later))

    def _recorded(self, step: int) -> Step | None:
        """A recording of the step, or None where it cannot be recorded; the search is as before."""
        search = self.search
        before = search.forward, search.backward, search.latest, search.class_vector
        moving = search.move(step)
        try:
            replay = self.record(lambda: search.descend(moving, step))
        except RuntimeError:
            self.works = False
            search.forward, search.backward, search.latest, search.class_vector = before
            return None
        self.forward, self.backward = search.forward - before[0], search.backward - before[1]
        search.forward, search.backward = before[:2]
        return replay
