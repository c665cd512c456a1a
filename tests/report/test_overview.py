"""What a page holds is what the records say, and nothing of where they are kept."""

import base64
import gzip
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from record_factory import RESULTS, finished, right
from report_factory import ARABIC, HOSTILE, LONG, PLAIN, board_of, some_overview, write_records

from icbench.errors import UsageError
from icbench.kinds.dataset import Split
from icbench.ranking.leaderboard import Leaderboard
from icbench.report.document import render
from icbench.report.embedding import check_chart_library, compress, has_chart_library, script_source
from icbench.report.overview import overview
from icbench.report.overview_page import render_overview
from icbench.report.plots import draw_confusion, wrap_text
from icbench.report.tiles import picture_url, sheet_of
from icbench.statistics import difference_estimate


@pytest.fixture
def made():
    write_records(RESULTS)
    return some_overview(RESULTS)


def whole():
    board, records = board_of(RESULTS)
    return overview(board, records, {})


def track_of():
    return whole().tracks[0]


def decoded(track, number):
    labels = np.array([ord(letter) - 50 for letter in track.payload["labels"]])
    codes = np.array([ord(letter) - 50 for letter in track.payload["entries"][number]["codes"]])
    return labels, np.where(codes == -2, labels, codes)


def test_a_confusion_matrix_calls_classes_by_names_that_are_never_markup():
    counts = np.array([[3, 1, 0], [0, 4, 0]])
    chart = draw_confusion("c", counts, "alt", names=("<b>cat", "dog"))
    data = chart.spec["data"][0]
    assert data["x"] == data["y"] == ["&lt;b&gt;cat", "dog"]
    assert data["customdata"][0] == [
        "3 images of &lt;b&gt;cat (75.0%): right",
        "1 images of &lt;b&gt;cat (25.0%): taken for dog",
    ]


def test_answers_of_one_seed_are_kept_as_they_are():
    label, prediction = np.arange(20, dtype=np.int16) % 10, np.arange(20, dtype=np.int16)[::-1] % 10
    prediction[3] = -1
    finished(right(20), arrays={"label": label, "prediction": prediction})
    labels, found = decoded(track_of(), 0)
    np.testing.assert_array_equal(labels, label)
    np.testing.assert_array_equal(found, prediction)


def test_of_several_seeds_the_answer_is_right_if_most_are_and_else_their_usual_error():
    label = np.zeros(4, np.int16)
    for seed, prediction in enumerate(([0, 0, 3, 5], [0, 2, 3, 4], [1, 2, 0, 4])):
        arrays = {"label": label, "prediction": np.array(prediction, np.int16)}
        finished(right(4), seed=seed, images=4, arrays=arrays)
    np.testing.assert_array_equal(decoded(track_of(), 0)[1], [0, 2, 3, 4])


def test_every_pair_has_its_difference_with_interval_and_p():
    runs = [right(100, 1), right(100, 1, 2, 3, 4), right(100, *range(12))]
    for number, correct in enumerate(runs):
        finished(correct, label=f"g{number} · mse · adam · joint", images=100)
    pairs = track_of().payload["pairs"]
    for pair, (one, other) in zip(pairs, [(0, 1), (0, 2), (1, 2)], strict=True):
        expected = difference_estimate(runs[one][None], runs[other][None])
        assert pair == pytest.approx([expected.value, expected.low, expected.high, expected.p], abs=1e-6)


def test_the_bars_of_a_table_have_one_scale_which_the_intervals_fill(made):
    bars = [row.bar for _, rows in made.tracks[0].sections for row in rows if row.bar]
    assert len(bars) == 6
    assert min(bar.low for bar in bars) == 0
    assert max(bar.high for bar in bars) == 100
    assert all(bar.low <= bar.value <= bar.high for bar in bars)


def test_entries_that_may_be_the_best_are_marked(made):
    (_, rows), *_ = made.tracks[0].sections
    assert [row.leading for row in rows] == [row.cells[0].startswith("1") for row in rows]
    assert not all(row.leading for row in rows)


def test_one_may_filter_by_what_tells_entries_apart_alone(made):
    filters = made.tracks[0].filters
    assert filters["tier"] == ["tier: direct", "tier: features", "tier: pixels"]
    assert filters["distance"] == ["distance: l1", "distance: mse"]
    assert "classifier" not in filters
    assert made.tracks[1].filters == {}


def test_the_share_that_still_has_its_own_class_falls_where_classes_are_dropped(made):
    chart = next(chart for chart in made.tracks[0].charts if chart.name.endswith("survival"))
    (line,) = chart.spec["data"]
    assert line["y"][:5] == [1] * 5
    assert set(line["y"][5:]) == {0.98}
    assert any(line.startswith("No record here keeps the accuracy by step") for line in made.tracks[0].lines)


def test_a_calibration_is_fitted_on_the_validation_run(made):
    best, other = made.tracks[0].entries[:2]
    assert best.label == PLAIN
    assert best.calibration.startswith("Temperature")
    assert best.reliability is not None
    assert other.reliability is None
    assert "--split validation" in other.calibration


def test_pictures_say_what_was_taken_for_what_and_what_the_true_class_looks_like(made):
    found, wrong = made.tracks[0].entries[0].explained
    assert (found.title, found.right, len(found.pictures)) == ("0, found", True, 2)
    assert (wrong.title, wrong.right, len(wrong.pictures)) == ("1, taken for 2", False, 3)
    assert [picture.caption for picture in wrong.pictures] == ["image #1", "winner 0.0200", "as a 1 0.0400"]
    assert "--pictures" in made.tracks[0].entries[1].lacking
    assert made.tracks[0].entries[-1].lacking == ""


def test_what_can_be_saved_is_the_leaderboard_and_every_record(made):
    assert PLAIN in made.files["leaderboard.csv"]
    rows = json.loads(made.files["leaderboard.json"])["tracks"][0]["rows"]
    assert {HOSTILE in row["label"] for row in rows} == {True, False}
    documents = [json.loads(text) for name, text in made.files.items() if not name.startswith("leaderboard")]
    assert len(documents) == 9
    assert {document["status"] for document in documents} == {"ok", "interrupted"}


def test_a_page_does_not_tell_where_records_are_kept(tmp_path):
    folder = tmp_path / "secret-place"
    write_records(folder)
    (folder / "broken").mkdir()
    (folder / "broken" / "record.json").write_text("{")
    content = some_overview(folder)
    assert len(content.problems) == 1
    page = render_overview("report.html", content, title="a report")
    assert "broken" in page
    assert "secret-place" not in page
    assert "secret-place" not in content.payload


def test_names_are_text_wherever_they_stand(made):
    page = render_overview("report.html", made, title=HOSTILE)
    scripts = re.findall(r"<script[^>]*>", page)
    data = '<script type="application/octet-stream" id="{}">'
    held = ("payload", "library") if has_chart_library() else ("payload",)
    assert scripts == [*map(data.format, held), "<script>"]
    hovered = [text for trace in made.tracks[0].charts[0].spec["data"] for text in trace.get("text", [])]
    assert any("&lt;script&gt;" in text for text in hovered)
    assert not any("<script>" in text for text in hovered)


def test_a_page_names_no_address_that_is_not_within_it(made):
    page = render_overview("report.html", made, title="a report")
    assert (
        re.findall(r"(?:https?:)?//\w[^\s\"'<]*", re.sub(r"<script type=.*?</script>|[A-Za-z0-9+/=]{60,}", "", page))
        == []
    )
    targets = set(
        re.findall(r"(?:src|href|action|data|url)\s*[=(]\s*[\"']?([^\"')\s>]{1,5})", page.partition("<script")[0])
    )
    assert {target[0] if target[0] == "#" else target for target in targets} == {"#", "data:"}
    assert not re.search(r"<(link|iframe|object|embed|base|form action)\b|@import", page.partition("<script")[0])


def test_what_is_said_beside_a_point_is_wrapped_and_cut():
    assert max(map(len, wrap_text(LONG).split("<br>"))) < 50
    assert wrap_text(LONG * 9).endswith("…")
    assert wrap_text(ARABIC) == ARABIC


def test_the_policy_names_the_scripts_of_the_page():
    page = render("tables.html", ["alert(1)"], title="x", grids=[])
    script = page.rpartition("<script>")[2].partition("</script>")[0]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    assert f"script-src {script_source(script)} {script_source('alert(1)')};" in policy


def test_compressed_text_is_the_same_each_time_and_can_be_read_back():
    text = "é" * 1000
    assert compress(text) == compress(text)
    assert gzip.decompress(base64.b64decode(compress(text))).decode() == text


def test_without_the_chart_library_a_report_says_how_to_get_it(monkeypatch, made):
    monkeypatch.setattr("icbench.report.embedding.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="plotly") as raised:
        check_chart_library()
    assert "icbench[report]" in raised.value.hint
    page = render_overview("report.html", made, title="x")
    assert "data-chart" not in page.partition("<script>")[0]
    assert "icbench[report]" in page
    assert PLAIN.split()[-1] in page


def test_a_page_of_no_record_is_a_page():
    page = render_overview("report.html", overview(Leaderboard([], [], []), [], {}), title="nothing")
    assert "There are no records here" in page


def test_a_track_of_direct_classifiers_alone_is_shown():
    finished(right(20, 1), label="nearest-neighbour", direct=True)
    (entry,) = track_of().entries
    assert entry.rank == "direct classifier"


def test_a_perfect_entry_has_a_place_in_the_chart_and_a_line_beyond_it():
    finished(right(20))
    line, points = track_of().charts[0].spec["data"]
    assert points["y"] == [0.5 / 20]
    assert line["y"] == [0.5 / 20] * 2
    assert line["x"] == [points["x"][0], 2 * points["x"][0]]


def test_where_evaluations_differ_by_little_the_axis_names_them():
    finished(right(20, 1), nfe=401)
    assert track_of().charts[0].spec["layout"]["xaxis"]["ticktext"] == ["401"]


def test_the_axis_of_dropped_classes_stays_near_what_was_lost(made):
    chart = next(chart for chart in made.tracks[0].charts if chart.name.endswith("survival"))
    low, high = chart.spec["layout"]["yaxis"]["range"]
    assert low < 0.98 < 1 < high < 1.01
    assert low > 0.95


def test_a_line_breaks_in_a_name_but_in_no_number():
    finished(right(20, 1), label="cgan · mse · adam:lr=0.05,momentum=0 · joint")
    page = render_overview("report.html", whole(), title="1,000")
    assert "adam:<wbr>lr=0.05,<wbr>momentum=0" in page


def test_the_first_entry_is_at_first_compared_with_one_that_differs():
    for number, correct in enumerate([right(20, 1), right(20, 1), right(20, 2)]):
        finished(correct, label=f"g{number} · mse · adam · joint")
    track = track_of()
    assert track.compared == 2
    page = render_overview("report.html", whole(), title="x")
    first, second = page.partition('class="choice"')[2].split("</select>")[:2]
    assert '<option value="0" selected>' in first
    assert '<option value="2" selected>' in second


def test_images_of_a_sheet_lie_row_by_row_and_dark_on_light():
    images = np.zeros((130, 1, 4, 4), np.uint8)
    images[:, 0, 0, 0] = np.arange(130)
    sheet = sheet_of(Split(images, np.zeros(130, np.int64)), np.arange(130), light_on_dark=True)
    assert (sheet.across, sheet.down) == (64, 3)
    with Image.open(io.BytesIO(base64.b64decode(sheet.url.partition(",")[2]))) as picture:
        grey = np.asarray(picture.convert("L"))
    assert abs(int(grey[2 * 4, 1 * 4]) - (255 - 129)) <= 9
    assert grey[1, 1] == 255


@pytest.mark.parametrize("shape", [(3, 40, 20), (1, 64, 64), (2, 5, 5)])
def test_images_of_any_shape_become_tiles(shape):
    images = np.random.default_rng(0).integers(0, 255, (3, *shape)).astype(np.uint8)
    sheet = sheet_of(Split(images, np.zeros(3, np.int64)), np.array([0, 2]), light_on_dark=False)
    with Image.open(io.BytesIO(base64.b64decode(sheet.url.partition(",")[2]))) as picture:
        assert max(picture.width / 2, picture.height) <= 32
    assert picture_url(np.full(shape, np.nan, np.float32), True).startswith("data:image/png")
