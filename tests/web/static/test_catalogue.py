"""A child looks at what the machine knows, begins from it, and plays with only some of it: in a real browser."""

from __future__ import annotations

import json

import pytest
from selenium.webdriver.common.keys import Keys

from benchmarks.live.browser import PHONE, Page, Screen, served, wait_until
from codes.inference.completer import Completer
from codes.web.app import make_app
from tests.web.static.test_canvas import bars, number_of_strokes

NAMES = "return [...document.querySelectorAll('.card')].map((card) => card.dataset.category)"
FOCUS = "return document.activeElement.dataset.category ?? document.activeElement.id"
ASKED = "return performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('api/catalogue')).length"


def open_catalogue(page) -> None:
    page.click("#open-catalogue")
    page.wait("return document.querySelector('.card .first[d]') !== null")


def choose(page, category: str) -> None:
    page.click(f".card[data-category='{category}']")


def press(page, *keys: str) -> None:
    for key in keys:
        page.press(key)


def pick(page, *categories: str) -> None:
    open_catalogue(page)
    page.click("#pick")
    for category in categories:
        choose(page, category)
    page.click("#catalogue [data-close]")


def test_all_it_knows_is_there_by_name_and_sent_when_it_is_first_looked_at(page, catalogued):
    assert page.run(ASKED) == 0
    open_catalogue(page)
    names = page.run(NAMES)
    assert names == sorted(catalogued.categories)
    assert page.text("#catalogue-says") == f"{len(names)} things. Choose one, and I begin it."
    assert page.run("return document.querySelector('.card[data-category=ant]').ariaLabel") == "Begin with an ant"
    page.click("#catalogue [data-close]")
    open_catalogue(page)
    assert page.run(ASKED) == 1


def test_cards_are_drawn_when_they_come_into_view(phone, catalogued):
    open_catalogue(phone)
    drawn = "return document.querySelectorAll('.card .first[d]').length"
    assert 0 < phone.run(drawn) < len(catalogued.categories)
    phone.run("document.querySelector('#cards').scrollTop = 1e6")
    last = "return [...document.querySelectorAll('.card')].at(-1).querySelector('.first').getAttribute('d')"
    assert phone.wait(last).startswith("M")


def test_the_first_half_of_a_drawing_begins_one_that_undo_takes_away(page):
    open_catalogue(page)
    choose(page, "bicycle")
    page.suggested()
    assert page.hands() == ["me"], "the first of its two wheels"
    assert page.text("#sentence") == "You say it is a bicycle."
    assert page.run("return document.querySelector('.way').ariaLabel") == "Take way one: a bicycle"
    assert page.run(FOCUS) == "wet"
    xs, ys = zip(*page.kept()["drawing"][0]["points"], strict=True)
    assert min(*xs, *ys) >= 0 and max(*xs, *ys) <= 1000
    page.click("#undo")
    number_of_strokes(page, 0)
    assert page.text("#sentence") == "Draw half of something."
    page.click("#redo")
    number_of_strokes(page, 1)
    wait_until(lambda: page.text("#sentence") == "You say it is a bicycle.")
    page.suggested()
    page.click("#accept")
    wait_until(lambda: "machine" in page.hands())


def test_another_choice_takes_the_place_of_a_beginning_that_nobody_drew_on(page):
    open_catalogue(page)
    choose(page, "bicycle")
    page.suggested()
    before = page.kept()["drawing"]
    open_catalogue(page)
    choose(page, "cat")
    wait_until(lambda: page.text("#sentence") == "You say it is a cat.")
    page.suggested()
    assert page.kept()["drawing"] != before
    page.click("#undo")
    wait_until(lambda: page.kept()["drawing"] == before)
    assert page.text("#sentence") == "You say it is a bicycle."


def test_what_a_person_drew_is_kept_and_finished_as_what_they_choose(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    own = page.kept()["drawing"]
    open_catalogue(page)
    assert page.text("#catalogue-says").endswith("Choose one, and I finish your drawing as that.")
    assert page.run("return document.querySelector('.card[data-category=ant]').ariaLabel") == "Finish it as an ant"
    choose(page, "cat")
    wait_until(lambda: page.text("#sentence") == "You say it is a cat.")
    page.wait("return document.querySelector('.way').ariaLabel === 'Take way one: a cat'")
    page.suggested()
    assert page.kept()["drawing"] == own


def test_with_the_keyboard_alone(page):
    """K opens it, typing finds by other words and badly spelled ones, arrows move, Enter chooses, Escape leaves."""
    page.run("document.querySelector('#wet').focus()")
    press(page, "k")
    page.wait("return document.querySelector('.card .first[d]') !== null")
    assert page.run(FOCUS) == "known"
    names = page.run(NAMES)
    press(page, Keys.ARROW_DOWN)
    assert page.run(FOCUS) == names[0]
    columns = page.run("return getComputedStyle(document.querySelector('#cards')).gridTemplateColumns").count("px")
    press(page, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert page.run(FOCUS) == names[1 + columns]
    press(page, Keys.END)
    assert page.run(FOCUS) == names[-1]
    press(page, Keys.HOME, Keys.ARROW_UP)
    assert page.run(FOCUS) == "known"
    page.press("tellies")
    wait_until(lambda: page.run(NAMES) == ["television"])
    assert page.text("#catalogue-says") == "One thing like “tellies”."
    press(page, Keys.ESCAPE)
    wait_until(lambda: page.run(NAMES) == names)
    page.press("xqzw")
    wait_until(lambda: page.text("#catalogue-says") == "I know nothing like “xqzw”.")
    press(page, Keys.ESCAPE, Keys.ESCAPE)
    page.wait("return !document.querySelector('#catalogue').open")
    page.run("document.querySelector('#wet').focus()")
    press(page, "k")
    page.press("bycicle")
    wait_until(lambda: page.run(NAMES)[:1] == ["bicycle"])
    press(page, Keys.ENTER)
    wait_until(lambda: page.text("#sentence") == "You say it is a bicycle.")
    assert page.hands() == ["me"]


def test_tab_leads_to_one_card_and_on(page):
    open_catalogue(page)
    assert page.run("return document.querySelectorAll('.card[tabindex=\"0\"]').length") == 1
    press(page, Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert page.run("return document.querySelector('.card[tabindex=\"0\"]').dataset.category") == page.run(FOCUS)


def test_it_plays_with_only_what_is_picked_until_all_are_back(page, half):
    """In the bars, in what is asked of the server, in the catalogue itself and after a reload."""
    pick(page, "cat", "crab", "sun", "cat")
    assert page.text("#only-says") == "Only a crab and a sun."
    assert list(bars(page)) == ["crab", "sun"]
    page.draw(half("half-a-bicycle"))
    page.press(Keys.ENTER)
    page.suggested()
    assert set(bars(page)) == {"crab", "sun"}
    assert all(share for share in bars(page).values())
    labels = page.run(
        "return [...document.querySelectorAll('.way')].map(({ ariaLabel }) => ariaLabel.split(': a ')[1])"
    )
    assert set(labels) <= {"crab", "sun"}
    page.driver.refresh()
    page.wait("return document.querySelectorAll('#bars li').length === 2")
    assert page.text("#only-says") == "Only a crab and a sun."
    open_catalogue(page)
    assert page.run(NAMES) == ["crab", "sun"]
    page.click("#pick-all")
    page.wait(f"return (() => {{ {NAMES} }})().length > 9")
    page.click("#catalogue [data-close]")
    page.wait("return document.querySelector('#only').hidden")
    wait_until(lambda: next(iter(bars(page))) == "bicycle")
    assert page.kept()["only"] == []


def test_something_else_finds_only_what_is_picked(page):
    pick(page, "cat", "camera")
    page.driver.find_element("css selector", "#other").send_keys("ca")
    page.wait("return document.querySelectorAll('#found li').length === 2")
    page.click("#all-again")
    page.driver.find_element("css selector", "#other").send_keys("r")
    wait_until(lambda: page.text("#found li") == "car")


def test_bars_of_a_chosen_category_show_only_what_is_picked(page, half):
    pick(page, "cat", "crab", "bicycle")
    page.draw(half("half-a-bicycle"))
    page.suggested()
    page.click(".bar[data-category='cat']")
    wait_until(lambda: page.text("#sentence") == "You say it is a cat.")
    page.wait("return document.querySelector('.way').ariaLabel === 'Take way one: a cat'")
    assert set(bars(page)) == {"bicycle", "cat", "crab"}


def test_what_was_picked_of_another_model_is_forgotten(page, address, half):
    kept = {"form": 1, "drawing": [], "temperature": 0.4, "seed": 0, "together": False}
    for only, fixed, shown in ((["unicorn", "cat"], "unicorn", ["cat"]), (["unicorn"], None, [])):
        page.driver.get(f"{address}health")  # the page itself would keep its own when it is left
        page.run("localStorage.halfdrawn = arguments_[0]", json.dumps({**kept, "only": only, "fixed": fixed}))
        page.driver.get(address)
        page.wait("return document.querySelectorAll('#bars li').length > 0")
        page.draw(half("half-a-cat")[:1])
        page.wait("return document.querySelector('#bars .share').textContent !== ''")
        assert (page.kept()["only"], page.kept()["fixed"]) == (shown, None)


def test_it_fits_a_phone(phone):
    open_catalogue(phone)
    assert phone.run("return document.activeElement.id") != "known", "no keyboard comes up over the cards"
    script = """
        const { left, right, top, bottom } = document.querySelector("#catalogue").getBoundingClientRect();
        const cards = document.querySelector("#cards");
        const sizes = [...cards.children].map((each) => Math.min(each.offsetWidth, each.offsetHeight));
        const outside = [left, top, right - innerWidth, bottom - innerHeight, cards.scrollWidth - cards.clientWidth];
        return [outside, Math.min(...sizes) >= 44];
    """
    assert phone.run(script) == [[0, 0, 0, 0, 0], True]
    choose(phone, "cat")
    phone.suggested()


@pytest.mark.parametrize("screen", [Screen(calm=True), PHONE], ids=["desktop", "phone"])
def test_a_bundle_without_drawings_shows_names_and_a_choice_is_what_to_draw(driver, bundle, tmp_path, screen):
    with served(make_app(Completer(bundle), tmp_path)) as address:
        page = Page(driver, screen).open(address)
        page.click("#open-catalogue")
        page.wait("return document.querySelector('#cards').matches('.bare')")
        assert page.run(NAMES) == sorted(bundle.categories)
        assert page.run("return document.querySelector('.card svg').getBoundingClientRect().height") == 0
        choose(page, "square")
        wait_until(lambda: page.text("#sentence") == "Draw half of a square.")
        assert page.hands() == [] and page.complaints() == []
