"""Charts say in full what they are of."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from record_factory import finished

from icbench.kinds.suite import Cell, Experiment, Suite
from icbench.report.charts import draw_class_paths, draw_suite
from icbench.running.reconstructions import ClassPaths
from icbench.suites import evaluate_suite, select_experiments


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved."""
    saved: list[Figure] = []
    save = Figure.savefig

    def noted(self, *given, **named):
        saved.append(self)
        save(self, *given, **named)

    monkeypatch.setattr(Figure, "savefig", noted)
    return saved


@pytest.mark.parametrize("tables", [1, 2, 3])
def test_the_legend_lies_within_the_picture(figures, tables):
    cells = tuple(Cell(label, published=(0.9,)) for label in ("10", "25"))
    experiments = tuple(Experiment(str(number), "sizes", "size", cells) for number in range(tables))
    records = {cell: [finished(np.arange(20) < 19, label=cell.label)] for cell in cells}
    draw_suite(
        evaluate_suite(select_experiments(Suite("suite", "digits", "test", experiments)), records), Path("out.png")
    )
    (figure,) = figures
    (legend,) = figure.legends
    assert legend.get_window_extent().x1 <= figure.bbox.x1


NAMES = [
    ["10", "25", "50", "100", "200"],
    ["mse", "l1", "huber", "bernoulli", "gradient", "blur", "imed", "tangent", "idm", "ssim", "sliced-wasserstein"],
    ["the author's own Adam", "+ BatchNorm over groups of 4", "+ batches of 4", "all of it"],
    [f"setting {number} of a long list" for number in range(12)],
]


@pytest.mark.parametrize("labels", NAMES, ids=len)
def test_no_name_of_a_cell_lies_over_the_next(figures, labels):
    cells = tuple(Cell(label) for label in labels)
    records = {cell: [finished(np.arange(20) < 19, label=cell.label)] for cell in cells}
    suite = Suite("suite", "digits", "test", (Experiment("one", "one", "setting", cells),))
    draw_suite(evaluate_suite(select_experiments(suite), records), Path("out.png"))
    (figure,) = figures
    figure.draw_without_rendering()
    shown = figure.axes[0].get_xticklabels()
    for label, after in pairwise(shown):
        if label.get_rotation():
            apart = after.get_transform().transform(after.get_position()) - label.get_transform().transform(
                label.get_position()
            )
            height = label.get_fontsize() * figure.dpi / 72
            assert apart[0] * np.sin(np.radians(label.get_rotation())) > height
            assert "\n" not in label.get_text()
        else:
            assert label.get_window_extent().x1 < after.get_window_extent().x0


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_every_column_of_class_paths_ends_with_its_steps(figures, count):
    path = np.full((4, count, 10), 0.1, dtype=np.float32)
    paths = ClassPaths(np.zeros((count, 3, 8, 8), dtype=np.float32), np.zeros(count, dtype=np.int64), path)
    draw_class_paths(paths, Path("out.png"))
    (figure,) = figures
    shown = [panel for panel in figure.axes if panel.get_visible() and panel.get_ylim() == (0, 1.05)]
    for panel in shown[-3:]:
        assert panel.get_xlabel() == "step"
        assert any(label.get_visible() and label.get_text() for label in panel.get_xticklabels())
