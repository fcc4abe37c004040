"""The laws of the page's files: no inline code, nothing from elsewhere, colours that all can read, small modules."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tests.test_architecture import CODES

STATIC = CODES / "web" / "static"
MODULES = sorted(STATIC.glob("*.js"))
HTML = (STATIC / "index.html").read_text(encoding="utf-8")
CSS = (STATIC / "page.css").read_text(encoding="utf-8")
MOST_LINES = 320
GONE = re.compile(r"\b(easel|begun|heard|told)\b", re.IGNORECASE)  # words that say less than the field's own

# Text on what it may stand on, at 4.5 to 1; and what must be told from what is beside it, at 3 to 1 (WCAG 2.2 AA).
TEXT = [(text, ground) for text in ("ink", "quiet", "pencil") for ground in ("desk", "paper")]
TEXT += [("on-pencil", "pencil"), ("ink", "hair"), ("pencil", "hair")]
PARTS = [("edge", "desk"), ("edge", "paper")]


class Tags(HTMLParser):
    """Every tag with its attributes, and text within scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.code = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.code += data.strip()


@pytest.fixture(scope="module")
def tags():
    parser = Tags()
    parser.feed(HTML)
    assert parser.code == "", "code within the page"
    return parser.tags


def colours(scheme: str) -> dict[str, str]:
    """The custom properties that are colours, as the light or the dark scheme has them."""
    blocks = re.findall(r":root \{(.*?)\n\s*\}", CSS, flags=re.DOTALL)
    assert len(blocks) == 2
    found: dict[str, str] = {}
    for block in blocks if scheme == "dark" else blocks[:1]:
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    return found


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """As WCAG defines it, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_can_be_read_by_all(scheme, text, ground):
    known = colours(scheme)
    assert contrast(known[text], known[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("part", "ground"), PARTS)
def test_edges_of_buttons_can_be_seen(scheme, part, ground):
    known = colours(scheme)
    assert contrast(known[part], known[ground]) >= 3


def test_colours_stand_in_one_place():
    """Outside of :root no rule names a colour, so that both schemes have each."""
    rules = re.sub(r":root \{.*?\n\s*\}", "", CSS, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-f]{3,8}\b", rules) == []
    dark = re.findall(r":root \{(.*?)\n\s*\}", CSS, flags=re.DOTALL)[1]
    assert set(colours("light")) == set(re.findall(r"--([\w-]+): #", dark))
    assert set(re.findall(r"var\(--([\w-]+)", CSS)) <= {*re.findall(r"--([\w-]+):", CSS), "share"}


def test_the_page_runs_no_code_of_its_own(tags):
    for tag, attributes in tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert tag != "style" and (tag != "script" or attributes["src"]), tag


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(path):
    addresses = re.findall(r"(?:https?:)?//[\w-]+\.[\w./-]+", path.read_text(encoding="utf-8"))
    assert [each for each in addresses if each != "http://www.w3.org/2000/svg"] == []


def test_every_id_and_file_that_is_referred_to_exists(tags):
    ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
    assert len(ids) == HTML.count(' id="')
    for _, attributes in tags:
        for name in ("for", "list", "aria-labelledby", "aria-describedby"):
            assert attributes.get(name) is None or attributes[name] in ids
        for name in ("src", "href"):
            value = attributes.get(name) or ""
            assert not value.startswith("static/") or (STATIC / value.removeprefix("static/")).is_file()
            assert not value.startswith("#") or value[1:] in ids
    main = (STATIC / "main.js").read_text(encoding="utf-8")
    assert set(re.findall(r'\$\("([\w-]+)"\)', main)) <= ids


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_says_what_it_knows_and_imports_only_neighbours(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("/**\n") and "nows" in text.split("*/")[0]
    assert len(text.splitlines()) <= MOST_LINES
    for target in re.findall(r'from "(.*?)"', text):
        assert target.startswith("./") and (STATIC / target).is_file()
    assert not GONE.search(text)
    assert not re.search(r"\beval\(|innerHTML|document\.write|new Function", text)


def test_every_module_is_used():
    used = {name for path in MODULES for name in re.findall(r'from "\./(.*?)"', path.read_text(encoding="utf-8"))}
    assert {path.name for path in MODULES} == used | {"main.js"}


def exported(path: Path) -> list[str]:
    """The names that a module offers to others."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^export (?:async )?(?:const|function|class) (\w+)", text, flags=re.MULTILINE)


def test_everything_exported_is_used():
    texts = {path: path.read_text(encoding="utf-8") for path in MODULES}
    for path in MODULES:
        others = [other for each, other in texts.items() if each != path]
        for name in exported(path):
            assert any(re.search(rf"\b{name}\b", other) for other in others), f"{path.name}: {name}"


def test_pure_modules_know_no_page():
    for name in ("drawing", "wire", "continuation", "reveal", "path", "copy", "music", "keys", "session"):
        text = re.sub(r"/\*.*?\*/|//.*", "", (STATIC / f"{name}.js").read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"\b(document|window|localStorage|fetch)\b", text), name


def test_headings_come_in_order(tags):
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
