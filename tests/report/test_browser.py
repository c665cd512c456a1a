"""The page in a real browser: it asks nobody for anything, and does what a reader wants of it, by mouse and by keys."""

import csv
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from report_factory import ARABIC, FEATURES, HOSTILE, IMAGES, LONG, PLAIN, some_overview, write_records

from icbench.report.document import html_document
from icbench.report.embedding import has_chart_library
from icbench.report.overview_page import write_overview
from icbench.report.table import Column, Grid, Section

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = os.environ.get("ICBENCH_TEST_AXE", "")
"""The file axe.min.js of the npm package axe-core."""
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not has_chart_library(), reason="plotly is not installed: pip install 'icbench[report]'"),
]
ROWS = "#t1 tr[data-entry]"
COST = "[data-chart=t1-cost]"


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_records(folder / "results")
    write_overview(some_overview(folder / "results"), "a report", folder / "index.html")
    return folder / "index.html"


class Opened:
    """A page that is open, with what it complained of and asked for."""

    def __init__(self, browser: "playwright.Browser", file: Path, width: int = 1280, theme: str = "light") -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def open_all(self) -> None:
        """Open every part, and have every chart drawn."""
        self.page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        self.page.evaluate("Promise.all([...document.querySelectorAll('[data-chart]')].map(draw))")

    def entries(self) -> list[str]:
        """The names in the table that are seen, in their order."""
        return self.page.eval_on_selector_all(
            ROWS, "rows => rows.filter(row => !row.hidden).map(row => row.querySelector('.name').textContent)"
        )


@pytest.fixture
def opened(browser: "playwright.Browser", file: Path) -> Iterator[Opened]:
    found = Opened(browser, file)
    yield found
    found.page.close()
    assert found.complaints == []
    assert [url for url in found.requests if not url.startswith(("data:", "blob:"))] == [file.as_uri()]


def test_the_whole_page_is_drawn_without_a_complaint_or_a_request(opened):
    opened.open_all()
    drawn = opened.page.eval_on_selector_all("[data-chart]", "all => all.map(chart => !!chart.querySelector('svg'))")
    assert len(drawn) > 10
    assert all(drawn)


def test_a_policy_keeps_the_page_from_asking_anybody_for_anything(browser, file):
    page = Opened(browser, file).page
    refused = "fetch('https://example.org/').then(() => 'reached', () => 'refused')"
    assert page.evaluate(refused) == "refused"
    assert "default-src 'none'" in page.get_attribute("meta[http-equiv]", "content")
    page.close()


def test_a_heading_sorts_by_numbers_and_a_second_click_turns_that_around(opened):
    heading = opened.page.locator("#t1 > .wide").get_by_role("columnheader", name="NFE")
    heading.get_by_role("button").click()
    cheapest = opened.entries()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert [ARABIC in cheapest[0], HOSTILE in cheapest[1], LONG in cheapest[2]] == [True] * 3
    assert cheapest[3:5] == [FEATURES, PLAIN]
    heading.get_by_role("button").click()
    assert opened.entries()[:5] == cheapest[:5][::-1]
    # Direct classifiers stay in their own part.
    assert opened.entries()[5] == cheapest[5] == "nearest-neighbour"


def test_the_table_is_filtered_by_tier_component_cost_and_name(opened):
    page = opened.page
    count = page.locator("#t1 form output")
    assert count.inner_text().startswith("6 of 6")
    page.get_by_label("tier").select_option("tier: features")
    assert opened.entries() == [FEATURES]
    page.get_by_label("tier").select_option("")
    page.get_by_label("distance").first.select_option("distance: mse")
    assert FEATURES not in opened.entries()
    assert len(opened.entries()) == 4
    page.get_by_label("distance").first.select_option("")
    page.get_by_label("NFE at most").first.fill("201")
    assert len(opened.entries()) == 3
    assert count.inner_text().startswith("3 of 6")
    page.get_by_label("NFE at most").first.fill("")
    page.get_by_label("name contains").first.fill("SCRIPT")
    (found,) = opened.entries()
    assert HOSTILE in found


def test_a_filter_fades_the_other_points_of_the_chart(opened):
    page = opened.page
    page.locator(COST).scroll_into_view_if_needed()
    page.locator(f"{COST} .point").first.wait_for()
    page.get_by_label("name contains").first.fill("exhaustive")
    chosen = page.eval_on_selector(
        COST, "chart => chart.data.filter(trace => trace.customdata).map(trace => trace.selectedpoints)"
    )
    assert sorted(map(len, chosen)) == [0, 0, 1]


def test_a_point_says_what_it_is_under_the_mouse(opened):
    page = opened.page
    page.locator(COST).scroll_into_view_if_needed()
    page.locator(f"{COST} .point").first.wait_for()
    page.evaluate("scrollTo({ top: scrollY + 200, behavior: 'instant' })")
    box = page.locator(f"{COST} .scatterlayer .trace .point").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(f"{COST} .hoverlayer .hovertext").wait_for()
    assert "accuracy" in page.locator(f"{COST} .hoverlayer").text_content()


def test_keys_go_through_a_charts_points(opened):
    page = opened.page
    page.locator(COST).scroll_into_view_if_needed()
    page.locator(f"{COST} .point").first.wait_for()
    page.locator(COST).focus()
    said = []
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        said.append(page.locator("#t1 figure output").first.inner_text())
    assert len(set(said)) == 3
    assert "nearest-neighbour" in said[0]
    page.keyboard.press("ArrowLeft")
    assert page.locator("#t1 figure output").first.inner_text() == said[1]


def test_keys_go_through_the_cells_of_a_matrix(opened):
    opened.open_all()
    page = opened.page
    page.locator("[data-chart=t1-0-confusion]").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    said = page.locator("figure:has([data-chart=t1-0-confusion]) output").inner_text()
    assert said == "1 images of 1 (5.0%): taken for 2"


def test_the_page_is_used_by_keys_alone(opened):
    page = opened.page
    page.get_by_role("columnheader", name="accuracy").first.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert ARABIC in opened.entries()[-2]
    page.locator(f"{ROWS} a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#t1-0').open")
    assert page.evaluate("document.activeElement.closest('details').id") == "t1-0"


def test_the_button_turns_light_into_dark_and_back(opened):
    page = opened.page
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    button = page.get_by_role("button", name="Dark or light")
    button.click()
    assert page.evaluate(colour) != light
    button.click()
    assert page.evaluate(colour) == light == "rgb(255, 255, 255)"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_systems_theme_is_the_first(browser, file, theme):
    page = Opened(browser, file, theme=theme).page
    assert (page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)") == (
        theme == "light"
    )
    page.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(browser, file, width):
    found = Opened(browser, file, width)
    found.open_all()
    assert found.page.evaluate("document.documentElement.scrollWidth") == width
    assert found.complaints == []
    found.page.close()


def test_odd_names_are_shown_and_do_no_harm(opened):
    opened.open_all()
    page = opened.page
    assert page.evaluate("document.querySelectorAll('script').length") == 4
    for name in (HOSTILE, LONG, ARABIC):
        assert sum(name in entry for entry in opened.entries()) == 1
    place = "td.name bdi"
    assert page.eval_on_selector_all(
        place, "all => all.every(name => getComputedStyle(name).unicodeBidi === 'isolate')"
    )


def test_any_two_entries_are_compared_image_by_image(opened):
    page = opened.page
    first, second = page.locator("#t1-compare select").all()
    first.select_option(label=PLAIN)
    second.select_option(label=FEATURES)
    status = page.locator("#t1-compare [role=status]")
    playwright.expect(status).to_contain_text("Accuracy of A minus B: +0.0400")
    assert "both right 189, only A 8, only B 0, neither 3" in status.inner_text()
    only_first, only_second = page.locator("#t1-compare .tiles").all()
    assert only_first.locator("li").count() == 8
    assert only_first.locator("li").first.inner_text().split() == ["4", "not", "5", "#4"]
    assert only_first.get_by_role("img").first.get_attribute("aria-label") == "Image 4, a 4 taken for 5"
    assert only_second.inner_text() == "no image"
    first.select_option(label=FEATURES)
    second.select_option(label=PLAIN)
    playwright.expect(status).to_contain_text("Accuracy of A minus B: −0.0400")


def test_each_image_that_is_shown_is_its_own(opened):
    """The strokes in an image's row of its sheet are where its label says."""
    page = opened.page
    first, second = page.locator("#t1-compare select").all()
    first.select_option(label=PLAIN)
    second.select_option(label=FEATURES)
    playwright.expect(page.locator("#t1-compare .tiles li").nth(7)).to_be_visible()
    drawn = page.evaluate("""async () => {
      const tile = document.querySelector('#t1-compare .tile'), style = getComputedStyle(tile);
      const sheet = new Image();
      sheet.src = style.backgroundImage.slice(5, -2);
      await sheet.decode();
      const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });
      const [across, down] = style.backgroundSize.split(' ').map(size => parseFloat(size) / 100);
      const [x, y] = style.backgroundPosition.split(' ').map(place => parseFloat(place) / 100);
      const pen = canvas.getContext('2d');
      pen.drawImage(sheet, -Math.round(x * (across - 1)) * 8, -Math.round(y * (down - 1)) * 8);
      const { data } = pen.getImageData(4, 0, 1, 8);
      return [0, 1, 2, 3, 4, 5, 6, 7].filter(row => data[4 * row] < 128);
    }""")
    assert drawn == [4]


def test_more_images_come_when_asked_for(opened):
    page = opened.page
    first, second = page.locator("#t1-compare select").all()
    first.select_option(label=PLAIN)
    second.select_option(index=4)
    tiles, more = page.locator("#t1-compare .tiles").first, page.locator("#t1-compare button").first
    playwright.expect(more).to_be_visible()
    assert tiles.locator("li").count() == 60
    more.click()
    assert tiles.locator("li").count() > 60
    assert not more.is_visible()


def saved(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return Path(download.value.path()).read_text(encoding="utf-8")


def test_files_are_saved_from_the_page(opened):
    table = list(csv.DictReader(io.StringIO(saved(opened.page, "leaderboard, CSV"))))
    assert PLAIN in [row["entry"] for row in table]
    assert '"tracks"' in saved(opened.page, "leaderboard, JSON")
    answers = list(csv.DictReader(io.StringIO(saved(opened.page, "predictions of digits test"))))
    assert len(answers) == IMAGES
    assert (answers[1]["label"], answers[1][PLAIN], answers[0][PLAIN]) == ("1", "2", "0")


def test_without_scripts_the_tables_stand_and_nothing_promises_more(browser, file):
    page = browser.new_page(java_script_enabled=False)
    page.goto(file.as_uri())
    assert page.locator("#t1 table.board").is_visible()
    page.locator("#t1-0 > summary").click()
    assert page.locator("#t1-0").get_by_text("by class").is_visible()
    assert page.locator("noscript").first.is_visible()
    for part in ("button", "form", "[data-chart]", "details.document", ".compare"):
        assert not any(each.is_visible() for each in page.locator(part).all()), part
    page.close()


def test_a_record_is_saved_from_where_it_is_shown(opened):
    opened.page.evaluate("document.querySelectorAll('#t1-0, #t1-0 details').forEach(part => part.open = true)")
    assert '"engine": "sha256:666' in saved(opened.page.locator("#t1-0").page, "Save ")


def test_a_record_is_shown_whole(opened):
    opened.open_all()
    text = opened.page.locator("#t1-0 details.document pre").first
    playwright.expect(text).to_contain_text('"engine": "sha256:666')


def test_on_paper_there_are_no_controls_and_light_colours(opened):
    page = opened.page
    page.emulate_media(media="print", color_scheme="dark")
    for part in ("nav", "#theme", "#t1 form", "#save button"):
        assert not page.locator(part).first.is_visible(), part
    assert page.locator("#t1 table").first.is_visible()
    assert page.locator("#t1 thead").first.inner_text().split()[:2] == ["rank", "entry"]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.skipif(not AXE, reason="ICBENCH_TEST_AXE names no axe.min.js")
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360)])
def test_the_page_can_be_used_by_everybody(browser, file, theme, width):
    found = Opened(browser, file, width, theme)
    found.open_all()
    found.page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    violations = found.page.evaluate("axe.run().then(found => found.violations)")
    grave = {each["id"]: each["nodes"][0]["html"] for each in violations if each["impact"] in ("serious", "critical")}
    assert grave == {}
    found.page.close()


def test_a_page_of_tables_alone_is_sorted_too(browser, tmp_path):
    grid = Grid(
        "numbers", [Column("name", 0, words=9), Column("value", 0)], [Section([["a", "10"], ["b", "9"], ["c", ""]])]
    )
    file = tmp_path / "tables.html"
    file.write_text(html_document("tables", [grid]), encoding="utf-8")
    found = Opened(browser, file)
    found.page.get_by_role("button", name="value").click()
    assert found.page.locator("tbody tr").all_inner_texts() == ["b\t9", "a\t10", "c\t"]
    found.page.get_by_role("button", name="value").click()
    assert found.page.locator("tbody tr").all_inner_texts() == ["a\t10", "b\t9", "c\t"]
    assert found.complaints == []
    found.page.close()
