"""`icbench reproduce`: a suite with published values, run here and held against them."""

from typing import Any

import click

from icbench.cli.suite_running import find_suite, run_suite, running_options


@click.command()
@click.argument("name", metavar="SUITE")
@click.option(
    "--experiment",
    "experiments",
    multiple=True,
    metavar="NAME",
    help="Only this experiment, without the statements; repeatable.",
)
@click.option("--ablate", is_flag=True, help="Run what is optional: the source's choices, turned on one by one.")
@running_options
def command(name: str, experiments: tuple[str, ...], ablate: bool, **given: Any) -> int:
    """Run SUITE and compare its accuracies with the published ones.

    Each table ends with verdicts: whether the best setting, the order of the settings and the place of the maximum are
    the published ones, and whether an accuracy is below its published value. The exit code is 1 only if one is below,
    or if a run failed. What was run before is taken from its record; an interrupted reproduction goes on.

    \b
      icbench reproduce hobbhahn2020 --limit 1000
      icbench reproduce hobbhahn2020 --experiment noise-size --json
    """
    from icbench.errors import UsageError
    from icbench.plugins.manager import plugin_manager
    from icbench.suites import select_experiments

    manager = plugin_manager()
    suite = find_suite(manager, name)
    if not suite.published:
        raise UsageError(f"suite {name} has no published values", f"Run it with `icbench suite run {name}`.")
    optional = [experiment.name for experiment in suite.experiments if experiment.optional]
    if ablate and not optional:
        raise UsageError(f"suite {name} has no ablation", f"`icbench suite show {name}` shows what it has.")
    return run_suite(manager, name, select_experiments(suite, [*experiments, *(optional if ablate else [])]), given)
