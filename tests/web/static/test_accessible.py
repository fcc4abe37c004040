"""The page and its dialogs for everybody: axe-core finds nothing serious, in both schemes, on two screens."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from benchmarks.docs.screens import SCREENS
from tests.test_architecture import ROOT
from tests.web.static.test_canvas import number_of_strokes

AXE = ROOT / "tests" / "vendor" / "axe" / "axe.min.js"
SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
GRAVE = {"serious", "critical"}
CHECK = """
    const { violations, passes } = await axe.run(document, { resultTypes: ["violations"] });
    const found = violations.map(({ id, impact, nodes }) => [impact, id, nodes.map(({ target }) => target.join(" "))]);
    return [found, passes.length];
"""


def complaints(page) -> list[list[object]]:
    """Return what axe-core calls serious or critical on what is shown now; it must have looked at something."""
    page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    found, rules_passed = page.run(CHECK)
    assert rules_passed > 15
    return [each for each in found if each[0] in GRAVE]


def test_the_rules_are_those_of_the_version_that_is_named():
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == SHA256
    assert f"axe v{(AXE.parent / 'README.md').read_text().split()[2]}" in AXE.read_text(encoding="utf-8")[:40]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("screen", [SCREENS[0], SCREENS[2]], ids=["desktop", "phone"])
def test_nothing_serious_is_found_on_the_page_and_in_its_dialogs(open_page, half, screen, dark):
    page = open_page(replace(screen, dark=dark))
    seen = {"empty": complaints(page)}
    page.draw(half("half-a-cat"))
    page.suggested()
    seen["answered"] = complaints(page)
    for name in ("help", "gallery", "catalogue"):
        page.click(f"#open-{name}")
        page.wait(f"return document.querySelector('#{name}').open")
        if name == "gallery":
            page.click("#hang button")
            page.wait("return document.querySelector('#wall .move') !== null")
        if name == "catalogue":
            page.wait("return document.querySelector('.card .first[d]') !== null")
            page.click("#pick")
            page.click(".card")
        seen[name] = complaints(page)
        page.click(f"#{name} [data-close]")
    page.driver.find_element("id", "other").send_keys("unicorn")
    page.wait("return document.querySelector('#found-says').textContent !== ''")
    seen["a word that is not known"] = complaints(page)
    page.click("#anew")
    number_of_strokes(page, 0)
    assert {name: found for name, found in seen.items() if found} == {}


def test_it_would_find_something(page):
    """A button without a name and text that cannot be read, put there on purpose."""
    page.run(
        """
        const bad = document.createElement("button");
        document.querySelector(".tools").append(bad);
        document.querySelector("#sentence").style.color = "var(--hair)";
        """
    )
    assert {each[1] for each in complaints(page)} >= {"button-name", "color-contrast"}, json.dumps(complaints(page))
