"""A class at the canvas: what children meet in their first minutes, in a real browser at the sizes of its devices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from benchmarks.docs.screens import SCREENS
from benchmarks.live.browser import Page, Screen, served, wait_until
from codes.inference.completer import Completer
from codes.web.app import make_app
from tests.web.static.test_canvas import bars, number_of_strokes
from tests.web.static.test_catalogue import choose, open_catalogue

CIRCLE = 500 + 300 * np.stack([np.cos(np.linspace(0, 6.2, 60)), np.sin(np.linspace(0, 6.2, 60))], axis=1)
DOT = np.array([[500.0, 500.0]])
IDS = [f"{screen.width}x{screen.height}" for screen in SCREENS]
LAPTOPS = [Screen(1366, 625, calm=True), Screen(1120, 700, calm=True)]  # less what the browser takes of the screen
# Each thing that is reached without hunting; and what is cut off, by the edge of the screen or of its own box.
WHOLE = """
    const needed = ["#wet", "#sentence", "#undo", "#accept", "#bars li", "#other", "#open-catalogue",
                    ".way:nth-child(9)", "#temperature", "#new-seed", "[data-save=svg]", "[data-save=ndjson]",
                    "#replay", "#open-gallery", "#anew", "#open-help"];
    const outside = needed.filter((name) => {
        const { left, top, right, bottom, width } = document.querySelector(name).getBoundingClientRect();
        return !width || left < 0 || top < 0 || right > innerWidth || bottom > innerHeight;
    });
    const texts = [...document.querySelectorAll("main button, main p, .shelf button, .bar span, #bars li, .way span")];
    const cut = texts.filter((each) => each.checkVisibility() && !each.closest(".unseen") && each.id !== "hint")
        .filter((each) => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflow !== "visible")
        .map((each) => each.id || each.textContent);
    const { scrollWidth, scrollHeight } = document.documentElement;
    return [outside, cut, scrollWidth <= innerWidth, scrollHeight <= innerHeight];
"""


@pytest.mark.parametrize("screen", [*SCREENS, *LAPTOPS], ids=[*IDS, "laptop", "window"])
def test_the_first_picture_is_whole(open_page, half, screen):
    """Empty, with a guess, and with several, whose names stand on the nine ways; the tools stay where they are."""
    page = open_page(screen)
    tools = "return document.querySelector('#accept').getBoundingClientRect().top"
    seen, places = {"empty": page.run(WHOLE)}, [page.run(tools)]
    page.draw(half("half-a-cat")[:1])
    page.suggested()
    page.wait("return document.querySelector('.way span:not(:empty)') !== null")
    seen["unsure"] = page.run(WHOLE)
    places.append(page.run(tools))
    page.draw(half("half-a-cat")[1:])
    page.wait("return document.querySelector('.way span:not(:empty)') === null")
    page.suggested()
    seen["answered"] = page.run(WHOLE)
    places.append(page.run(tools))
    assert seen == {state: [[], [], True, True] for state in seen}
    assert len(set(places)) == 1


@pytest.mark.parametrize("screen", SCREENS, ids=IDS)
@pytest.mark.parametrize("dialog", ["gallery", "help"])
def test_dialogs_need_no_scrolling_sideways(open_page, screen, dialog):
    page = open_page(screen)
    page.click(f"#open-{dialog}")
    assert page.run(f"const {{ scrollWidth, clientWidth }} = {dialog_of(dialog)}; return scrollWidth <= clientWidth")


def dialog_of(name: str) -> str:
    return f"document.querySelector('#{name}')"


def test_nothing_that_is_touched_moves_whatever_is_said(open_page, half):
    """On a phone the sentence stands above the guesses: a long one must not push them away from under a finger."""
    page = open_page(SCREENS[2])
    place = "return document.querySelector('#bars').getBoundingClientRect().top"
    before = page.run(place)
    long = "Not sure yet: an alarm clock, or a power outlet? It looks finished to me."
    page.run("document.querySelector('#sentence').textContent = arguments_[0]", long)
    assert page.run(place) == before


def test_a_first_dot_is_not_yet_anything(page):
    page.draw([DOT])
    wait_until(lambda: page.text("#sentence") == "Not sure yet. Go on!")


def test_a_word_that_is_not_known_is_said_and_what_is_near_is_offered(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    field = page.driver.find_element("css selector", "#other")
    field.send_keys("craybon stuff")
    wait_until(lambda: page.text("#found-says") == "I do not know “craybon stuff”. Did you mean one of these?")
    assert page.text("#found li") == "crayon"
    field.send_keys(Keys.ENTER)
    assert "crayon" not in page.text("#sentence"), "nothing is chosen that nobody chose"
    field.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    wait_until(lambda: page.text("#sentence") == "You say it is a crayon.")
    field.send_keys("xqzw")
    wait_until(lambda: page.text("#found-says") == "I do not know “xqzw”. Try another word for it.")
    field.send_keys(Keys.ESCAPE, " Cats! ")
    wait_until(lambda: page.text("#found") == "cat" and page.text("#found-says") == "")


def test_backspace_takes_back_one_stroke_also_where_nothing_has_the_focus(page, half):
    page.draw(half("half-a-bicycle"))
    number_of_strokes(page, 2)
    page.press(Keys.BACKSPACE)
    number_of_strokes(page, 1)
    page.run("document.activeElement.blur()")
    page.press(Keys.BACKSPACE)
    number_of_strokes(page, 0)
    page.click("#redo")
    number_of_strokes(page, 1)
    page.run("document.querySelector('#other').focus()")
    page.press("ca", Keys.BACKSPACE)
    assert page.driver.find_element("id", "other").get_attribute("value") == "c" and page.hands() == ["me"]
    page.run("document.querySelector('#redo').focus()")
    page.press(Keys.BACKSPACE)
    number_of_strokes(page, 0)


@pytest.mark.parametrize("screen", [SCREENS[0], SCREENS[2]], ids=["desktop", "phone"])
def test_a_question_mark_shows_help_with_what_this_device_has(open_page, screen):
    page = open_page(screen)
    page.press("?")
    page.wait("return document.querySelector('#help').open")
    shown = page.run("return ['.keys', '.gestures'].map((each) => document.querySelector(each).checkVisibility())")
    assert shown == ([False, True] if screen.touch else [True, False])
    icons = page.run("return [...document.querySelectorAll('.shelf use, .tools use')].map((use) => use.href.baseVal)")
    explained = page.run("return [...document.querySelectorAll('#help use')].map((use) => use.href.baseVal)")
    assert set(icons) <= set(explained)
    assert page.text("#phone .nowhere").startswith("Only this computer") and page.run(
        "return document.querySelector('#phone .nowhere').checkVisibility()"
    )


def test_the_next_child_gets_a_new_sheet_and_the_last_drawing_is_kept(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    page.click(".bar[data-category='bicycle']")
    own = page.kept()["drawing"]
    page.click("#anew")
    number_of_strokes(page, 0)
    assert page.text("#sentence") == "Draw half of something." and page.kept()["fixed"] is None
    assert not page.driver.find_element("id", "undo").is_enabled(), "the next child does not undo the last one's"
    page.driver.refresh()
    page.click("#open-gallery")
    page.click("#before .way")
    number_of_strokes(page, 2)
    assert page.kept()["drawing"] == own


def test_a_browser_that_keeps_nothing_leaves_the_drawing(page, half):
    page.draw(half("half-a-bicycle"))
    page.run("Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }")
    page.click("#anew")
    wait_until(lambda: page.text("#advice").startswith("I cannot keep this drawing"))
    assert page.ink("#dry") > 0


# Draw together.


def test_together_a_first_circle_is_not_yet_a_sun(page):
    page.click("#together")
    page.draw([CIRCLE])
    wait_until(lambda: page.text("#advice") == "One more stroke, and I join in. Or say what it is.")
    page.wait("return document.querySelector('.share').textContent !== ''")
    assert page.hands() == ["me"]
    page.draw([np.array([[400.0, 450.0], [420.0, 450.0]])])
    wait_until(lambda: page.hands() == ["me", "me", "machine"])


def test_together_no_a_cat_is_one_tap(page, half):
    """What the machine added as something else is taken back, and a cat's stroke comes in its place."""
    page.click("#together")
    page.draw([CIRCLE, np.array([[400.0, 450.0], [420.0, 450.0]])])
    wait_until(lambda: page.hands() == ["me", "me", "machine"])
    before = page.kept()["drawing"][-1]
    other = next(name for name in list(bars(page))[1:])
    page.click(f".bar[data-category='{other}']")
    wait_until(lambda: page.text("#sentence").endswith(f" {other}."))
    wait_until(lambda: page.hands() == ["me", "me", "machine"] and page.kept()["drawing"][-1] != before)


def test_together_saying_what_a_first_stroke_is_lets_the_machine_join_at_once(page):
    page.click("#together")
    page.draw([CIRCLE])
    page.wait("return document.querySelector('.share').textContent !== ''")
    page.click("#bars .bar")
    wait_until(lambda: page.hands() == ["me", "machine"])


def test_together_a_beginning_that_is_put_down_waits_for_the_child(page):
    page.click("#together")
    open_catalogue(page)
    choose(page, "bicycle")
    wait_until(lambda: page.text("#advice") == "Your turn. I add a stroke after each of yours.")
    assert page.hands() == ["me"]
    page.draw([np.array([[600.0, 700.0], [700.0, 700.0]])])
    wait_until(lambda: page.hands() == ["me", "me", "machine"])


# The gallery.


@pytest.fixture
def own_gallery(driver, catalogued, tmp_path):
    """A page of a server whose gallery nobody else uses."""
    with served(make_app(Completer(catalogued), tmp_path / "drawings")) as address:
        page = Page(driver, replace(Screen(), calm=True)).open(address)
        yield page
        assert page.complaints() == []


def test_a_drawing_is_taken_down_and_hung_again(own_gallery, half):
    page = own_gallery
    page.draw(half("half-a-cat"))
    page.suggested()
    page.click("#open-gallery")
    wait_until(lambda: page.text("#gallery-says").startswith("Nothing hangs here yet"))
    page.run("document.querySelector('#word').value = ''")
    page.driver.find_element("id", "word").send_keys(" Mia's cat?! ")
    page.click("#hang button")
    wait_until(lambda: page.text("#gallery-says") == "It hangs.")
    assert page.text("#wall .way") == "Mia's cat!"
    page.click("#wall .move")
    wait_until(lambda: page.text("#gallery-says").startswith("“Mia's cat!” is taken down."))
    assert page.run("return document.querySelectorAll('#wall .way').length") == 0
    page.click("#aside .move")
    wait_until(lambda: page.text("#gallery-says") == "“Mia's cat!” hangs.")
    assert page.text("#wall .way") == "Mia's cat!"


def test_a_name_of_nothing_is_asked_for_again_in_plain_words(own_gallery, half):
    page = own_gallery
    page.draw(half("half-a-cat"))
    page.click("#open-gallery")
    page.run("document.querySelector('#word').value = '...'")
    page.click("#hang button")
    wait_until(lambda: page.text("#gallery-says") == "Give it a name first.")
