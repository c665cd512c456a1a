"""`icbench verify`: records held against what can be computed again."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from icbench.cli.main import FAILED
from icbench.cli.options import Place, data_dir_option, json_option, plugin_file_option, results_option
from icbench.cli.output import data, messages

if TYPE_CHECKING:
    from icbench.running.verification import Verification


@click.command()
@click.argument("records", metavar="RECORD...", nargs=-1, required=True)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="How many images of each record to compute again.",
)
@click.option(
    "--sample-seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Seed that the images are drawn with.  [default: a new one each time]",
)
@results_option
@plugin_file_option
@data_dir_option
@click.option(
    "--weights", type=Place(), metavar="FILE", help="The local weights of the run, where they are not in trained/."
)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 also if a record could not be verified by computing images of it again."
)
@json_option
def command(
    records: Sequence[str],
    sample: int,
    sample_seed: int | None,
    results: Path,
    data_dir: Path | None,
    weights: Path | None,
    strict: bool,
    as_json: bool,
) -> int:
    """Verify records: compute a random sample of their images again, and check digests and figures.

    For each record a table says what holds, what differs, and what cannot be checked here, for example because a plugin
    is not installed. Energies may differ by rounding, which is measured where it matters. Where icbench or a component
    has other code by now, images are computed with that: a record whose images come out the same holds, and one whose
    images do not cannot be checked here. The exit code is 1 if anything differs.

    RECORD is the folder of a record, or names a run in the results folder as for `icbench show`.

    \b
      icbench verify latest
      icbench verify theirs/* --sample 500
      icbench verify results/gap/* --strict
    """
    seed = _any_seed() if sample_seed is None else sample_seed
    found = _verify(records, sample, seed, results, data_dir, weights)
    accepted = ("holds",) if strict else ("holds", "cannot be checked")
    failed = any(one.verdict not in accepted for one in found)
    if as_json:
        from icbench.report.json_output import envelope
        from icbench.report.verification import verification_data

        click.echo(envelope({"records": [verification_data(one, seed) for one in found]}, ok=not failed))
    else:
        _print(found, seed)
    return FAILED if failed else 0


def _any_seed() -> int:
    """A seed that whoever made a record could not know."""
    import secrets

    return secrets.randbelow(2**31)


def _verify(
    names: Sequence[str], sample: int, seed: int, results: Path, data_dir: Path | None, weights: Path | None
) -> "list[Verification]":
    from icbench.compute.allocator import keep_freed_memory
    from icbench.plugins.manager import plugin_manager
    from icbench.ranking.lookup import Lookup
    from icbench.report.display import Display
    from icbench.running.verification import Verifier

    lookup = Lookup(results)
    paths = [lookup.place(name) for name in names]
    keep_freed_memory()
    with Display(messages()) as display:
        verifier = Verifier(plugin_manager(), sample, seed, data_dir, weights, display)
        return [verifier.verify(path) for path in paths]


def _print(found: "Sequence[Verification]", seed: int) -> None:
    from icbench.report.table import terminal_tables
    from icbench.report.verification import verification_grid, verification_line

    console = data()
    console.print(terminal_tables([verification_grid(one) for one in found], console.width), "", highlight=False)
    for one in found:
        console.print(verification_line(one, seed), highlight=False, markup=False, emoji=False)
