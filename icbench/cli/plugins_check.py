"""`icbench plugins check`: whether components keep their contracts."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from icbench.cli.main import FAILED
from icbench.cli.options import json_option
from icbench.cli.output import messages, say, show

if TYPE_CHECKING:
    from icbench.testing.runner import Checked
    from icbench.testing.subject import Subject


@click.command("check")
@click.argument("target", metavar="NAME|PATH")
@json_option
def command(target: str, as_json: bool) -> int:
    """Check that components keep their contracts, on synthetic data.

    NAME is a component (l1, DIST/l1, or l1:key=value for other parameters) or a distribution, of which all components
    are checked. PATH is a .py file with components, or the folder of a distribution, which need not be installed.
    """
    from icbench.compute.environment import plugin_versions

    # First, as whoever imports torch has it read the metadata of every distribution.
    plugin_versions()
    from icbench.report.conformance import conformance_data, conformance_errors, conformance_report
    from icbench.testing.resolve import open_target

    with open_target(target) as found:
        checked = []
        for one in _check_each(found.subjects):
            checked.append(one)
            if not as_json:
                show(conformance_report(one))
        errors = [*found.problems, *conformance_errors(checked)]
    if as_json:
        from icbench.report.json_output import envelope

        click.echo(envelope(conformance_data(checked), errors=errors, ok=not errors))
    say(found.problems, "red")
    return FAILED if errors else 0


def _check_each(subjects: "list[Subject]") -> "Iterator[Checked]":
    from icbench.plugins.isolation import isolate
    from icbench.report.display import Display
    from icbench.testing.runner import check_component

    for subject in subjects:
        name = f"{subject.kind} {subject.record.name}"
        with Display(messages()) as display, display.working(name) as work, isolate():
            checked = check_component(subject, partial(setattr, work, "at"))
        yield checked
