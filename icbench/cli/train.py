"""`icbench train`: make a generator's weights, watched, resumable, and chosen without eyes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icbench.cli.main import FAILED
from icbench.cli.options import Place, data_dir_option, device_option, json_option, plugin_file_option, quiet_option
from icbench.cli.output import data, made, messages, say

if TYPE_CHECKING:
    from icbench.plugins.component import Selection
    from icbench.plugins.manager import PluginManager
    from icbench.training.trainer import TrainingJob


@click.command()
@plugin_file_option
@click.argument("generator", metavar="GENERATOR")
@click.option("--noise-dim", type=int, help="Short for GENERATOR:noise_dim=N.")
@click.option("--epochs", type=int, help="Passes over the training images.  [default: the trainer's own]")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of weights, order and noise."
)
@device_option
@click.option("--dataset", default="mnist", show_default=True, metavar="SPEC", help="What to train on.")
@data_dir_option
@click.option(
    "--out",
    type=Place(),
    help="Folder for weights, samples and checkpoints.  [default: trained/NAME-noiseN-seedS]",
)
@click.option(
    "--study",
    is_flag=True,
    help="Study which cheap figure chooses a checkpoint well: full inversions after each of 20 epochs or more.",
)
@click.option(
    "--evaluate",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Train nothing: measure samples made with the weights of FILE.",
)
@json_option
@quiet_option
def command(generator: str, noise_dim: int | None, evaluate: Path | None, **given: Any) -> int:
    """Train GENERATOR (a SPEC such as cgan or cgan:noise_dim=50) and choose its best checkpoint on validation images.

    The folder keeps a checkpoint: the same command goes on where it was stopped. It also gets a grid of samples at
    every check, the chosen weights as safetensors, and a training record beside them.

    With --study it also gets study.json and study.png: how well the accuracy of short inversions, the reconstruction
    error, the class margin and the quality of samples order the checkpoints of this training, and which to choose by.

    With --evaluate no training takes place. The samples of weights that were trained anywhere are measured against
    validation images, as each check of a training does: how many are of the class asked for, the Frechet distance,
    density and coverage, and how far the class vector decides.
    """
    from icbench.compute.allocator import keep_freed_memory
    from icbench.plugins.manager import plugin_manager
    from icbench.report.training import TrainingProgress
    from icbench.training.trainer import train

    keep_freed_memory()
    host = plugin_manager()
    selection = host.select("generator", generator)
    if noise_dim is not None:
        component = selection.registered.component
        selection = host.with_param(selection, "noise_dim", component.param("noise_dim").parse(str(noise_dim)))
    if evaluate is not None:
        return _evaluate(evaluate, selection, host, given)
    trainer = _trainer(selection)
    job = _job(selection, trainer.default_epochs, given)
    dataset = host.select("dataset", given["dataset"]).build()
    with TrainingProgress(messages(), job.epochs, given["quiet"]) as progress:
        file = train(trainer, dataset, job, progress)
    return _report(file, selection, given["study"], given["as_json"])


def _evaluate(file: Path, selection: "Selection", host: "PluginManager", given: dict[str, Any]) -> int:
    from icbench.compute.devices import chosen_device
    from icbench.errors import UsageError
    from icbench.report.json_output import envelope
    from icbench.report.training import TrainingProgress, sample_lines
    from icbench.running.datasets import data_folder
    from icbench.training.evaluation import evaluate_samples, generator_from

    idle = [f"--{name}" for name in ("epochs", "out", "study") if given[name]]
    if idle:
        raise UsageError(f"--evaluate trains nothing, so {' and '.join(idle)} would do nothing", "Leave one out.")
    dataset, device = host.select("dataset", given["dataset"]).build(), chosen_device(given["device"])
    generator = generator_from(file, selection, host)
    folder = data_folder(given["data_dir"])
    with TrainingProgress(messages(), 0, given["quiet"]) as monitor:
        found = evaluate_samples(generator, dataset, folder, device, given["seed"], monitor)
    document = found.as_data()
    if given["as_json"]:
        about = {"generator": selection.name, "params": dict(selection.params), "dataset": given["dataset"]}
        weights = {"weights": str(file), "sha256": generator.weights_digest}
        click.echo(envelope({**weights, **about, "seed": given["seed"], "samples": document}))
        return 0
    for line in sample_lines(document):
        click.echo(line)
    return 0


def _trainer(selection: "Selection") -> Any:
    from icbench.errors import UsageError
    from icbench.plugins.component import resolve
    from icbench.plugins.isolation import isolated

    component = selection.registered.component
    if not component.trainer:
        raise UsageError(f"generator {component.name} has no trainer", "`icbench plugins` lists the generators.")
    make = resolve(component.trainer, selection.registered.dist)
    with isolated():
        return make(**selection.params)


def _job(selection: "Selection", default_epochs: int, given: dict[str, Any]) -> "TrainingJob":
    from icbench.compute.devices import chosen_device
    from icbench.errors import UsageError
    from icbench.running.datasets import data_folder
    from icbench.running.source_closure import training_digest
    from icbench.training.study import LEAST_CHECKS
    from icbench.training.trainer import TrainingJob
    from icbench.training.weights import default_folder

    if given["study"]:
        default_epochs = max(LEAST_CHECKS, default_epochs)
    epochs = default_epochs if given["epochs"] is None else given["epochs"]
    if epochs < 1:
        raise UsageError(f"--epochs {epochs} is not a number of 1 or more", f"The default is {default_epochs}.")
    return TrainingJob(
        name=selection.name,
        params=dict(selection.params),
        out=given["out"] or default_folder(selection.name, selection.params, given["seed"]),
        epochs=epochs,
        seed=given["seed"],
        device=chosen_device(given["device"]),
        dataset_name=given["dataset"],
        data_dir=data_folder(given["data_dir"]),
        study=given["study"],
        source=training_digest(selection.registered.component.trainer, selection.registered.dist),
    )


def _report(file: Path, selection: "Selection", study: bool, as_json: bool) -> int:
    import json

    from icbench.report.json_output import envelope

    documents = {"record": json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))}
    lacking: list[str] = []
    if study:
        documents["study"], lacking = _draw_study(file.parent)
    if as_json:
        click.echo(envelope({"weights": str(file), **documents}, errors=lacking, ok=not lacking))
        return _say_lacking(lacking)
    record = documents["record"]
    validation, images = record["validation"], record["validation"]["images"]
    accuracies = ", ".join(f"{validation[f'{name}_accuracy']:.3f} {name}" for name in validation["steps"] if images)
    measured = f"validation accuracy {accuracies}" if images else "no validation image left to measure it on"
    click.echo(f"{file}: epoch {record['chosen']['epochs']} of {record['epochs']}, {measured}")
    params = {**selection.params, "weights": file}
    spec = ",".join(f"{name}={value}" for name, value in params.items() if value != "")
    click.echo(f"use it:  icbench run --generator {selection.name}:{spec}")
    if study:
        _print_study(documents["study"])
    return _say_lacking(lacking)


def _say_lacking(lacking: list[str]) -> int:
    say(lacking, "red")
    return FAILED if lacking else 0


def _draw_study(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Draw the study in a training's folder; returns it, and what kept it from being drawn."""
    import json

    from icbench.report.study_chart import draw_study
    from icbench.training.findings import studied
    from icbench.training.study import FILE

    document: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    picture = (folder / FILE).with_suffix(".png")
    return document, made("picture", picture, lambda: draw_study(*studied(document), picture))


def _print_study(document: dict[str, Any]) -> None:
    from icbench.report.study import study_grid, study_lines
    from icbench.report.table import terminal_table
    from icbench.training.findings import studied

    _, found = studied(document)
    console = data()
    grid = study_grid(found, document["reference_seconds"])
    console.print("", terminal_table(grid, console.width), "", highlight=False)
    for line in study_lines(found):
        click.echo(line)
