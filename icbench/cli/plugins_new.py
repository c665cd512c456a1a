"""`icbench plugins new`: a distribution with one working component, to go on from."""

import shlex
from pathlib import Path

import click

from icbench.cli.options import Place, json_option
from icbench.cli.output import messages
from icbench.kinds.names import CODED_KINDS


def _only(ctx: click.Context, param: click.Parameter, kinds: tuple[str, ...]) -> str:
    if len(kinds) > 1:
        raise click.BadParameter(f"{' and '.join(kinds)} are {len(kinds)} kinds; say one, and add others to its hooks")
    return kinds[0]


@click.command("new")
@click.argument("dist", metavar="DIST")
@click.option(
    "--kind",
    type=click.Choice(CODED_KINDS),
    required=True,
    multiple=True,
    callback=_only,
    help="What its component is.",
)
@click.option(
    "--directory",
    type=Place(),
    default=Path(),
    help="Where the distribution's folder is made.  [default: here]",
)
@json_option
def command(dist: str, kind: str, directory: Path, as_json: bool) -> None:
    """Write a complete distribution DIST, such as icbench-mydist: package, entry point, test, README and CI workflow.

    Its component works at once; replace its code by your own. There is none for suites: a suite is a TOML file and a
    function of two lines.
    """
    from icbench.scaffold import Names, create

    folder = create(dist, kind, directory)
    names, place = Names(folder.name, kind), shlex.quote(str(folder))
    tried = f"pytest {place} && {names.trial}"
    commands = f"pip install -e {shlex.quote(f'{folder}[test]')} && {names.preparation('{} && ', folder)}{tried}"
    if as_json:
        from icbench.report.json_output import envelope

        files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
        click.echo(envelope({"folder": str(folder), "files": files, "next": commands}))
        return
    messages().print(f"{folder} is written; next:\n  {commands}", soft_wrap=True, highlight=False, markup=False)
