"""What a notebook shows of records, leaderboards and inversions, and the frames and figures they become."""

import io
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from record_factory import RESULTS, arrays_of, finished, first, right, unfinished

import icbench
from icbench.engine.result import NOT_FINITE
from icbench.errors import IntegrityError, UsageError
from icbench.ranking import collect, rank
from icbench.records import read_record
from icbench.records.record import LATENTS
from icbench.report.leaderboard import CSV_FIELDS
from icbench.report.notebook import MOST_ROWS

HOSTILE = '<script>alert(1)</script> & "x"'


class Cells(HTMLParser):
    """The texts of a page's rows, and the tags that it opens."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.tags = [], set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, text):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += text.strip("\n")


def board():
    return rank(collect([RESULTS]))


def toy_run(**options):
    return icbench.run(generator="linear", dataset="toy", device="cpu", precision="float32", **options)


def test_a_record_shows_its_figures_and_what_was_run():
    found = dict(row for row in Cells(finished(right(20, 3))._repr_html_()).rows if len(row) == 2)
    assert found["accuracy"].startswith("0.9500 (")
    assert found["generator"] == "cgan  from icbench 1.0"
    assert found["images"].startswith("digits test, 20 images")


def test_a_leaderboard_shows_the_table_of_the_command_line_and_what_was_left_out():
    finished(first(90, 100), label="a · mse · adam · joint")
    finished(first(60, 100), label="b · mse · adam · joint")
    (RESULTS / "odd").mkdir()
    (RESULTS / "odd" / "record.json").write_text("{")
    page = board()._repr_html_()
    rows = Cells(page).rows
    assert [row[:3] for row in rows[1:]] == [
        ["1", "a · mse · adam · joint", "0.9000"],
        ["2", "b · mse · adam · joint", "0.6000"],
    ]
    assert "odd" in page


def test_a_leaderboard_of_nothing_says_so():
    RESULTS.mkdir()
    assert "There is no record." in board()._repr_html_()


def test_names_are_escaped_wherever_they_stand(inversion):
    record = finished(right(20), label=HOSTILE)
    shown = inversion(label=HOSTILE)
    for page in (record._repr_html_(), board()._repr_html_(), shown._repr_html_()):
        assert "script" not in Cells(page).tags
        assert "&lt;script&gt;" in page


def test_the_frame_of_a_record_has_a_row_for_each_image():
    record = finished(right(20, 3, 4))
    frame = record.to_pandas()
    assert list(frame.index) == list(range(20))
    assert frame.index.name == "image"
    assert list(frame.columns[:3]) == ["label", "prediction", "correct"]
    assert list(frame.index[~frame.correct]) == [3, 4]
    assert frame.correct.mean() == record.metrics.accuracy
    scores = frame[[f"class_scores_{label}" for label in range(10)]].to_numpy()
    np.testing.assert_array_equal(scores, arrays_of(right(20, 3, 4))["class_scores"])


def test_the_frame_of_an_unfinished_run_has_what_is_done():
    assert len(read_record(unfinished(right(7), images=20)).to_pandas()) == 7


def test_the_frame_of_a_leaderboard_has_the_columns_of_its_csv_and_whole_numbers():
    finished(first(90, 100), label="a · mse · adam · joint")
    finished(first(60, 100), label="b", direct=True)
    unfinished(right(50), label="c · mse · adam · joint", images=100)
    frame = board().to_pandas()
    assert list(frame.columns) == CSV_FIELDS
    assert list(frame.section) == ["inversion", "direct", "partial"]
    assert list(frame.rank_first.isna()) == [False, True, True]
    assert frame.rank_first[0] == 1
    assert frame.accuracy.to_list() == pytest.approx([0.9, 0.6, np.nan], nan_ok=True)
    for name in ("rank_first", "nfe", "seeds"):
        assert str(frame[name].dtype) == "Int64"
    for name in ("accuracy_deviation", "p_holm"):
        assert str(frame[name].dtype) == "float64"


def test_without_pandas_one_line_names_the_extra(monkeypatch, inversion):
    monkeypatch.setitem(sys.modules, "pandas", None)
    for what in (finished(right(20)), board(), inversion()):
        with pytest.raises(UsageError, match="data frames need pandas") as raised:
            what.to_pandas()
        assert raised.value.hint == "pip install 'icbench[pandas]'"


@pytest.fixture
def inversion(toy_plugin, digits):
    """A function that inverts the first images with the toy generator."""

    def invert(count=3, label=""):
        result = icbench.invert(digits[0][:count], generator="linear", steps=5, device="cpu", precision="float32")
        if label:
            object.__setattr__(result, "label", label)
        return result

    return invert


def test_an_inversion_has_its_images_and_what_the_latents_make_of_them(inversion, digits, linear):
    import torch

    result = inversion(30)
    np.testing.assert_allclose(result.targets, digits[0][:30] / 255, rtol=1e-6)
    made = linear(torch.from_numpy(result.class_vector), torch.from_numpy(result.noise)).numpy()
    np.testing.assert_allclose(result.reconstructions, made, atol=1e-6)
    some = result.rows(np.array([4, 2]))
    np.testing.assert_array_equal(some.targets, result.targets[[4, 2]])
    assert some.prediction.tolist() == result.prediction[[4, 2]].tolist()


def test_an_inversion_shows_its_best_two_classes(inversion):
    result = inversion()
    rows = Cells(result._repr_html_()).rows
    assert len(rows) == 4
    order = np.argsort(-result.class_scores[0], kind="stable")
    assert rows[1][:2] == ["0", str(order[0])]
    assert rows[1][3] == str(order[1])
    assert rows[1][5] == f"{result.distance[0]:.5f}"
    result.prediction[0] = NOT_FINITE
    assert Cells(result._repr_html_()).rows[1][1:5] == ["–"] * 4


def test_an_inversion_of_many_images_shows_the_first_of_them(inversion):
    page = inversion(MOST_ROWS + 1)._repr_html_()
    assert len(Cells(page).rows) == MOST_ROWS + 1
    assert f"the first {MOST_ROWS} of {MOST_ROWS + 1} images" in page


def test_the_frame_of_an_inversion_has_its_latents(inversion):
    result = inversion()
    frame = result.to_pandas()
    np.testing.assert_array_equal(frame[[f"noise_{n}" for n in range(3)]].to_numpy(), result.noise)
    np.testing.assert_array_equal(frame.prediction, result.prediction)


def drawn_images(figure):
    return [image.get_array() for panel in figure.axes for image in panel.get_images()]


def test_the_figure_of_an_inversion_has_each_image_above_its_reconstruction(inversion):
    result = inversion(13)
    figure = result.plot(12)
    assert isinstance(figure, Figure)
    drawn = drawn_images(figure)
    for number, image in enumerate(drawn[:10]):
        np.testing.assert_array_equal(image, result.targets[number, 0])
    np.testing.assert_array_equal(drawn[10], result.reconstructions[0, 0])
    np.testing.assert_array_equal(drawn[-1], result.reconstructions[11, 0])
    bars = [panel for panel in figure.axes if panel.patches]
    assert [panel.get_xticks().tolist() for panel in bars] == [[label] for label in result.prediction[:12]]


def test_scores_that_are_no_numbers_are_not_drawn(inversion):
    result = inversion()
    result.class_scores[0] = np.nan
    result.class_scores[1, 0] = -np.inf
    result.prediction[0] = NOT_FINITE
    assert result.plot()._repr_png_()


@pytest.mark.parametrize("save_latents", [False, True])
def test_the_figure_of_a_record_has_its_images_and_verdicts(toy_plugin, digits, save_latents):
    record = toy_run(limit=8, steps=3, save_latents=save_latents)
    assert record.has(LATENTS) is save_latents
    figure = record.plot_reconstructions(5, device="cpu")
    drawn = drawn_images(figure)
    assert len(drawn) == 10
    np.testing.assert_allclose(drawn[0], digits[0][0, 0] / 255, rtol=1e-6)
    said = [text.get_text() for text in figure.axes[0].texts][1:]
    assert [text.split()[0] for text in said] == [str(label) for label in record.images()["prediction"][:5]]


def test_a_figure_is_a_png_in_a_notebook_without_pyplot(inversion):
    with Image.open(io.BytesIO(inversion().plot()._repr_png_())) as picture:
        assert picture.format == "PNG"
        assert picture.width > 200


def test_the_figure_of_a_direct_classifier_is_refused(toy_plugin):
    record = icbench.run(classifier="class-mean", dataset="toy", limit=5, device="cpu")
    with pytest.raises(UsageError, match="class-mean is no inversion of one generator"):
        record.plot_reconstructions()


def test_the_figure_of_other_images_than_the_records_is_refused(toy_plugin, monkeypatch):
    record = toy_run(limit=5, steps=2)
    monkeypatch.setattr("icbench.kinds.dataset.Split.digest", "0" * 64)
    with pytest.raises(IntegrityError, match="has the digest 000000000000"):
        record.plot_reconstructions(device="cpu")


def test_drawing_leaves_the_backend_of_a_notebook_alone(inversion):
    import matplotlib

    with matplotlib.rc_context({"backend": "svg"}):
        inversion().plot().savefig(Path("out.svg"))
        assert matplotlib.rcParams["backend"] == "svg"
