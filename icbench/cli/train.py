"""`icbench train`: make the weights of a generator, and choose the checkpoint by validation images."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icbench.cli.main import FAILED
from icbench.cli.options import (
    Place,
    data_dir_option,
    device_option,
    figure_option,
    json_option,
    plugin_file_option,
    quiet_option,
)
from icbench.cli.output import data, make_file, messages, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icbench.plugins.component import Selection, Value
    from icbench.plugins.manager import PluginManager
    from icbench.training.log import TrainingLog
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
    help="Folder for weights, samples and checkpoints.  [default: trained/NAME-noiseN-DATASET-seedS]",
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
@click.option(
    "--set", "options", multiple=True, metavar="KEY=VALUE", help="An option of the trainer's own; can be repeated."
)
@click.option(
    "--log-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write losses, validation figures and sample grids for TensorBoard.",
)
@figure_option("Draw losses and validation figures over the epochs")
@json_option
@quiet_option
def command(generator: str, noise_dim: int | None, evaluate: Path | None, **given: Any) -> int:
    """Train GENERATOR (a SPEC such as cgan or cgan:noise_dim=50) and choose its best checkpoint on validation images.

    A checkpoint is kept in the folder, so the same command goes on where it was stopped. The folder also gets a grid of
    samples at every check, the chosen weights as safetensors, a training record, and losses and figures as a table.

    GENERATOR is trained for the images and classes of the --dataset; a run on that finds the weights again.

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
    dataset = manager.select("dataset", given["dataset"])
    options = _options(selection, given["options"])
    trainer = _trainer(selection, options)
    job = replace(_job(selection, dataset, trainer, given), options=options)
    log = _log(given["log_dir"])
    with TrainingProgress(messages(), job.epochs, given["quiet"]) as progress:
        result = train(trainer, dataset.build(), job, progress, log)
    return _report(result, dataset, given["figure"], given["as_json"])


def _evaluate(file: Path, selection: "Selection", manager: "PluginManager", given: dict[str, Any]) -> int:
    from icbench.compute.devices import choose_device
    from icbench.engine.settings import Settings
    from icbench.errors import UsageError
    from icbench.report.json_output import envelope
    from icbench.report.training import TrainingProgress, sample_lines
    from icbench.running.datasets import data_folder
    from icbench.training.budget import EvalBudget
    from icbench.training.evaluation import evaluate_samples, generator_from

    names = {"epochs": "epochs", "out": "out", "study": "study", "options": "set", "log_dir": "log-dir"}
    idle = [f"--{shown}" for name, shown in {**names, "figure": "figure"}.items() if given[name]]
    if idle:
        raise UsageError(f"--evaluate trains nothing, so {' and '.join(idle)} would do nothing", "Leave one out.")
    chosen = manager.select("dataset", given["dataset"])
    dataset = chosen.build()
    settings = Settings(seed=given["seed"], device=choose_device(given["device"]))
    budget = _trainer(selection).budget if selection.registered.component.trainer else EvalBudget()
    generator = generator_from(file, selection.for_dataset(chosen), manager)
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


def _trainer(selection: "Selection", options: "Mapping[str, Value] | None" = None) -> "Trainer":
    from icbench.errors import UsageError
    from icbench.plugins.component import TRAINED_ON
    from icbench.plugins.isolation import isolate

    if selection.params.get(TRAINED_ON):
        raise UsageError(
            f"{TRAINED_ON}={selection.params[TRAINED_ON]} says whose weights a run uses, not what to train on",
            "Name the dataset with --dataset.",
        )
    make = _trainer_class(selection)
    with isolate():
        trainer: Trainer = make(**_trained_params(selection), **(options or {}))
    return trainer


def _trainer_class(selection: "Selection") -> Any:
    from icbench.errors import UsageError
    from icbench.plugins.component import resolve

    component = selection.registered.component
    if not component.trainer:
        hint = "`icbench plugins` lists the generators."
        if component.lender:
            hint = f"It has the weights of another: `icbench train {component.lender}`."
        raise UsageError(f"generator {component.name} has no trainer", hint)
    return resolve(component.trainer, selection.registered.dist)


def _options(selection: "Selection", given: tuple[str, ...]) -> "dict[str, Value]":
    """All options of the trainer: those that are given, checked, and the others at their defaults."""
    from icbench.errors import UsageError, suggestion

    known = {param.name: param for param in getattr(_trainer_class(selection), "options", ())}
    found = {name: param.default for name, param in known.items()}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            hint = suggestion(name, known, "options") if known else "Its training has no options."
            raise UsageError(f"--set {text} is no KEY=VALUE of the training of {selection.name}", hint)
        found[name] = known[name].parse(value)
    return found


def _trained_params(selection: "Selection") -> "dict[str, Value]":
    """The parameters that a trainer is made with."""
    from icbench.plugins.component import TRAINED_ON

    return {name: value for name, value in selection.params.items() if name != TRAINED_ON}


def _folder(selection: "Selection", dataset: "Selection", seed: int) -> Path:
    """Where a training goes: named by the size of the noise, and by what else is not at its default."""
    from icbench.training.weights import default_folder

    component = selection.registered.component
    params = {
        name: value
        for name, value in _trained_params(selection).items()
        if not component.param(name).path
        and ((name == "noise_dim" and value) or value != component.param(name).default)
    }
    return default_folder(selection.name, params, seed, dataset.spec)


def _job(selection: "Selection", dataset: "Selection", trainer: "Trainer", given: dict[str, Any]) -> "TrainingJob":
    from icbench.compute.devices import choose_device
    from icbench.errors import UsageError
    from icbench.running.datasets import data_folder
    from icbench.running.entry import dataset_key
    from icbench.running.source_closure import training_digest
    from icbench.training.trainer import TrainingJob

    default_epochs = trainer.default_epochs
    if given["study"]:
        default_epochs = max(trainer.budget.study_checks, default_epochs)
    epochs = default_epochs if given["epochs"] is None else given["epochs"]
    if epochs < 1:
        raise UsageError(f"--epochs {epochs} is not a number of 1 or more", f"The default is {default_epochs}.")
    return TrainingJob(
        name=selection.name,
        params=_trained_params(selection),
        out=given["out"] or _folder(selection, dataset, given["seed"]),
        epochs=epochs,
        seed=given["seed"],
        device=choose_device(given["device"]),
        dataset_name=dataset.label,
        data_dir=data_folder(given["data_dir"]),
        study=given["study"],
        source=training_digest(selection.registered.component.trainer, selection.registered.dist),
        dataset_key=dataset_key(dataset.spec),
    )


def _log(folder: Path | None) -> "TrainingLog | None":
    if folder is None:
        return None
    from icbench.training.tensorboard import TensorBoardLog

    return TensorBoardLog(folder)


def _report(result: "TrainingResult", dataset: "Selection", figure: Path | None, as_json: bool) -> int:
    from icbench.report.json_output import envelope
    from icbench.report.training_chart import draw_training
    from icbench.running.entry import DEFAULTS

    record, study = result.record, result.study
    lacking = _draw_study(study, result.weights.parent) if study else []
    lacking += make_file("picture", figure, lambda: draw_training(result.progress, figure)) if figure else []
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
    on = "" if dataset.spec == DEFAULTS["dataset"] else f" --dataset {dataset.spec}"
    click.echo(f"use it:  icbench run --generator {record.generator}:{spec}{on}")
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
