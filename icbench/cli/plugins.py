"""`icbench plugins`: what is installed, what state it is in, and what it offers."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from icbench.cli.main import FAILED
from icbench.cli.options import json_option, plugin_file_option
from icbench.cli.output import messages, show
from icbench.cli.plugins_check import command as check_command
from icbench.cli.plugins_new import command as new_command

if TYPE_CHECKING:
    from icbench.plugins.component import Param, Registered
    from icbench.plugins.loader import PluginStatus
    from icbench.plugins.manager import PluginManager

COLOURS = {"active": "green", "disabled": "dim", "conflict": "yellow", "incompatible": "red", "broken": "red"}


@click.group(invoke_without_command=True)
@plugin_file_option
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the plugins, their state, and every component with its parameters.

    States: active; disabled by you; incompatible with this icbench; broken, with the stage at which it broke; conflict,
    if another plugin has a component of the same name (which is then called DIST/NAME).

    \b
    ICBENCH_NO_PLUGINS=1   use no installed plugin
    ICBENCH_PLUGINS=a,b    use these alone
    """
    if ctx.invoked_subcommand:
        return
    from icbench.plugins.manager import plugin_manager

    # The list itself says what a warning would.
    manager = plugin_manager(warn=False)
    if as_json:
        from icbench.report.json_output import envelope

        click.echo(envelope(_data(manager)))
    else:
        show(_components_table(manager))
        show(_plugins_table(manager.statuses))


command.add_command(check_command)
command.add_command(new_command)


@command.command("show")
@click.argument("name")
@json_option
def show_component(name: str, as_json: bool) -> None:
    """Show a component: parameters with types, defaults and bounds, traits, documentation and source."""
    from icbench.plugins.manager import plugin_manager

    found = _find_components(plugin_manager(warn=False), name)
    if as_json:
        from icbench.report.json_output import envelope

        click.echo(envelope({"components": [_component_data(registered, detailed=True) for registered in found]}))
        return
    for registered in found:
        show(_component_report(registered))


@command.command()
@click.argument("dist")
def disable(dist: str) -> None:
    """Leave a plugin out from now on; nothing of it is imported any more."""
    _decide(dist, disabled=True)


@command.command()
@click.argument("dist")
def enable(dist: str) -> None:
    """Use a plugin again."""
    _decide(dist, disabled=False)


@command.command()
@json_option
def doctor(as_json: bool) -> int:
    """Load every plugin, and show the traceback of what it raised and how long its import took."""
    from icbench.plugins.manager import plugin_manager

    statuses = plugin_manager(warn=False).statuses
    broken = [status for status in statuses if status.state in ("broken", "incompatible")]
    if as_json:
        from icbench.report.json_output import envelope

        errors = [f"{status.source.dist}: {status.reason}" for status in broken]
        content = {"plugins": [_status_data(status) | {"traceback": status.traceback} for status in statuses]}
        click.echo(envelope(content, errors=errors, ok=not errors))
    else:
        show(_plugins_table(statuses, timed=True))
        for status in broken:
            click.echo(f"{status.source.dist}, {status.stage or status.state}: {status.reason}")
            click.echo(status.traceback)
    return FAILED if broken else 0


def _decide(dist: str, disabled: bool) -> None:
    from icbench.errors import UsageError, suggestion
    from icbench.plugins.discovery import BUILTIN, canonical, plugin_sources
    from icbench.plugins.preferences import disabled_plugins, set_disabled

    if canonical(dist) == BUILTIN.dist:
        raise UsageError("the built-in components cannot be disabled", "Name an installed plugin.")
    known = sorted({canonical(source.dist) for source in plugin_sources()} | disabled_plugins())
    if canonical(dist) not in known:
        raise UsageError(f"there is no plugin '{dist}'", suggestion(canonical(dist), known, "plugins"))
    set_disabled(dist, disabled)
    messages().print(f"{canonical(dist)} is {'disabled' if disabled else 'enabled'}", highlight=False, markup=False)


def _find_components(manager: "PluginManager", name: str) -> "list[Registered]":
    """The components of this name, of whatever kind."""
    from icbench.errors import UsageError, suggestion
    from icbench.kinds.names import ALL_KINDS

    found = manager.find_named(name, ALL_KINDS)
    if not found:
        manager.raise_if_unusable(name, ALL_KINDS)
        known = {registered.name for kind in ALL_KINDS for registered in manager.components(kind)}
        raise UsageError(f"there is no component '{name}'", suggestion(name.rpartition("/")[2], known, "components"))
    return found


def _data(manager: "PluginManager") -> dict[str, Any]:
    from icbench.kinds.names import ALL_KINDS

    components = [_component_data(registered) for kind in ALL_KINDS for registered in manager.components(kind)]
    return {"plugins": [_status_data(status) for status in manager.statuses], "components": components}


def _status_data(status: "PluginStatus") -> dict[str, Any]:
    source = status.source
    return {
        "entry_point": source.entry_point,
        "dist": source.dist,
        "version": source.version,
        "origin": source.origin,
        "state": status.state,
        "stage": status.stage,
        "reason": status.reason,
        "components": list(status.components),
        "import_seconds": status.seconds,
    }


def _component_data(registered: "Registered", detailed: bool = False) -> dict[str, Any]:
    component = registered.component
    content = {
        "kind": registered.kind,
        "name": registered.name,
        "dist": registered.dist,
        "version": registered.version,
        "summary": component.summary,
        "params": [_param_data(param) for param in component.params],
        "traits": list(component.traits),
    }
    if detailed:
        content |= {"factory": component.factory, "trainer": component.trainer}
        content |= {"documentation": _doc(registered), "source": _source(registered)}
    return content


def _param_data(param: "Param") -> dict[str, Any]:
    return {**asdict(param), "type": param.type.__name__, "choices": list(param.choices)}


def _doc(registered: "Registered") -> str:
    """The factory's docstring, or why it has none to show."""
    import inspect

    from icbench.errors import PluginError
    from icbench.plugins.component import resolve

    try:
        return inspect.getdoc(resolve(registered.component.factory, registered.dist)) or "It has no documentation."
    except PluginError as error:
        return error.message


def _source(registered: "Registered") -> str:
    """The file and line of the factory, or empty where there is none."""
    import inspect

    from icbench.errors import PluginError
    from icbench.plugins.component import resolve

    try:
        factory = resolve(registered.component.factory, registered.dist)
        return f"{inspect.getsourcefile(factory)}:{inspect.getsourcelines(factory)[1]}"
    except (PluginError, OSError, TypeError):
        return ""


def _component_report(registered: "Registered") -> Any:
    from rich.console import Group
    from rich.markup import escape
    from rich.padding import Padding
    from rich.text import Text

    component = registered.component
    lines = [f"[bold]{registered.kind} {escape(registered.name)}[/]  {escape(component.summary)}"]
    lines.append(f"from {escape(registered.dist)} {escape(registered.version)}, {escape(component.factory)}")
    if source := _source(registered):
        lines.append(escape(source))
    if component.traits:
        lines.append(f"traits: {escape(', '.join(component.traits))}")
    if component.trainer:
        lines.append(f"weights can be made with `icbench train {escape(registered.name)}`")
    body = [Text.from_markup(line) for line in lines]
    table = [_params_table(component.params)] if component.params else [Text("no parameters")]
    return Group(*body, *table, Padding(Text(_doc(registered)), (0, 0, 1, 2)))


def _params_table(params: "tuple[Param, ...]") -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table("parameter", "default", "values", "what it is", box=SIMPLE_HEAD, pad_edge=False)
    for param in params:
        table.add_row(*map(escape, (param.name, str(param.default), param.describe(), param.help)))
    return table


def _components_table(manager: "PluginManager") -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from icbench.kinds.names import ALL_KINDS

    table = Table("kind", "name", "parameters", "what it is", "from", box=SIMPLE_HEAD, pad_edge=False)
    for kind in ALL_KINDS:
        for registered in manager.components(kind):
            component = registered.component
            params = " ".join(f"{param.name}={param.default}" for param in component.params)
            table.add_row(kind, *map(escape, (registered.name, params, component.summary, registered.dist)))
    return table


def _plugins_table(statuses: "list[PluginStatus]", timed: bool = False) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table("plugin", "version", "state", "from", box=SIMPLE_HEAD, pad_edge=False)
    if timed:
        table.add_column("import", justify="right")
    table.add_column("reason", overflow="fold")
    for status in statuses:
        stage = f"{status.stage}: " if status.stage else ""
        state = f"[{COLOURS[status.state]}]{status.state}[/]"
        time = [f"{1000 * status.seconds:.0f} ms"] if timed else []
        source = status.source
        table.add_row(
            escape(source.dist),
            escape(source.version),
            state,
            escape(source.origin),
            *time,
            escape(stage + status.reason),
        )
    return table
