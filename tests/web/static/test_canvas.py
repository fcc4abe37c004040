"""What a person does on the live canvas, done in a real browser on the real server with the bundle that ships."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

import codes
from benchmarks.live.browser import Screen, wait_until
from tests.web.static.conftest import SKETCHES

SMOOTHED = 1 / 4  # of the ink may fade again, where a line goes on and its curve is drawn anew
TWO_HANDS = "return JSON.parse(localStorage.halfdrawn ?? '{}').drawing?.some(({ by }) => by === 'machine')"


def bars(page) -> dict[str, str]:
    """What each bar says, in order."""
    script = "return [...document.querySelectorAll('#bars .bar')].map((bar) => bar.textContent)"
    script = script.replace("bar.textContent", "[bar.dataset.category, bar.querySelector('.share').textContent]")
    return dict(page.run(script))


def number_of_strokes(page, count: int) -> None:
    wait_until(lambda: len(page.hands()) == count)


def machine_drew(page) -> int:
    """How many strokes are the machine's, after waiting for the first."""
    page.wait(TWO_HANDS)
    return page.hands().count("machine")


def finish(page) -> None:
    """Enter asks for a suggestion where what was drawn is not known, and takes it where there is one; Tab takes it."""
    page.press(Keys.ENTER)
    wait_until(lambda: page.run(TWO_HANDS) or page.run("return document.querySelector('#paper').matches('.offers')"))
    if not page.run(TWO_HANDS):
        page.press(Keys.TAB)


@pytest.mark.parametrize("screen", ["page", "phone"])
def test_half_a_bicycle_is_recognised_finished_undone_and_saved(request, screen, half, tmp_path):
    """With a mouse on a desktop, with a finger on a phone."""
    page = request.getfixturevalue(screen)
    page.draw(half("half-a-bicycle"))
    page.suggested()
    assert page.text("#sentence") in ("That is a bicycle!", "I think it is a bicycle.")
    assert next(iter(bars(page))) == "bicycle"
    assert page.ink("#dry") > 500
    page.click("#accept")
    added = machine_drew(page)
    assert added >= 1 and page.hands()[:2] == ["me", "me"]
    page.click("#undo")
    number_of_strokes(page, 2)
    page.click("#redo")
    number_of_strokes(page, 2 + added)
    page.downloads_to(tmp_path)
    page.click("[data-save=svg]")
    file = tmp_path / "bicycle.svg"
    wait_until(file.exists)
    assert len(codes.read(file).polylines()) == 2 + added


def test_a_saved_file_holds_what_was_drawn(page, half, tmp_path):
    """The SVG holds the person's strokes where they were drawn, to a fraction of a unit."""
    strokes = half("half-a-cat")
    page.draw(strokes)
    page.downloads_to(tmp_path)
    page.click("[data-save=svg]")
    wait_until(lambda: list(tmp_path.glob("*.svg")))
    read = codes.read(next(tmp_path.glob("*.svg"))).polylines()
    assert len(read) == len(strokes)
    for ours, theirs in zip(read, strokes, strict=True):
        assert np.abs(ours[0] - theirs[0]).max() < 3 and np.abs(ours[-1] - theirs[-1]).max() < 3


@pytest.mark.parametrize("kind", ["png", "gif", "ndjson"])
def test_a_drawing_is_kept_in_every_format(page, half, tmp_path, kind):
    page.draw(half("half-a-sun"))
    page.suggested()
    page.downloads_to(tmp_path)
    page.click(f"[data-save={kind}]")
    wait_until(lambda: list(tmp_path.glob(f"*.{kind}")))
    assert next(tmp_path.glob("*")).stat().st_size > 200


def test_a_drawing_survives_a_reload(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    before = page.kept()["drawing"]
    page.driver.refresh()
    page.suggested()
    assert page.kept()["drawing"] == before
    assert next(iter(bars(page))) == "bicycle" and page.ink("#dry") > 500


def test_a_reload_in_the_middle_of_a_stroke_loses_nothing(page, half):
    first, second = (page.places(line) for line in half("half-a-bicycle"))
    page.draw(half("half-a-bicycle")[:1])
    page.touch_down(second[0])
    for place in second[1:20]:
        page.touch_move(place)
    page.driver.refresh()
    page.wait("return document.querySelectorAll('#bars li').length > 0")
    assert len(page.kept()["drawing"]) == 2 and len(first) > 20
    page.touch_up(second[20])


def test_a_bar_fixes_the_category_and_frees_it(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    other = list(bars(page))[3]
    bar = f".bar[data-category='{other}']"
    page.click(bar)
    wait_until(lambda: page.text("#sentence").endswith(f" {other}."))
    assert page.text("#sentence").startswith("You say")
    assert page.driver.find_element("css selector", bar).get_attribute("aria-pressed") == "true"
    page.wait(f"return document.querySelector('.way').ariaLabel.includes('{other}')")
    page.click(bar)
    page.wait("return document.querySelector('.way').ariaLabel === 'Take way one: a bicycle'")


def test_something_else_is_found_by_typing_with_the_keyboard_alone(page, half):
    """By another word, in the plural; what is not known is not chosen."""
    page.draw(half("half-a-bicycle"))
    page.suggested()
    field = page.driver.find_element("css selector", "#other")
    field.send_keys("tellies")
    wait_until(lambda: page.text("#found") == "television")
    assert field.get_attribute("aria-expanded") == "true" and field.get_attribute("aria-activedescendant") == "found-0"
    field.send_keys(Keys.ENTER)
    wait_until(lambda: page.text("#sentence") == "You say it is a television.")
    assert field.get_attribute("value") == "" and field.get_attribute("aria-expanded") == "false"
    field.send_keys("ca")
    page.wait("return document.querySelectorAll('#found li').length > 2")
    second = page.text("#found li:nth-child(2)")
    field.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    wait_until(lambda: page.text("#sentence").endswith(f" {second}."))
    field.send_keys("unicorn")
    wait_until(lambda: "unknown" in field.get_attribute("class"))
    field.send_keys(Keys.ENTER)
    assert page.text("#sentence").endswith(f" {second}.")
    field.send_keys(Keys.ESCAPE)
    wait_until(lambda: field.get_attribute("value") == "")


def test_something_else_is_found_with_a_click(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    page.driver.find_element("css selector", "#other").send_keys("kitty")
    wait_until(lambda: page.text("#found") == "cat")
    page.driver.find_element("css selector", "#found li").click()
    wait_until(lambda: page.text("#sentence") == "You say it is a cat.")


def test_a_click_on_a_variation_takes_it_and_undo_brings_the_own_drawing_back(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    own = page.kept()["drawing"]
    for number in (4, 7):
        page.click(f".way:nth-child({number})")
        wait_until(lambda: len(page.kept()["drawing"]) > len(own))
    assert page.kept()["drawing"][:2] == own
    page.click("#undo")
    number_of_strokes(page, 2)
    assert page.kept()["drawing"] == own


def test_there_are_nine_variations_and_a_new_seed_draws_others(page, half):
    page.draw(half("half-a-cat"))
    page.suggested()
    assert page.run("return document.querySelectorAll('.way:enabled').length") == 9
    picture = "return document.querySelector('.way:nth-child(2) canvas').toDataURL()"
    before = page.run(picture)
    page.click("#new-seed")
    page.wait(f"return (() => {{ {picture} }})() !== {json.dumps(before)}")
    page.suggested()
    assert page.kept()["seed"] == 1


def test_an_unknown_sketch_is_named_as_such_and_not_finished(page, half):
    page.draw(half("none-of-these"))
    page.wait("return document.querySelector('#sentence').textContent.startsWith('That is none')")
    assert page.text("#sentence") == f"That is none of the {len(codes.load('starter').categories)} things I know."
    assert page.text("#advice") == "Say what it is, and I finish it as that."
    assert page.run("return document.querySelectorAll('.way:enabled').length") == 0
    assert page.driver.find_element("id", "accept-next").is_enabled() is False


def test_the_next_stroke_alone_can_be_taken(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    page.press(Keys.ARROW_RIGHT)
    number_of_strokes(page, 3)
    assert page.hands() == ["me", "me", "machine"]
    page.hold(Keys.CONTROL, "z")
    number_of_strokes(page, 2)


def test_the_suggestion_goes_when_the_person_draws(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    wait_until(lambda: page.ink("#wet") > 50)
    place = page.places(np.array([[60.0, 60.0]]))[0]
    page.touch_down(place)
    page.wait("return !document.querySelector('#paper').matches('.offers')")
    wait_until(lambda: page.ink("#wet") < 50)
    page.touch_up(place)


def test_the_suggestion_draws_itself_at_pen_speed(open_page, half):
    """It grows from frame to frame, and takes its time."""
    page = open_page(Screen())
    page.run(
        """
        const wet = document.querySelector("#wet");
        const small = new OffscreenCanvas(150, 90).getContext("2d", { willReadFrequently: true });
        window.seen = [];
        const look = () => {
            small.clearRect(0, 0, 150, 90);
            small.drawImage(wet, 0, 0, 150, 90);
            const { data } = small.getImageData(0, 0, 150, 90);
            window.seen.push(data.filter((value, index) => index % 4 === 3 && value > 30).length);
            requestAnimationFrame(look);
        };
        look();
        """
    )
    page.draw(half("half-a-bicycle"))
    page.suggested()
    page.wait("return window.seen.length > 9 && new Set(window.seen.slice(-9)).size === 1 && window.seen.at(-1) > 0")
    seen = page.run("return window.seen")
    grown = seen[len(seen) - seen[::-1].index(0) :]
    faded = sum(max(0, before - after) for before, after in pairwise(grown))
    assert faded <= SMOOTHED * grown[-1] and len(set(grown)) >= 4


def test_tab_takes_a_suggestion_and_never_traps(page, half):
    """On the paper with a suggestion Tab takes it; refused with Escape, or taken, it moves on as everywhere."""
    focus = "return document.activeElement.id"
    page.draw(half("half-a-bicycle"))
    page.suggested()
    assert page.run(focus) == "wet"
    page.press(Keys.ESCAPE)
    page.wait("return !document.querySelector('#paper').matches('.offers')")
    page.press(Keys.TAB)
    assert page.run(focus) != "wet" and page.hands() == ["me", "me"]
    page.run("document.querySelector('#wet').focus()")
    page.press(Keys.ENTER)
    page.suggested()
    page.press(Keys.TAB)
    assert machine_drew(page) >= 1 and page.run(focus) == "wet"
    page.press(Keys.TAB)
    assert page.run(focus) != "wet"


def test_all_of_it_with_the_keyboard_alone(page):
    """Two wheels by arrow keys, finished whatever they are, undone, done again, cleared, and that undone."""
    page.run("document.querySelector('#wet').focus()")
    right, down, left, up = Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_LEFT, Keys.ARROW_UP
    wheel = [*[right, down] * 5, down, down, down, *[left, down] * 5, left, left, left, *[left, up] * 5]
    wheel += [up, up, up, *[right, up] * 5, right, right, right]
    page.press(*[left] * 15, *[down] * 5, " ", *wheel, " ")
    number_of_strokes(page, 1)
    page.hold(Keys.ESCAPE)
    page.press(*[Keys.ESCAPE, right] * 22, Keys.ESCAPE, " ", *wheel, " ")
    number_of_strokes(page, 2)
    finish(page)
    added = machine_drew(page)
    page.hold(Keys.CONTROL, "z")
    number_of_strokes(page, 2)
    page.hold(Keys.CONTROL, Keys.SHIFT, "z")
    number_of_strokes(page, 2 + added)
    page.press(Keys.DELETE)
    number_of_strokes(page, 0)
    page.hold(Keys.CONTROL, "z")
    number_of_strokes(page, 2 + added)


def test_a_digit_takes_a_variation(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    page.press("3")
    assert machine_drew(page) >= 1


def test_together_the_machine_adds_one_stroke_after_each(page, half):
    page.click("#together")
    first, second = half("half-a-bicycle")
    page.draw([first])
    page.draw([second])
    wait_until(lambda: page.hands() and page.hands()[-1] == "machine")
    assert page.hands().count("me") == 2 and page.hands().count("machine") <= 2
    strokes = len(page.hands())
    page.click("#undo")
    number_of_strokes(page, strokes - 1)


def test_a_file_can_be_opened_and_continued(page):
    page.driver.find_element("id", "file").send_keys(str(SKETCHES / "half-a-crab.svg"))
    page.suggested()
    assert next(iter(bars(page))) == "crab"
    assert page.hands() == ["me"] * len(codes.read(SKETCHES / "half-a-crab.svg").polylines())


def test_a_file_can_be_dropped_on_the_paper(page):
    text = (SKETCHES / "half-a-cat.svg").read_text()
    page.run(
        """
        const files = new DataTransfer();
        files.items.add(new File([arguments_[0]], "cat.svg"));
        const drop = new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true });
        document.querySelector("#wet").dispatchEvent(drop);
        """,
        text,
    )
    page.suggested()
    assert next(iter(bars(page))) == "cat"


def test_a_drawing_in_the_gallery_can_be_continued(page, half):
    page.draw(half("half-a-bicycle"))
    page.suggested()
    page.click("#open-gallery")
    page.wait("return document.querySelector('#word').value === 'bicycle'")
    page.click("#hang button")
    page.wait("return document.querySelector('#gallery-says').textContent === 'It hangs.'")
    page.driver.execute_script("document.querySelector('#gallery').close()")
    page.click("#clear")
    number_of_strokes(page, 0)
    page.click("#open-gallery")
    page.click("#wall .way")
    number_of_strokes(page, 2)
    page.suggested()
    assert next(iter(bars(page))) == "bicycle"


def test_a_drawing_can_be_replayed(open_page, half):
    page = open_page(Screen())
    page.draw(half("half-a-bicycle"))
    page.suggested()
    page.press(Keys.ESCAPE)
    whole = page.ink("#dry")
    page.click("#replay")
    wait_until(lambda: page.ink("#dry") == 0 and 0 < page.ink("#wet") < 0.9 * whole)
    wait_until(lambda: page.ink("#dry") == whole)


def test_a_second_finger_and_a_palm_draw_nothing(phone, half):
    place = phone.places(half("half-a-cat")[0])
    x, y = place[0]
    two = [{"x": x, "y": y, "id": 0}, {"x": x + 60, "y": y + 80, "id": 1}]
    for touches in (two[:1], two):
        phone.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": touches})
    phone.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    palm = [{"x": x, "y": y, "radiusX": 60, "radiusY": 50}]
    for kind, touches in (("touchStart", palm), ("touchEnd", [])):
        phone.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    phone.draw(half("half-a-cat")[:1])
    number_of_strokes(phone, 1)


def test_a_pen_that_is_pressed_harder_draws_a_wider_line(page, half):
    inked = []
    for force in (0.1, 0.9):
        _pen_stroke(page, half("half-a-cat")[0], force)
        number_of_strokes(page, 1)
        assert {len(point) for point in page.kept()["drawing"][0]["points"]} == {3}
        inked.append(page.ink("#dry"))
        page.click("#clear")
    light, heavy = inked
    assert heavy > 1.8 * light


def _pen_stroke(page, stroke, force):
    places = page.places(stroke)
    kinds = ["Pressed", *["Moved"] * (len(places) - 2), "Released"]
    for kind, (x, y) in zip(kinds, places, strict=True):
        held = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen", "force": force}
        page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": f"mouse{kind}", "x": x, "y": y, **held})


def test_strokes_become_notes_once_music_is_switched_on(page, half):
    page.run(
        """
        window.notes = 0;
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (...when) { window.notes += 1; return start.apply(this, when); };
        """
    )
    page.draw(half("half-a-cat")[:1])
    assert page.run("return window.notes") == 0
    page.click("#music")
    page.draw(half("half-a-cat")[1:])
    page.wait("return window.notes > 0")


def test_screen_readers_are_told_what_is_recognised(page, half):
    page.draw(half("half-a-bicycle"))
    page.wait("return document.querySelector('#live').textContent.includes('a bicycle')")
    script = """
        return [...document.querySelectorAll("button, input, canvas[tabindex]")]
            .filter((each) => !each.closest("dialog"))
            .filter((each) => !(each.ariaLabel || each.textContent.trim() || each.labels?.length)).length
    """
    assert page.run(script) == 0


def test_the_page_fits_a_phone(phone):
    """Nothing to scroll sideways, and every button large enough for a finger."""
    assert phone.run("return document.documentElement.scrollWidth <= innerWidth")
    script = """
        return [...document.querySelectorAll(".tools button, .shelf button")]
            .filter((each) => Math.min(each.offsetWidth, each.offsetHeight) < 44).map(({ id }) => id)
    """
    assert phone.run(script) == []
