"""How entries are run, as it is asked for."""

from dataclasses import dataclass, field
from pathlib import Path

from icbench.errors import UsageError
from icbench.kinds.dataset import SPLITS
from icbench.records.results_folder import DEFAULT_FOLDER
from icbench.running.deadline import Deadline

DEFAULT_EXECUTOR = "local"
MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class Options:
    """How entries are run; the defaults are the command line's.

    Args:
        steps: per hypothesis; None takes the schedule's own, 0 scores the starts.
        limit: the first images of the split; None takes all.
        split: "train", "validation" or "test".
        seeds: one run each.
        batch_size: hypotheses inverted together; None measures.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "float32", "tf32" (on CUDA) or "bfloat16".
        results: the folder records are written to.
        data_dir: where fetched data is kept; None takes `ICBENCH_DATA` or the platform's cache folder.
        save_latents: keep the final class vectors and noises in the record.
        rerun: run again what is finished already; the older record stays.
        stop_when: stop an image once its last steps gained no more than this share of what all have (0 to 1); None
            makes all steps.
        executor: the spec of what computes shards; it decides no number.
        deadline: when nothing more is begun.
        suite: the name of the suite that the runs are made for; empty for one's own.
    """

    steps: int | None = None
    limit: int | None = None
    split: str = "test"
    seeds: tuple[int, ...] = (0,)
    batch_size: int | None = None
    device: str = "auto"
    precision: str = "auto"
    results: Path = Path(DEFAULT_FOLDER)
    data_dir: Path | None = None
    save_latents: bool = False
    rerun: bool = False
    stop_when: float | None = None
    executor: str = DEFAULT_EXECUTOR
    deadline: Deadline = field(default_factory=Deadline, compare=False)
    suite: str = ""

    def parts(self) -> dict[str, str]:
        """What was asked for that may tell runs of an entry from each other, each in a phrase."""
        given = {
            "split": self.split if self.split != "test" else "",
            "limit": "" if self.limit is None else f"{self.limit:,} images",
            "steps": "" if self.steps is None else f"{self.steps:,} steps",
            "batch size": "" if self.batch_size is None else f"batches of {self.batch_size:,}",
            "precision": self.precision if self.precision != "auto" else "",
        }
        return {name: text for name, text in given.items() if text}


def check_options(options: Options) -> None:
    """Check options that need no component to be judged.

    Raises:
        UsageError: a value that no run can have.
    """
    if options.steps is not None and options.steps > MOST_STEPS:
        raise UsageError(f"--steps {options.steps:,} is too much", f"The most is {MOST_STEPS:,}.")
    given = (("limit", options.limit, 1), ("steps", options.steps, 0), ("batch-size", options.batch_size, 1))
    for name, value, least in given:
        if value is not None and value < least:
            raise UsageError(
                f"--{name} {value} is not a number of {least} or more", f"Leave --{name} out for its default."
            )
    if options.stop_when is not None and not 0 < options.stop_when < 1:
        raise UsageError(
            f"--stop-when {options.stop_when} is not a share between 0 and 1", "Leave it out to make all steps."
        )
    if options.split not in SPLITS:
        raise UsageError(f"there is no split '{options.split}'", f"The splits are: {', '.join(SPLITS)}.")
    if any(seed < 0 or seed >= 2**63 for seed in options.seeds):
        raise UsageError("a seed is an integer from 0 to 2^63 - 1", "The default is --seed 0.")
