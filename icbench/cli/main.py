"""The `icbench` command: finds the verb, and turns every failure into one line and an exit code."""

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from icbench.cli.streams import StreamError, tolerant_streams
from icbench.errors import DataWarning, FolderWarning, IcbenchError, PluginWarning, only_exceptions
from icbench.version import __version__

VERBS = {
    "run": "Invert a generator on a dataset and classify its images.",
    "plan": "Show what a run would compute, and what that costs.",
    "invert": "Classify image files, and show how.",
    "suite": "List, show or run suites: declared sets of entries.",
    "reproduce": "Run a suite and compare its accuracies with the published ones.",
    "leaderboard": "Rank the entries that were run, and test their differences.",
    "report": "Show all that was run as one page, with charts and images.",
    "compare": "Compare two entries image by image.",
    "show": "Show one run: figures per class, calibration, and why it errs.",
    "verify": "Check a record by computing a sample of its images again.",
    "publish": "Write records in a small form, for others to read and check.",
    "train": "Train a generator's weights.",
    "fit": "Fit the numbers of a product of experts.",
    "data": "List the datasets, and which of them have to be fetched.",
    "plugins": "List the components and where they come from.",
    "env": "Show facts about this machine and its libraries.",
}

NOWHERE = Path("/proc")
"""A folder in which no file can be made, for who works in one that is gone; torch needs some folder to work in."""
NO_ARGUMENTS: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What newer versions of click raise, with the help as its message, for a group without a verb."""

COMPLETION = "_ICBENCH_COMPLETE"
"""The variable by which shells ask click for completions."""

FAILED = 1
USAGE = 2
INTERNAL = 3
INTERRUPTED = 130


class Verbs(click.Group):
    """A group whose verbs are imported when they are called, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"icbench.cli.{cmd_name}").command
        # Without docstrings, as with `python -OO`, a verb is at least told in a line.
        command.help = command.help or VERBS[cmd_name]
        return command

    def invoke(self, ctx: click.Context) -> Any:
        # A component that calls sys.exit must not end the command silently with its code.
        with only_exceptions("a component"):
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="icbench")
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
@click.option("-v", "--verbose", is_flag=True, help="Tell on stderr what is loaded, chosen and written.")
@click.pass_context
def icbench(ctx: click.Context, debug: bool, verbose: bool) -> None:
    """A benchmark suite for inverse classification: train a class-conditional generator, then classify an image by
    gradient descent on the generator's inputs until its output matches.

    \b
    Start with:
      icbench run --generator cgan --distance mse --limit 100
      icbench leaderboard
      icbench show latest
    """
    if verbose:
        from icbench.cli.output import print_log

        ctx.with_resource(print_log())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if os.environ.get(COMPLETION):
        # A shell asks what could be typed; click answers in bytes, which are to reach it as they are, and exits.
        icbench.main(given, prog_name="icbench")
    warnings.showwarning = _one_line_warning
    # Also where warnings are errors: a broken plugin costs its own components and nothing else.
    for category in (PluginWarning, FolderWarning, DataWarning):
        warnings.simplefilter("default", category)
    with tolerant_streams():
        try:
            _leave_deleted_folder()
            code = _exit_code(given)
            # Here, and not when the interpreter ends and can only complain.
            if sys.stdout:
                sys.stdout.flush()
        except StreamError as error:
            code = _unwritten(error)
    sys.exit(code)


def _leave_deleted_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        os.chdir(NOWHERE if NOWHERE.is_dir() else os.sep)
        warnings.warn("the working folder is gone; only absolute paths lead anywhere", FolderWarning, stacklevel=1)


def _exit_code(given: list[str]) -> int:
    try:
        result = icbench.main(given, prog_name="icbench", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except IcbenchError as error:
        if "--debug" in given:
            raise
        return _report_failure(given, error.message, error.hint, error.exit_code)
    except NO_ARGUMENTS as error:
        click.echo(error.format_message())
        return USAGE
    except click.UsageError as error:
        hint = f"See `{error.ctx.command_path} --help`." if error.ctx else ""
        return _report_failure(given, error.format_message(), hint, error.exit_code)
    except click.ClickException as error:
        return _report_failure(given, error.format_message(), "", error.exit_code)
    except (KeyboardInterrupt, click.Abort) as error:
        # click puts its own error in the place of the interruption.
        message = str(error.__cause__ or error) or "interrupted before anything was finished"
        return _report_failure(given, message, "", INTERRUPTED)
    except StreamError:
        raise
    except Exception as error:
        if "--debug" in given:
            raise
        message = f"internal error: {type(error).__name__}: {error}"
        return _report_failure(
            given, message, "Run it again as `icbench --debug …` and report what it shows.", INTERNAL
        )


def _report_failure(given: list[str], message: str, hint: str, code: int) -> int:
    """Say what failed in one line, on stderr and, if it was asked for, as the JSON document."""
    _say_failure(message, hint)
    if "--json" in given:
        from icbench.report.json_output import envelope

        click.echo(envelope(None, errors=[message], ok=False))
    return code


def _unwritten(error: StreamError) -> int:
    if not error.nobody_reads:
        from icbench.storage import reason, way_out

        _say_failure(f"the output cannot be written: {reason(error.cause)}", way_out(error.cause, "Send it elsewhere."))
    return FAILED


def _say_failure(message: str, hint: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from icbench.report.table import printable

    said = printable(" ".join(message.split()))
    # Of several lines only what icbench itself lists, such as the runs of which one has to be chosen.
    shown = "\n  ".join(map(printable, hint.splitlines()))
    rest = f"{'' if said.endswith(('.', '?')) else '.'} {shown}" if hint else ""
    Console(stderr=True).print(Text.assemble((said, "bold red"), rest), soft_wrap=True)


def _one_line_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    from icbench.cli.output import say

    say([" ".join(str(message).split())], "yellow")
