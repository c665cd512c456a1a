"""Options that several verbs share."""

import os
from pathlib import Path

import click


def _add_plugin_files(ctx: click.Context, param: click.Parameter, files: tuple[Path, ...]) -> None:
    """Put the files into the environment, where this process and its workers look for them."""
    from icbench.errors import UsageError
    from icbench.plugins.sources import FILES_VARIABLE, named_files

    for file in files:
        if not file.is_file():
            raise UsageError(f"there is no plugin file {file}", "Name a .py file that implements hooks.")
    if files:
        named = dict.fromkeys([*named_files(), *files])
        os.environ[FILES_VARIABLE] = os.pathsep.join(map(str, named))


plugin_file_option = click.option(
    "--plugin-file",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PY",
    expose_value=False,
    is_eager=True,
    callback=_add_plugin_files,
    help="A file with components, used as a plugin without being installed.",
)
