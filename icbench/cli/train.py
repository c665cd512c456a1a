"""`icbench train`: make the weights of a generator, and choose the checkpoint by validation images."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icbench.cli.main import FAILED
from icbench.cli.options import Place, data_dir_option, device_option, json_option, plugin_file_option, quiet_option
from icbench.cli.output import data, make_file, messages, say

if TYPE_CHECKING:
    from icbench.plugins.component import Selection
    from icbench.plugins.manager import PluginManager
    from icbench.training.loop import TrainingResult
    from icbench.training.study import Study
    from icbench.training.trainer import Trainer, TrainingJob


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

    A checkpoint is kept in the folder, so the same command goes on where it was stopped. The folder also gets a grid of
    samples at every check, the chosen weights as safetensors, and a training record.

    With --study it also gets study.json and study.png: how well the accuracy of short inversions, the reconstruction
    error, the class margin and the quality of samples order the checkpoints of this training, and which to choose by.

    With --evaluate no training takes place. The samples of weights that were trained anywhere are measured against
    validation images, as each check of a training does: how many are of the class asked for, the Frechet distance,
    density and coverage, and how far the class vector decides.
    """
    from icbench.compute.allocator import keep_freed_memory
    from icbench.plugins.manager import plugin_manager
    from icbench.report.training import TrainingProgress
    from icbench.training.loop import train

    keep_freed_memory()
    manager = plugin_manager()
    selection = manager.select("generator", generator)
    if noise_dim is not None:
        component = selection.registered.component
        selection = manager.with_param(selection, "noise_dim", component.param("noise_dim").parse(str(noise_dim)))
    if evaluate is not None:
        return _evaluate(evaluate, selection, manager, given)
    trainer = _trainer(selection)
    job = _job(selection, trainer, given)
    dataset = manager.select("dataset", given["dataset"]).build()
    with TrainingProgress(messages(), job.epochs, given["quiet"]) as progress:
        result = train(trainer, dataset, job, progress)
    return _report(result, given["as_json"])


def _evaluate(file: Path, selection: "Selection", manager: "PluginManager", given: dict[str, Any]) -> int:
    from icbench.compute.devices import choose_device
    from icbench.engine.settings import Settings
    from icbench.errors import UsageError
    from icbench.report.json_output import envelope
    from icbench.report.training import TrainingProgress, sample_lines
    from icbench.running.datasets import data_folder
    from icbench.training.budget import EvalBudget
    from icbench.training.evaluation import evaluate_samples, generator_from

    idle = [f"--{name}" for name in ("epochs", "out", "study") if given[name]]
    if idle:
        raise UsageError(f"--evaluate trains nothing, so {' and '.join(idle)} would do nothing", "Leave one out.")
    dataset = manager.select("dataset", given["dataset"]).build()
    settings = Settings(seed=given["seed"], device=choose_device(given["device"]))
    budget = _trainer(selection).budget if selection.registered.component.trainer else EvalBudget()
    generator = generator_from(file, selection, manager)
    folder = data_folder(given["data_dir"])
    with TrainingProgress(messages(), 0, given["quiet"]) as observer:
        found = evaluate_samples(generator, dataset, folder, settings, observer, budget)
    if given["as_json"]:
        about = {"generator": selection.name, "params": dict(selection.params), "dataset": given["dataset"]}
        weights = {"weights": str(file), "sha256": generator.weights_digest}
        click.echo(envelope({**weights, **about, "seed": given["seed"], "samples": vars(found)}))
        return 0
    for line in sample_lines(found):
        click.echo(line)
    return 0


def _trainer(selection: "Selection") -> "Trainer":
    from icbench.errors import UsageError
    from icbench.plugins.component import resolve
    from icbench.plugins.isolation import isolate

    component = selection.registered.component
    if not component.trainer:
        raise UsageError(f"generator {component.name} has no trainer", "`icbench plugins` lists the generators.")
    make = resolve(component.trainer, selection.registered.dist)
    with isolate():
        trainer: Trainer = make(**selection.params)
    return trainer


def _job(selection: "Selection", trainer: "Trainer", given: dict[str, Any]) -> "TrainingJob":
    from icbench.compute.devices import choose_device
    from icbench.errors import UsageError
    from icbench.running.datasets import data_folder
    from icbench.running.source_closure import training_digest
    from icbench.training.trainer import TrainingJob
    from icbench.training.weights import default_folder

    default_epochs = trainer.default_epochs
    if given["study"]:
        default_epochs = max(trainer.budget.study_checks, default_epochs)
    epochs = default_epochs if given["epochs"] is None else given["epochs"]
    if epochs < 1:
        raise UsageError(f"--epochs {epochs} is not a number of 1 or more", f"The default is {default_epochs}.")
    return TrainingJob(
        name=selection.name,
        params=dict(selection.params),
        out=given["out"] or default_folder(selection.name, selection.params, given["seed"]),
        epochs=epochs,
        seed=given["seed"],
        device=choose_device(given["device"]),
        dataset_name=given["dataset"],
        data_dir=data_folder(given["data_dir"]),
        study=given["study"],
        source=training_digest(selection.registered.component.trainer, selection.registered.dist),
    )


def _report(result: "TrainingResult", as_json: bool) -> int:
    from icbench.report.json_output import envelope

    record, study = result.record, result.study
    lacking = _draw_study(study, result.weights.parent) if study else []
    if as_json:
        documents = {"record": record.as_data(), **({"study": study.as_data()} if study else {})}
        click.echo(envelope({"weights": str(result.weights), **documents}, errors=lacking, ok=not lacking))
        return _say_lacking(lacking)
    validation = record.validation
    accuracies = ", ".join(f"{value:.3f} {name}" for name, value in validation.accuracy.items() if value is not None)
    measured = f"validation accuracy {accuracies}" if accuracies else "no validation image left to measure it on"
    click.echo(f"{result.weights}: epoch {record.chosen.checkpoint.epochs} of {record.epochs}, {measured}")
    params = {**record.params, "weights": result.weights}
    spec = ",".join(f"{name}={value}" for name, value in params.items() if value != "")
    click.echo(f"use it:  icbench run --generator {record.generator}:{spec}")
    if study:
        _print_study(study)
    return _say_lacking(lacking)


def _say_lacking(lacking: list[str]) -> int:
    say(lacking, "red")
    return FAILED if lacking else 0


def _draw_study(study: "Study", folder: Path) -> list[str]:
    """Draw the study in a training's folder; returns what kept it from being drawn."""
    from icbench.report.study_chart import draw_study
    from icbench.training.study import FILE

    picture = (folder / FILE).with_suffix(".png")
    return make_file("picture", picture, lambda: draw_study(study.snapshots, study.findings, picture))


def _print_study(study: "Study") -> None:
    from icbench.report.study import study_grid, study_lines
    from icbench.report.table import terminal_table

    console = data()
    grid = study_grid(study.findings, study.reference_seconds)
    console.print("", terminal_table(grid, console.width), "", highlight=False)
    for line in study_lines(study.findings):
        click.echo(line)
