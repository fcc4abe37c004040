"""The page of all categories shows what was measured, stands alone, and is small."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from benchmarks import FIGURES
from benchmarks.quality import category_page
from benchmarks.quality.category_page import PAGE, write_category_page
from benchmarks.quality.examples import SIDE, drawing_figures
from benchmarks.quality.figures import plain
from benchmarks.quality.headline import WORST, worst_categories
from benchmarks.quality.tables import worst
from benchmarks.quality.trials import HEADLINE, ONE, ROUTED, USUAL, JudgedExample
from codes.data.quickdraw import categories
from codes.strokes.stroke3 import Sketch
from tests.support.browser import browser_or_skip
from tests.support.worlds import CATEGORIES, doodle

COLUMNS = 18  # the name, sixteen numbers and the pictures


class Table(HTMLParser):
    """Collect the cells of each row of the table's body, as text and ``data-value``; and the tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, str | None]]] = []
        self.heads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "input", "path"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append(("", dict(attributes).get("data-value")))

    def handle_endtag(self, tag):
        if tag not in ("meta", "input", "path"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open) and self.rows:
            text, value = self.rows[-1][-1]
            self.rows[-1][-1] = (text + data.strip(), value)


def parsed(page: Path) -> Table:
    table = Table()
    table.feed(page.read_text())
    assert table.open == []
    return table


def invented(names: list[str], seed: int = 0) -> dict[str, object]:
    """Return figures of these categories as the commands write them, each number from a generator."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> list[float]:
        return rng.random((*shape, len(names))).T.round(4).tolist()

    each = {name: some() for name in ("prefix", "true", *HEADLINE, "length_ratio")}
    gaps: list[float | None] = some()
    gaps[0] = None
    headline = {
        **{name: {} for name in HEADLINE},
        "quick": False,
        "bundle": "b" * 64,
        "judge": {"sha256": "c" * 64},
        "counts": {"many": 12},
        "categories": names,
        "by_category": {**each, "gap_closed": gaps},
        "joins": {join: {"by_category": some(7)} for join in ("begins", "ends", "closes")},
        "from_nothing": {"by_category": some()},
    }
    seen = dict(zip(names[1:], some()[1:], strict=True))
    cuts = {cut: {"by_category": seen, "by_category_top3": seen} for cut in ("25%", "50%", "75%", "100%")}
    return {"headline": headline, "routing": {"own": cuts}}


def example(seed: int) -> JudgedExample:
    points = doodle("circle", np.random.default_rng(seed)).astype(float)
    return JudgedExample(Sketch(points, prefix_rows=max(1, len(points) // 2)), 0.25)


@pytest.fixture
def folder(tmp_path) -> Path:
    return figures_in(tmp_path, ["ant", "t-shirt & co", "The Eiffel Tower"])


def figures_in(folder: Path, names: list[str]) -> Path:
    """Write invented figures of these categories; the last has no pictures."""
    (folder / "quality.json").write_text(json.dumps(plain(invented(names))))
    pictures = {name: [drawing_figures(example(i + 3 * n)) for i in range(3)] for n, name in enumerate(names[:-1])}
    (folder / "pictures.json").write_text(json.dumps(plain(pictures)))
    return folder


def test_the_page_has_a_row_a_category_and_a_cell_a_figure(folder):
    assert write_category_page(folder, folder / "page.html")
    table, figures = parsed(folder / "page.html"), json.loads((folder / "quality.json").read_text())
    rows = table.rows[2:]
    assert [row[0][0] for row in rows] == ["ant", "t-shirt & co", "The Eiffel Tower"]
    assert {len(row) for row in table.rows[1:]} == {COLUMNS}
    headline, own = figures["headline"], figures["routing"]["own"]
    for i, row in enumerate(rows[1:], start=1):
        values = [float(value) for _, value in row[2:]]
        name = headline["categories"][i]
        router = [own[cut]["by_category"][name] for cut in ("25%", "50%", "75%", "100%")]
        judge = [headline["by_category"][column][i] for column in ("prefix", ONE, USUAL, ROUTED, "true", "gap_closed")]
        joins = [abs(np.subtract(*each["by_category"][i][:2])) for each in headline["joins"].values()]
        ratios = [headline["by_category"]["length_ratio"][i], headline["from_nothing"]["by_category"][i]]
        expected = [*router, own["50%"]["by_category_top3"][name], *judge, *joins, *ratios]
        assert values == pytest.approx(expected, rel=1e-3, abs=1e-4)
    people, ours = headline["joins"]["begins"]["by_category"][2][:2]
    assert rows[2][13][0] == f"{100 * people:.0f} / {100 * ours:.0f}"


@pytest.mark.slow
def test_what_the_commands_measure_is_enough_for_the_page(measured, tmp_path):
    assert write_category_page(measured, tmp_path / "page.html")
    rows = parsed(tmp_path / "page.html").rows[2:]
    assert [row[0][0] for row in rows] == list(CATEGORIES) and {len(row) for row in rows} == {COLUMNS}
    assert (tmp_path / "page.html").read_text().count("<svg") == 3 * len(CATEGORIES)


def test_what_was_not_measured_is_a_dash_without_a_number(folder):
    write_category_page(folder, folder / "page.html")
    first = parsed(folder / "page.html").rows[2]
    assert first[2:7] == [("–", None)] * 5 and first[12] == ("–", None)


def test_the_page_loads_nothing_and_every_column_is_sorted_by_a_button(folder):
    write_category_page(folder, folder / "page.html")
    text = (folder / "page.html").read_text()
    assert not re.search(r"\bsrc=|@import|url\(|fetch|https?:|<link", text) and "default-src 'none'" in text
    assert re.findall(r'href="([^#"][^"]*)"', text) == ["results.md"]
    heads = re.search(r'<tr><th scope="col" aria-sort.*</tr>', text)
    assert heads and heads[0].count("<button type=") == COLUMNS - 1 and "t-shirt &amp; co" in text
    assert len(re.findall(r"<!-- |/\* \w+ colour \*/", text)) == 0


def test_the_worst_are_those_of_the_rule(folder):
    names = [f"name {i:02}" for i in range(30)]
    figures = invented(names)["headline"]
    each = figures["by_category"]
    each[ROUTED] = [0.5] * 28 + [0.25, 0.5]
    each[USUAL] = [0.75] * 27 + [0.5, 1.0, 0.5]
    assert worst_categories(figures) == [28, 27, 29, *range(17)] and WORST == 20
    (folder / "quality.json").write_text(json.dumps({**invented(names), "headline": figures}))
    write_category_page(folder, folder / "page.html")
    listed = re.search(r"<ol>(.*)</ol>", (folder / "page.html").read_text())
    assert listed and re.findall(r">([^<]+)</a> (\d+ / \d+)", listed[1])[:2] == [
        ("name 28", "25 / 100"),
        ("name 27", "50 / 50"),
    ]


def test_the_worst_stand_in_the_results_too():
    table = worst(invented(["ant", "cat", "sun"])).splitlines()
    assert "(categories.html) has all 3 categories" in table[0]
    assert table[2].count("|") == 5 and {line.split(" | ")[0] for line in table[4:]} == {"| ant", "| cat", "| sun"}


def test_345_categories_are_a_page_of_at_most_a_megabyte_and_a_half(tmp_path):
    figures_in(tmp_path, list(categories()))
    long = [[9, 4, 0], [-7, 3, 0], [2, -5, 1]] * 30
    drawing = drawing_figures(JudgedExample(Sketch(np.array(long, dtype=float), prefix_rows=40), 0.5))
    pictures = {name: [drawing] * 3 for name in categories()}
    (tmp_path / "pictures.json").write_text(json.dumps(pictures))
    write_category_page(tmp_path, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 1.5e6
    assert len(parsed(tmp_path / "page.html").rows) == 2 + 345


def test_a_drawing_is_whole_numbers_in_its_frame_and_keeps_its_ends():
    rows = np.array([[100, 0, 0], [0, 100, 1], [-50, -50, 0], [0, 0, 1], [20, 0, 1]], dtype=float)
    made = drawing_figures(JudgedExample(Sketch(rows, prefix_rows=1), 0.5))
    assert made["own"].startswith("M") and not re.search(r"[.e]", made["own"] + made["added"])
    own, added = (absolute(made[name]) for name in ("own", "added"))
    assert own == [[(5, 5), (95, 5)]]
    assert added == [[(95, 5), (95, 95)], [(50, 50)], [(68, 50)]]
    assert SIDE == 100


def absolute(path: str) -> list[list[tuple[int, int]]]:
    """Return the points of a path of ``M``, relative ``l`` and ``h0``."""
    lines = []
    for line in re.findall(r"M([^M]+)", path):
        start, _, rest = line.replace("h0", "l").partition("l")
        numbers = [[int(each) for each in re.findall(r"-?\d+", part)] for part in (start, rest)]
        steps = np.array([*numbers[0], *numbers[1]]).reshape(-1, 2)
        lines.append([tuple(point) for point in np.cumsum(steps, axis=0).tolist()])
    return lines


def test_the_page_in_the_docs_is_what_the_figures_there_give(tmp_path):
    """If there are figures for it, a page that was left behind by a change of figures or code is found here."""
    if write_category_page(FIGURES, tmp_path / "page.html"):
        assert PAGE.read_text() == (tmp_path / "page.html").read_text()
    else:
        assert not PAGE.exists()


def test_without_figures_there_is_no_page_and_a_sentence_says_so(tmp_path):
    words = ["--figures", str(tmp_path), "-o", str(tmp_path / "page.html")]
    result = CliRunner().invoke(category_page.main, words)
    assert result.exit_code == 1 and "has no figures of headline and router" in result.output
    assert result.output.count("\n") == 1 and not list(tmp_path.iterdir())
    figures_in(tmp_path, ["ant", "cat"])
    result = CliRunner().invoke(category_page.main, words)
    assert result.exit_code == 0 and "page.html: " in result.output
    figures = json.loads((tmp_path / "quality.json").read_text())
    del figures["routing"]
    (tmp_path / "quality.json").write_text(json.dumps(figures))
    assert not write_category_page(tmp_path, tmp_path / "other.html") and not (tmp_path / "other.html").exists()


@pytest.fixture(scope="module")
def driver():
    yield from browser_or_skip()


def names_shown(driver) -> list[str]:
    """Return the names of the rows that are visible, from top to bottom."""
    heads = driver.find_elements(By.CSS_SELECTOR, "tbody tr:not([hidden]) th")
    return [head.text for head in heads]


def test_rows_are_sorted_with_the_keyboard_and_filtered_in_a_browser(driver, folder):
    """The t-shirt is recognised least at 25 %, the Eiffel Tower most; the ant was not measured and is last."""
    figures = json.loads((folder / "quality.json").read_text())
    figures["routing"]["own"]["25%"]["by_category"] = {"t-shirt & co": 0.09, "The Eiffel Tower": 0.1}
    (folder / "quality.json").write_text(json.dumps(figures))
    write_category_page(folder, folder / "page.html")
    driver.get((folder / "page.html").as_uri())
    assert names_shown(driver) == ["ant", "t-shirt & co", "The Eiffel Tower"]
    head = driver.find_element(By.XPATH, "//th[button='25']")
    for keys, direction, expected in (
        (Keys.ENTER, "ascending", ["t-shirt & co", "The Eiffel Tower", "ant"]),
        (Keys.SPACE, "descending", ["The Eiffel Tower", "t-shirt & co", "ant"]),
    ):
        head.find_element(By.TAG_NAME, "button").send_keys(keys)
        assert head.get_attribute("aria-sort") == direction and names_shown(driver) == expected
    driver.find_element(By.XPATH, "//th[button='category']/button").click()
    assert names_shown(driver) == ["ant", "t-shirt & co", "The Eiffel Tower"] and not head.get_attribute("aria-sort")
    driver.find_element(By.TAG_NAME, "input").send_keys("EIF")
    assert names_shown(driver) == ["The Eiffel Tower"]
    assert driver.find_element(By.TAG_NAME, "output").text == "1 of 3"
    assert not [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
