"""How many hypotheses, images and generator evaluations an inversion has, as its components tell before it begins."""

from icbench.running.runners import InversionRunner, Runner


def hypotheses_per_image(runner: InversionRunner) -> int:
    """How many an image has at the start."""
    components = runner.components
    return len(components.schedule.hypotheses(components.generator.class_dim).restart)


def images_per_batch(runner: Runner, rows: int) -> int:
    """How many images the engine computes together where so many rows are."""
    if not isinstance(runner, InversionRunner):
        return rows
    group = runner.components.generator.batch_group_size
    return max(1, rows // hypotheses_per_image(runner) // group) * group


def expected_evaluations(runner: Runner, steps: int) -> int:
    """The generator evaluations of an image, if each step has one forward and one backward a hypothesis.

    One more of each hypothesis ends it; what a search for a start takes is not in it. A direct classifier has none.
    """
    if not isinstance(runner, InversionRunner):
        return 0
    schedule, count = runner.components.schedule, hypotheses_per_image(runner)
    return 2 * sum(schedule.survivors(step, steps, count) for step in range(steps)) + count
