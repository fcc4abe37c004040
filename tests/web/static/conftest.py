"""One server with the bundle that ships and one browser for all tests of the page; each test sees it afresh."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

import codes
from benchmarks.live.browser import PHONE, Page, Screen, on_paper, served
from codes.checkpoints.bundle import SHIPPED, Bundle, write_catalogue
from codes.inference.completer import Completer
from codes.strokes.geometry import in_quickdraw_pixels
from codes.web.app import make_app
from tests.support.browser import browser_or_skip
from tests.test_architecture import ROOT

SKETCHES = ROOT / "examples" / "sketches"


@pytest.fixture(scope="session")
def catalogued(tmp_path_factory) -> Bundle:
    """A copy of the bundle that ships whose catalogue is known: the example of a category, or else half a sun."""
    copy = shutil.copytree(SHIPPED / "starter", tmp_path_factory.mktemp("models") / "starter")
    bundle = Bundle.open(copy)
    drawings = {name: SKETCHES / f"half-{with_article(name)}.svg" for name in bundle.categories}
    sketches = {
        name: in_quickdraw_pixels(codes.read(path if path.is_file() else SKETCHES / "half-a-sun.svg"))
        for name, path in drawings.items()
    }
    return write_catalogue(bundle, [replace(sketch, category=name) for name, sketch in sketches.items()])


def with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'}-{name.replace(' ', '-')}"


@pytest.fixture(scope="session")
def address(catalogued, tmp_path_factory):
    with served(make_app(Completer(catalogued), tmp_path_factory.mktemp("gallery"))) as url:
        yield url


@pytest.fixture(scope="session")
def driver():
    yield from browser_or_skip()


@pytest.fixture
def open_page(driver, address):
    """Opens the page on a screen; at the end the browser must have nothing to complain about."""
    opened = []

    def open_on(screen: Screen | None = None) -> Page:
        opened.append(Page(driver, screen).open(address))
        return opened[-1]

    yield open_on
    assert [each.complaints() for each in opened] == [[] for _ in opened]


@pytest.fixture
def page(open_page):
    """On a desktop, without motion, so that a suggestion is there at once."""
    return open_page(Screen(calm=True))


@pytest.fixture
def phone(open_page):
    return open_page(PHONE)


@pytest.fixture(scope="session")
def half():
    """Strokes of each example sketch as a hand draws them."""
    return lambda name: on_paper(codes.read(SKETCHES / f"{name}.svg"), spacing=10.0)
