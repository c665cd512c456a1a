"""Options that several verbs share, each declared once."""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import click

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

FIGURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg")
"""The formats of figures, of which a file's suffix chooses."""


class Place(click.Path):
    """A file or folder; empty text names none, and would be taken for the working folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("it is empty; name a file or folder, such as . for this one", param, ctx)
        return super().convert(value, param, ctx)


class OutputFile(Place):
    """A file to write at the end, which is refused before anything is computed if it cannot be.

    Args:
        suffixes: of the formats there are; empty where any name will do.
    """

    def __init__(self, suffixes: Collection[str] = ()) -> None:
        super().__init__()
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from icbench.storage import check_output_file

        file = Path(os.fsdecode(super().convert(value, param, ctx)))
        check_output_file(file, self.suffixes)
        return file


def _add_plugin_files(ctx: click.Context, param: click.Parameter, files: tuple[Path, ...]) -> None:
    """Put the files into the environment, where this process and its workers look for them."""
    from icbench.errors import UsageError
    from icbench.plugins.discovery import FILES_VARIABLE, named_files

    for file in files:
        if not file.is_file():
            raise UsageError(f"there is no plugin file {file}", "Name a .py file that implements hooks.")
    if files:
        named = dict.fromkeys([*named_files(), *files])
        os.environ[FILES_VARIABLE] = os.pathsep.join(map(str, named))


class Number(click.FloatRange):
    """A number in a range, which not-a-number is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        return (
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx) if found != found else found
        )


class Share(Number):
    """A number from 0 to 1."""

    def __init__(self) -> None:
        super().__init__(min=0, max=1)


plugin_file_option = click.option(
    "--plugin-file",
    type=Place(),
    multiple=True,
    metavar="PY",
    expose_value=False,
    is_eager=True,
    callback=_add_plugin_files,
    help="A file with components, used as a plugin without being installed.",
)
results_option = click.option(
    "--results",
    type=Place(),
    default=Path("icbench-results"),
    show_default=True,
    help="The results folder, where records are kept.",
)
data_dir_option = click.option("--data-dir", type=Place(), envvar="ICBENCH_DATA", help="Where fetched data is kept.")
device_option = click.option(
    "--device", default="auto", show_default=True, help="Where to compute: auto, cpu, cuda or cuda:N."
)
executor_option = click.option(
    "--executor",
    metavar="SPEC",
    envvar="ICBENCH_EXECUTOR",
    default="local",
    show_default=True,
    help="What computes the shards of runs, such as processes:workers=4 or dask:scheduler=tcp://host:8786.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "tf32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="Precision of the generator's matrix products; auto is bfloat16 on a CPU that has it, tf32 is for CUDA.",
)


def figure_option(text: str) -> Callable[[AnyFunction], AnyFunction]:
    """`--figure`, which draws what `text` says."""
    told = f"{text}: a PNG, PDF or SVG, as the file's name says."
    return click.option("--figure", type=OutputFile(FIGURES), metavar="FILE", help=told)


max_hours_option = click.option(
    "--max-hours",
    type=Number(min=0, min_open=True),
    metavar="H",
    help="Begin nothing that would end more than H hours from now; the same command goes on later.",
)
plan_option = click.option(
    "--plan", is_flag=True, help="Run nothing: show what would be run, what of it is done, and what the rest costs."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
quiet_option = click.option("--quiet", is_flag=True, help="Print only results and warnings.")
