"""An option that several verbs have is the same in each."""

from collections import defaultdict

import click
import pytest

from icbench.cli.main import icbench

SHARED = ["--results", "--data-dir", "--device", "--json", "--quiet", "--plugin-file"]


def commands(group=icbench, path=""):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")


@pytest.mark.parametrize("option", SHARED)
def test_an_option_that_several_verbs_have_is_declared_once(option):
    found = defaultdict(list)
    for name, command in commands():
        for param in command.params:
            if option in param.opts:
                found[param.help, repr(param.default), str(param.envvar), param.name].append(name)
    ((_, verbs),) = found.items()
    assert len(verbs) > 1
