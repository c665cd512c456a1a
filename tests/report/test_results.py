"""The result table says all it has to in eighty columns."""

from dataclasses import replace
from pathlib import Path

import pytest
from record_factory import metadata_of
from rich.console import Console

from icbench.records import Record
from icbench.records.metadata import Metrics, with_results
from icbench.report.results import results_table

METRICS = Metrics(
    generator_parameters=None,
    accuracy=0.81537,
    accuracy_low=0.8077,
    accuracy_high=0.8229,
    images=10_000,
    mean_distance=0.00984,
    nfe=1210,
    nfe_forward=605,
    nfe_backward=605,
    seconds=359.04,
    images_per_second=27.9,
    peak_memory_bytes=770 * 2**20,
    not_finite=0,
)


def record(
    label: str, status: str = "ok", seed: int = 0, flags: tuple[str, ...] = (), **figures: float | None
) -> Record:
    run = metadata_of("a", seed, 10_000, dataset="mnist", precision="bfloat16", flags=flags)
    metadata = with_results(run, replace(METRICS, **figures), status, "")
    return Record(Path("run"), replace(metadata, label=label))


@pytest.mark.parametrize("width", [80, 110, 160])
def test_no_figure_and_no_entry_is_cut_at_any_width(width):
    label = "cgan:noise_dim=25 · mse · adam:lr=0.1 · joint"
    console = Console(width=width)
    with console.capture() as capture:
        console.print(results_table([record(label), record("other", "interrupted", seed=3)], width))
    text = capture.get()
    for shown in ("0.8154", "0.8077–0.8229", "0.00984", "1,210", "359.0", "28", "770 MiB", "mnist test, 10,000 images"):
        assert shown in text
    words = " ".join(text.split())
    assert "seed 3 (interrupted" in words
    assert all(part in words for part in label.split(" · "))
    assert max(map(len, text.splitlines())) <= width


def test_a_row_that_is_not_finished_says_of_how_many_images_it_is():
    console = Console(width=200)
    stopped = [record("a", "interrupted", images=340), record("b", "failed", images=340)]
    with console.capture() as capture:
        console.print(results_table(stopped, 200))
    assert "a (interrupted after 340 of 10,000 images)" in capture.get()
    assert "b (failed after 340 of 10,000 images)" in capture.get()


def test_where_nothing_else_fits_there_is_the_accuracy():
    shown = {}
    for width in (14, 30, 60):
        console = Console(width=width)
        with console.capture() as capture:
            console.print(results_table([record("cgan:noise_dim=25 · mse · adam:lr=0.1 · joint")], width))
        shown[width] = capture.get()
        assert max(map(len, shown[width].splitlines())) <= width
    assert all("0.8154" in text and "…" not in text for text in shown.values())
    assert [width for width, text in shown.items() if "0.8077–0.8229" in text] == [30, 60]


def test_memory_that_the_system_does_not_tell_is_a_dash():
    unknown = record("entry", peak_memory_bytes=0)
    console = Console(width=160)
    with console.capture() as capture:
        console.print(results_table([unknown], 160))
    assert "MiB" not in capture.get()


def test_a_row_says_what_its_reader_has_to_know():
    console = Console(width=200)
    with console.capture() as capture:
        console.print(results_table([record("post", flags=("depends on batch of 4",))], 200))
    assert "post (depends on batch of 4)" in capture.get()


def test_names_with_markup_are_printed_as_they_are():
    console = Console(width=160)
    with console.capture() as capture:
        console.print(results_table([record("[red]odd[/red]")], 160))
    assert "[red]odd[/red]" in capture.get()


def test_a_run_without_images_has_dashes():
    empty = record("failed", "failed", accuracy=None, mean_distance=None, images_per_second=None)
    console = Console(width=160)
    with console.capture() as capture:
        console.print(results_table([empty], 160))
    assert "–" in capture.get()
