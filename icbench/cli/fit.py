"""`icbench fit`: the numbers of a product of experts, fitted to labels of validation images."""

from pathlib import Path
from typing import Any

import click

from icbench.cli.options import (
    OutputFile,
    data_dir_option,
    device_option,
    json_option,
    plugin_file_option,
    precision_option,
    quiet_option,
)
from icbench.cli.output import data, messages


@click.command()
@click.argument("product", metavar="PRODUCT")
@click.option("--dataset", default="mnist", show_default=True, metavar="SPEC", help="Whose images it is fitted to.")
@click.option(
    "--split",
    type=click.Choice(["train", "validation"]),
    default="validation",
    show_default=True,
    help="Which of them.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N images.  [default: all]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the members' starts.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Hypotheses inverted together.  [default: measured]")
@click.option(
    "--out", type=OutputFile((".json",)), required=True, metavar="FILE", help="The JSON file that they are written to."
)
@device_option
@precision_option
@data_dir_option
@plugin_file_option
@json_option
@quiet_option
def command(product: str, out: Path, as_json: bool, quiet: bool, **given: Any) -> int:
    """Fit the numbers of PRODUCT, a product of experts given as name or name:key=value,….

    A product adds up what several inversions, its members, say of each class. How much each of them counts, and what
    is added to each class, is fitted by likelihood to the labels of validation images. The table says how accurate the
    members up to each are, on the images of the fit and on images that had no part in it (five-fold). Nothing is kept
    of an interrupted fit.

    \b
      icbench fit vae-deformable --dataset fashion-mnist --out fit.json
      icbench run --dataset fashion-mnist --product vae-deformable:fit=fit.json
    """
    from icbench.compute.allocator import keep_freed_memory
    from icbench.kinds.product import write_fit
    from icbench.plugins.manager import plugin_manager
    from icbench.report.display import Display
    from icbench.report.fit import fit_data, fit_table
    from icbench.report.json_output import envelope
    from icbench.running.datasets import Source, data_folder
    from icbench.running.entry import Entry
    from icbench.running.fitting import fit_product
    from icbench.running.options import Options
    from icbench.storage import write_output

    keep_freed_memory()
    manager = plugin_manager()
    dataset = manager.select("dataset", given["dataset"])
    entry = Entry({"product": manager.select("product", product)}, dataset)
    source = Source(dataset.build(), data_folder(given["data_dir"]), dataset.label)
    asked = {name: given[name] for name in ("split", "limit", "batch_size", "device", "precision")}
    with Display(messages(), quiet) as progress:
        found = fit_product(entry, source, Options(seeds=(given["seed"],), **asked), progress)
    write_output(out, write_fit(found.fit).encode())
    if as_json:
        click.echo(envelope({"file": str(out), **fit_data(found)}, progress.warnings, [], ok=True))
        return 0
    console = data()
    console.print(fit_table(found, console.width))
    if not quiet:
        messages().print(f"written: {out}", soft_wrap=True, highlight=False, markup=False)
    return 0
