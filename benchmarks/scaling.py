"""What several workers gain, what the driver costs, and what a thousand workers would come to.

The same run with one worker of one thread and with two; a grid of 10,000 shards whose work is free, so that only the
driver is left; and up to 4,000 workers with delays, failures and stragglers, in simulated time:

    python benchmarks/scaling.py workers
    python benchmarks/scaling.py driver
    python benchmarks/scaling.py simulation
"""

import argparse
import heapq
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

SHARD_SECONDS = 256 / 162
"""256 images at the speed of the built-in generator with `joint` on two cores."""


def measure_workers(images: int, steps: int) -> None:
    """The speed with one and with two workers of one thread each, from their first answers on."""
    from icbench.plugins.manager import plugin_manager
    from icbench.running.execute import entries_from_specs, execute
    from icbench.running.observer import Observer
    from icbench.running.options import Options

    class Times(Observer):
        """Notes when each shard came back."""

        def __init__(self) -> None:
            self.at: list[float] = []

        def on_batch(self, images: int, correct: int | None = None) -> None:
            if images:
                self.at.append(time.perf_counter())

    speed = {}
    for workers in (1, 2):
        times = Times()
        with tempfile.TemporaryDirectory() as folder:
            options = Options(
                steps=steps,
                limit=images,
                batch_size=256,
                device="cpu",
                executor=f"processes:workers={workers},threads=1",
                results=Path(folder),
            )
            list(execute(entries_from_specs(plugin_manager(), {}), options, times))
        # The last shards may find fewer workers at work.
        at = times.at[workers - 1 : -workers or None]
        speed[workers] = 256 * (len(at) - 1) / (at[-1] - at[0])
        print(f"{workers} workers: {speed[workers]:.0f} images/s", flush=True)
    print(f"2 workers are {speed[2] / speed[1]:.2f} times as fast as 1")


class Free:
    """An executor that has every answer at once: what is left is the driver."""

    retries, timeout, slots = 0, 0.0, 16

    def submit(self, function: Callable[..., Any], task: Any) -> "Future[Any]":
        """Answer a shard by results of the right form."""
        from icbench.records.metrics import Costs
        from icbench.running.shard_task import ShardResult

        count = len(task.index)
        arrays = {
            "index": task.index,
            "prediction": task.index % 10,
            "class_scores": np.zeros((count, 10), np.float32),
            "distance": np.full(count, 0.1, np.float32),
            "energy": np.full(count, 0.1, np.float32),
            "resets": np.zeros(count, np.int64),
        }
        answer: Future[Any] = Future()
        answer.set_result(ShardResult(arrays, Costs(10, 10, 1.0, 10**8), 10**6, self.environment))
        return answer

    def close(self) -> None:
        """Nothing was started."""


class Meter:
    """Adds up the processor's seconds within calls."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, owner: Any, name: str) -> None:
        """Count what a function of `owner` takes."""
        original = getattr(owner, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            started = time.process_time()
            try:
                return original(*arguments, **named)
            finally:
                self.seconds += time.process_time() - started

        setattr(owner, name, counted)


def measure_driver(runs: int) -> None:
    """What the driver takes for runs of 40 shards each, and how its memory grows; the disk is not waited for."""
    from icbench.compute.environment import environment
    from icbench.plugins.component import Selection
    from icbench.plugins.manager import plugin_manager
    from icbench.records.results_folder import GrowingRun
    from icbench.running import execute
    from icbench.running.dispatch import Dispatcher
    from icbench.running.observer import Observer
    from icbench.running.options import Options

    Free.environment = environment()
    os.fsync = lambda descriptor: None
    execute.is_in_process = lambda selection: False
    build = Selection.build
    Selection.build = lambda self: Free() if self.registered.kind == "executor" else build(self)
    writing, opening, free = Meter(), Meter(), Meter()
    writing.watch(GrowingRun, "add")
    writing.watch(GrowingRun, "finish")
    opening.watch(Dispatcher, "_open_next")
    free.watch(Free, "submit")
    entries = execute.entries_from_specs(plugin_manager(), {})
    process, number = psutil.Process(), 0
    with tempfile.TemporaryDirectory() as folder:
        options = Options(
            steps=1, batch_size=256, device="cpu", precision="float32", seeds=tuple(range(runs)), results=Path(folder)
        )
        made = execute.execute(entries, options, Observer())
        next(made)
        writing.seconds = opening.seconds = free.seconds = 0.0
        started = time.process_time()
        for number, _ in enumerate(made, 1):
            if number % max(1, runs // 10) == 0:
                print(f"{40 * number:,} shards: {process.memory_info().rss / 2**20:,.0f} MiB", flush=True)
        seconds = time.process_time() - started
    shards = 40 * number
    parts = {"writing": writing, "opening of runs": opening}
    rest = seconds - free.seconds - sum(part.seconds for part in parts.values())
    for name, value in {**{name: part.seconds for name, part in parts.items()}, "scheduling": rest}.items():
        share = value / shards / SHARD_SECONDS
        print(f"{name}: {1000 * value / shards:.2f} ms a shard, {share:.3%} of one of {SHARD_SECONDS:.1f} s")


@dataclass(frozen=True)
class Cluster:
    """A simulated cluster.

    Args:
        workers: how many.
        driver: seconds of the driver for each answer, one after the other.
        delay: mean seconds from the driver to a worker and back.
        spread: of the logarithm of a shard's time.
        stragglers: the share of workers that are `slow` times as slow.
        slow: by how much.
        lost_every: mean seconds after which a worker is lost; another takes its place after `restart` seconds.
        restart: what that takes.
        start: seconds that a worker needs before its first shard.
    """

    workers: int
    driver: float = 0.002
    delay: float = 0.005
    spread: float = 0.2
    stragglers: float = 0.02
    slow: float = 4.0
    lost_every: float = 4 * 3600.0
    restart: float = 60.0
    start: float = 10.0


def simulate(cluster: Cluster, shards: int, shard_seconds: float = SHARD_SECONDS, seed: int = 0) -> dict[str, float]:
    """Run shards on a simulated cluster, two submitted for each worker; returns what it came to.

    A worker's own queue hides the way to the driver as long as the driver keeps up.
    """
    random = np.random.default_rng(seed)
    speed = np.where(random.random(cluster.workers) < cluster.stragglers, cluster.slow, 1.0)
    events = [(cluster.start * (0.5 + random.random()), worker, False) for worker in range(cluster.workers)]
    heapq.heapify(events)
    left, done, lost, busy, driver_free, now = shards, 0, 0, 0.0, 0.0, 0.0
    while done < shards:
        now, worker, answers = heapq.heappop(events)
        if answers:
            # The driver takes answers one by one; the worker goes on once it has its next shard.
            driver_free = max(driver_free, now) + cluster.driver
            done += 1
            # The second shard that it has is there already unless the driver is behind by more than that.
            now = max(now, driver_free - shard_seconds * speed[worker])
        if left <= 0:
            continue
        left -= 1
        work = shard_seconds * speed[worker] * random.lognormal(-(cluster.spread**2) / 2, cluster.spread)
        until_lost = random.exponential(cluster.lost_every)
        if until_lost < work:
            left, lost = left + 1, lost + 1
            heapq.heappush(events, (now + until_lost + cluster.restart, worker, False))
        else:
            busy += shard_seconds
            heapq.heappush(events, (now + work + cluster.delay / 2, worker, True))
    end = max(now, driver_free)
    return {
        "seconds": end,
        "efficiency": busy / (end * cluster.workers),
        "lost": lost,
        "driver": done * cluster.driver / end,
    }


def print_simulation(shards: int) -> None:
    """The efficiency by the number of workers, for several troubles."""
    troubles = {
        "none": {"stragglers": 0.0, "lost_every": np.inf, "spread": 0.0, "start": 0.0},
        "as expected": {},
        "driver of 10 ms": {"driver": 0.010},
        "lost every 10 min": {"lost_every": 600.0},
        "10 % stragglers": {"stragglers": 0.1},
    }
    print(f"{shards:,} shards of {SHARD_SECONDS:.1f} s; efficiency, and how busy the driver is")
    print("workers".rjust(8), *(name.rjust(18) for name in troubles))
    for workers in (1, 10, 100, 300, 1000, 2000, 4000):
        cells = []
        for given in troubles.values():
            found = simulate(Cluster(workers, **given), shards)
            cells.append(f"{found['efficiency']:.0%} / {found['driver']:.0%}".rjust(18))
        print(f"{workers:,}".rjust(8), *cells)


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("workers", "driver", "simulation"))
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--runs", type=int, default=250, help="of 40 shards each")
    parser.add_argument("--shards", type=int, default=480_000, help="of 12,000 runs")
    given = parser.parse_args()
    if given.what == "workers":
        measure_workers(given.images, given.steps)
    elif given.what == "driver":
        measure_driver(given.runs)
    else:
        print_simulation(given.shards)


if __name__ == "__main__":
    main()
