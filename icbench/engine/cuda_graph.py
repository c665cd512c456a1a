"""Steps that are captured once and replayed, so that a GPU does not wait for Python.

A step of a small generator is some dozens of kernels of microseconds each, which Python cannot launch as fast as a GPU
runs them. Where all steps do the same, one is captured in a CUDA graph and launched as a whole. Nothing here has run on
a GPU yet: the tests replay on a CPU what a stand-in for the graph has captured.
"""

from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

import torch

from icbench.kinds.schedule import Schedule

WARM_UP = 3
"""Steps that are made as usual before one is captured, so that whatever is set up at first is not in it."""
WORTHWHILE = 20
"""How many steps alike must be left for a capture to be worth its making."""

Outcome = TypeVar("Outcome")
Result = TypeVar("Result", covariant=True)


class Steps(Protocol[Result]):
    """Steps of which some are alike."""

    @property
    def steps(self) -> int:
        """How many steps there are."""

    def plan(self, step: int) -> Hashable:
        """What a step does; steps of equal plan do the same, but for the rates."""

    def set_learning_rates(self, step: int) -> None:
        """Put the rates of a step in place. This is never captured."""

    def optimizer_step(self, step: int) -> Result:
        """Make a step at the rates that are in place.

        Everything that it changes besides tensors in place is in what it returns; a replay has it in the same tensors.
        """


def supports_cuda_graph(device: torch.device, schedule: Schedule, optimizer: torch.optim.Optimizer) -> bool:
    """Whether steps may be captured.

    They may on CUDA, where nothing but the rates differs between steps, and the optimizer reads these from the device's
    memory, as torch's do that have the option `capturable`.
    """
    capturable = all("capturable" in group for group in optimizer.param_groups)
    return device.type == "cuda" and not schedule.anneals and capturable


def make_capturable(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Let the optimizer keep its rates and its count of steps on the device."""
    for group in optimizer.param_groups:
        group["capturable"] = True
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)


def capture(step: Callable[[], Outcome]) -> Callable[[], Outcome]:
    """The step as a CUDA graph. Capturing it runs its Python once, and nothing on the device.

    Raises:
        RuntimeError: it does what a graph cannot hold, such as to wait for the device.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outcome = step()

    def replay() -> Outcome:
        graph.replay()
        return outcome

    return replay


class GraphedStep(Generic[Outcome]):
    """Makes steps: the first as usual, and those that are like them by replaying one.

    Args:
        steps: what makes them.
        capture: makes of a step what replays it, without making the step.
    """

    def __init__(
        self,
        steps: Steps[Outcome],
        capture: Callable[[Callable[[], Outcome]], Callable[[], Outcome]] = capture,
    ) -> None:
        self.steps, self.capture = steps, capture
        self.plan: Hashable = None
        self.alike = 0
        self.replay: Callable[[], Outcome] | None = None
        self.works = True

    def __call__(self, step: int) -> Outcome:
        """Make a step."""
        plan = self.steps.plan(step)
        if plan != self.plan:
            self.plan, self.alike, self.replay = plan, 0, None
        self.alike += 1
        self.steps.set_learning_rates(step)
        if self.replay is None and self.works and self.alike > WARM_UP and self._steps_alike(step) >= WORTHWHILE:
            self.replay = self._try_capture(step)
        return self.steps.optimizer_step(step) if self.replay is None else self.replay()

    def _steps_alike(self, step: int) -> int:
        """How many steps from this one on are planned alike."""
        later = range(step, self.steps.steps)
        return next((other - step for other in later if self.steps.plan(other) != self.plan), len(later))

    def _try_capture(self, step: int) -> Callable[[], Outcome] | None:
        """What replays the step, or None where it cannot be captured."""
        try:
            return self.capture(lambda: self.steps.optimizer_step(step))
        except RuntimeError:
            self.works = False
            # What a step leaves that was given up, such as gradients, does not count.
            self.steps.set_learning_rates(step)
            return None
