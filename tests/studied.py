"""Studies that were never run: snapshots with figures that are given, for tests of what is made of them."""

from icbench.training.criteria import CRITERIA, Findings, Snapshot, compare_criteria

COUNT = 20
IMAGES = 2_000
SECONDS = {"joint": 5.0, "exhaustive": 9.0, "drawing": 0.2, "classifying": 0.3, "comparing": 0.8, "covering": 0.6}
RISING = [0.80 + 0.005 * place for place in range(COUNT)]
SHUFFLED = [RISING[(7 * place) % COUNT] for place in range(COUNT)]
"""In an order that has next to nothing to do with that of `RISING`."""


def snapshots(joint=RISING, exhaustive=RISING, **figures) -> list[Snapshot]:
    """Snapshots with these full accuracies; a figure that is not given has nothing to do with them."""
    columns = {criterion.name: SHUFFLED for criterion in CRITERIA} | figures
    return [
        Snapshot(
            place + 1,
            {name: column[place] for name, column in columns.items()},
            SECONDS,
            {"joint": joint[place], "exhaustive": exhaustive[place]},
            60.0,
        )
        for place in range(COUNT)
    ]


def found(**columns) -> Findings:
    return compare_criteria(snapshots(**columns), IMAGES)
