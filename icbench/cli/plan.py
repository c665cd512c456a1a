"""`icbench plan`: a grid before it runs."""

from typing import Any

import click

from icbench.cli import run


def _plan(**given: Any) -> int:
    assert run.command.callback is not None
    code: int = run.command.callback(**given, plan=True)
    return code


command = click.Command(
    "plan",
    callback=_plan,
    params=[param for param in run.command.params if param.name != "plan"],
    help="""Show what `icbench run` with the same options would run, and what that costs; nothing is run.

    Components are built and tried on a few images, so that a combination that cannot work is named with the reason; the
    exit code is then 1. Nothing is trained, fetched or written. What is finished in the results folder is left out of
    the cost. Times are those of earlier runs of the same entry on the same kind of device, or of the same generator in
    proportion to its evaluations (NFE), or of a probe of two steps, and are for one process.

    \b
      icbench plan --generator cgan --generator cvae --schedule joint --schedule exhaustive --seeds 5

    `icbench run`, `suite run` and `reproduce` show the same of themselves with --plan.
    """,
)
