"""`icbench run`: a grid of entries, each inverted on the chosen images and kept as a record."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from icbench.cli.main import FAILED, INTERRUPTED
from icbench.cli.options import (
    data_dir_option,
    device_option,
    executor_option,
    figure_option,
    json_option,
    max_hours_option,
    plan_option,
    plugin_file_option,
    precision_option,
    quiet_option,
    results_option,
)
from icbench.cli.output import data, make_file, messages, say
from icbench.cli.running import collect, say_how_to_go_on, show_plan, show_progress

AnyFunction: TypeAlias = Callable[..., Any]


if TYPE_CHECKING:
    from icbench.records import Record
    from icbench.report.display import Display
    from icbench.running.execute import Run
    from icbench.running.options import Options


def _spec_option(kind: str, default: str) -> "Callable[[AnyFunction], AnyFunction]":
    text = f"{kind.capitalize()} as name:key=value,…; repeat for a grid.  [default: {default}]"
    return click.option(f"--{kind}", kind, metavar="SPEC", multiple=True, help=text)


@click.command()
@_spec_option("generator", "cgan")
@_spec_option("distance", "mse")
@_spec_option("optimizer", "adam")
@_spec_option("schedule", "joint")
@_spec_option("dataset", "mnist")
@click.option(
    "--product",
    metavar="SPEC",
    multiple=True,
    help="Product of experts, several inversions as one entry; given alone, nothing else is inverted.",
)
@click.option(
    "--classifier",
    metavar="SPEC",
    multiple=True,
    help="Direct classifier to compare with; given alone, nothing is inverted.",
)
@click.option("--split", default="test", show_default=True, help="The split to classify: train, validation or test.")
@click.option("--steps", type=int, help="Steps per hypothesis; 0 scores the starts.  [default: the schedule's own]")
@click.option(
    "--stop-when",
    type=float,
    metavar="SHARE",
    help="Stop an image when ten steps lower its energy by less than this share of its whole decrease, such as 0.001.  "
    "[default: never]",
)
@click.option("--lr", type=float, help="Learning rate of every optimizer.  [default: the optimizer's own]")
@click.option("--limit", type=int, help="Only the first N images.  [default: all]")
@click.option("--seed", type=int, help="Seed of the noise that inversions start from.  [default: 0]")
@click.option("--seeds", type=int, metavar="K", help="Run for seeds 0 to K-1 instead of one.")
@click.option("--batch-size", default="auto", show_default=True, help="Hypotheses inverted together, or auto.")
@device_option
@executor_option
@precision_option
@results_option
@data_dir_option
@click.option("--rerun", is_flag=True, help="Run again what is finished already; the older record stays.")
@click.option("--save-latents", is_flag=True, help="Keep the final class vectors and noises in the record.")
@figure_option("Draw the first targets above their reconstructions")
@max_hours_option
@plan_option
@plugin_file_option
@json_option
@quiet_option
def command(**given: Any) -> int:
    """Classify images by inverting a generator, and keep the result as a record.

    What was run before is not run again: a finished run is taken from its record, an unfinished one goes on where it
    stopped, and a higher --limit goes on from a lower one.

    Options that take a SPEC can be repeated; every combination is run. Parameters follow a colon:

    \b
      icbench run --generator cgan:noise_dim=50 --schedule exhaustive:restarts=2
      icbench run --schedule joint:noise_rate=0.5 --schedule joint:noise_rate=2 --limit 1000

    A value with a comma in it needs double quotes, and single ones for the shell: 'cgan:weights="a,b.safetensors"'.

    `icbench plugins` lists what there is to choose from.
    """
    from icbench.compute.allocator import keep_freed_memory
    from icbench.kinds.names import WHOLE_KINDS
    from icbench.plugins.manager import plugin_manager
    from icbench.running.entry import DEFAULTS
    from icbench.running.execute import Request, entries_from_specs, execute

    keep_freed_memory()
    specs = {kind: given[kind] for kind in (*DEFAULTS, *WHOLE_KINDS)}
    entries = entries_from_specs(plugin_manager(), specs, given["lr"])
    if not any(entry.inverts_once for entry in entries):
        _check_whole(given, entries[0].direct)
    options = _options(given)
    if given["plan"]:
        return show_plan([Request(entry, options) for entry in entries], given)
    with show_progress(given["executor"], given["quiet"]) as progress:
        runs, interrupted = collect(execute(entries, options, progress))
    records = [run.record for run in runs]
    lacking = _draw(runs, options, given) if given["figure"] else []
    _report(records, progress, given, lacking)
    if interrupted:
        say_how_to_go_on(options.deadline, given["quiet"])
        return INTERRUPTED
    return FAILED if lacking or any(record.status == "failed" for record in records) else 0


def _options(given: dict[str, Any]) -> "Options":
    from icbench.running.deadline import Deadline
    from icbench.running.options import Options

    return Options(
        steps=given["steps"],
        limit=given["limit"],
        split=given["split"],
        seeds=_seeds(given["seed"], given["seeds"]),
        batch_size=_batch_size(given["batch_size"]),
        device=given["device"],
        executor=given["executor"],
        precision=given["precision"],
        results=given["results"],
        data_dir=given["data_dir"],
        save_latents=given["save_latents"],
        rerun=given["rerun"],
        stop_when=given["stop_when"],
        deadline=Deadline(given["max_hours"]),
    )


def _check_whole(given: dict[str, Any], direct: bool) -> None:
    """Refuse the options of an inversion where nothing is inverted, or only by products that say themselves how."""
    names = ("steps", "stop_when", "lr", "save_latents", "figure", *(["precision"] if direct else []))
    # A flag is named alone, another option with its value.
    said = {name: f" {given[name]}" if given[name] is not True else "" for name in names}
    idle = [f"--{name.replace('_', '-')}{said[name]}" for name in names if given[name] not in (None, False, "auto")]
    why = "direct classifiers alone invert nothing" if direct else "products say themselves how they invert"
    if idle:
        raise click.UsageError(
            f"{', '.join(idle)} would have no effect: {why}; leave it out, or name a --generator to invert too"
        )


def _seeds(seed: int | None, count: int | None) -> tuple[int, ...]:
    if seed is not None and count is not None:
        raise click.UsageError("--seed and --seeds exclude each other")
    from icbench.kinds.suite import MOST_SEEDS

    if count is not None and not 1 <= count <= MOST_SEEDS:
        raise click.UsageError(f"--seeds {count} is not a number from 1 to {MOST_SEEDS:,}")
    return tuple(range(count)) if count is not None else (seed or 0,)


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise click.UsageError(f"--batch-size {text} is neither auto nor a number") from None


def _draw(runs: "list[Run]", options: "Options", given: dict[str, Any]) -> list[str]:
    """One row of targets per entry and one of its reconstructions, for each entry's first seed; returns what failed."""
    from icbench.report.pictures import COLUMNS, draw_reconstructions
    from icbench.running.reconstructions import reconstructions

    file = given["figure"]
    shown = [run for run in runs if run.seed == options.seeds[0] and run.entry.inverts_once]
    return make_file(
        "picture",
        file,
        lambda: draw_reconstructions([reconstructions(run.entry, run.record, options, COLUMNS) for run in shown], file),
        given["quiet"],
    )


def _line(record: "Record", stopped: str) -> str:
    reason = f": {record.metadata.error}" if record.metadata.error else ""
    return f"{record.metadata.id}: {stopped}{reason}"


def _report(
    records: "list[Record]",
    progress: "Display",
    given: dict[str, Any],
    lacking: list[str],
) -> None:
    from icbench.report.json_output import envelope
    from icbench.report.results import describe_stop, results_table

    console = messages()
    unfinished = [record for record in records if record.status != "ok"]
    errors = [_line(record, describe_stop(record)) for record in unfinished] + lacking
    if given["as_json"]:
        click.echo(
            envelope({"runs": [record.summary() for record in records]}, progress.warnings, errors, ok=not errors)
        )
    else:
        console_for_data = data()
        console_for_data.print(results_table(records, console_for_data.width))
    say(lacking, "red")
    if given["quiet"]:
        return
    for record in records:
        console.print(f"record: {record.path}", soft_wrap=True, highlight=False, markup=False)
