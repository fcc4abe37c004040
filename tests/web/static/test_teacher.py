"""A teacher's walk, from the command to the files: phones find the page, a class draws, and the wall is arranged."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import codes
from benchmarks.live.browser import PHONE, Page, Screen, wait_until
from codes.web.visitors import phone_address
from tests.test_architecture import ROOT

WORDS_ON = "return [...document.querySelectorAll('#{} .way')].map((each) => each.textContent)"


@dataclass(frozen=True)
class Classroom:
    """The addresses that the command printed, and the folder of its gallery."""

    here: str
    phones: str
    gallery: Path


@pytest.fixture
def classroom(tmp_path) -> Iterator[Classroom]:
    if os.name == "nt" or phone_address("0.0.0.0", 1) is None:
        pytest.skip("this machine is in no network, so no phone can reach it")
    gallery = tmp_path / "drawings"
    words = ["live", "--host", "0.0.0.0", "--port", "0", "--no-open", "--gallery-closed", "--gallery", str(gallery)]
    command = [sys.executable, str(ROOT / "predict_client.py"), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert server.stdout is not None
        here, phones = (re.match(r"(http://[\d.]+:\d+/)  ", server.stdout.readline()) for _ in range(2))
        assert here and phones
        yield Classroom(here[1], phones[1], gallery)
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=60)
    assert (server.returncode, errors) == (0, "")


def page_of(driver, screen: Screen, address: str) -> Page:
    """Open the page in a tab of its own."""
    driver.switch_to.new_window("tab")
    return Page(driver, screen).open(address)


def hang(page: Page, name: str) -> str:
    """Offer the drawing to the gallery, and return what is said."""
    page.click("#open-gallery")
    page.wait("return document.querySelector('#gallery-says') && document.querySelector('#gallery').open")
    page.run("document.querySelector('#word').value = arguments_[0]", name)
    page.click("#hang button")
    return wait_until(lambda: page.text("#gallery-says"))


def real_complaints(page: Page) -> list[str]:
    """Leave out that an address without https cannot keep other windows out, which changes nothing here."""
    return [each for each in page.complaints() if "Cross-Origin-Opener-Policy" not in each]


def say(page: Page, sentence: str) -> None:
    wait_until(lambda: page.text("#gallery-says") == sentence)


def test_a_teacher_s_walk(driver, classroom, half, tmp_path):
    assert classroom.here.startswith("http://127.0.0.1:") and "127.0.0.1" not in classroom.phones
    first = driver.current_window_handle

    teacher = page_of(driver, Screen(calm=True), classroom.here)
    teacher.click("#open-help")
    wait_until(lambda: teacher.text("#phone-address") == classroom.phones)
    assert teacher.run("return document.querySelector('#phone-code path').getAttribute('d').length") > 1000
    teacher.click("#help [data-close]")
    desk = driver.current_window_handle

    for name, sketch in (("Mia's cat", "half-a-cat"), ("Ben's bicycle!", "half-a-bicycle")):
        child = page_of(driver, PHONE, classroom.phones)
        child.draw(half(sketch))
        child.suggested()
        child.click("#accept")
        wait_until(lambda child=child: "machine" in child.hands())
        hang(child, name)
        say(child, "It waits until your teacher hangs it.")
        assert child.run(WORDS_ON.format("wall")) == [] and real_complaints(child) == []
        driver.close()
        driver.switch_to.window(desk)

    teacher = Page(driver, Screen(calm=True)).open(classroom.here)
    teacher.click("#open-gallery")
    wait_until(lambda: teacher.run(WORDS_ON.format("aside")) == ["Ben's bicycle!", "Mia's cat"])
    teacher.click("#aside .move")
    say(teacher, "“Ben's bicycle!” hangs.")
    teacher.click("#aside .move")
    say(teacher, "“Mia's cat” hangs.")
    teacher.click("#wall .move")
    wait_until(lambda: teacher.text("#gallery-says").startswith("“Ben's bicycle!” is taken down."))
    assert teacher.run(WORDS_ON.format("wall")) == ["Mia's cat"]
    teacher.click("#aside .move")
    wait_until(lambda: teacher.run(WORDS_ON.format("wall")) == ["Ben's bicycle!", "Mia's cat"])

    kept = sorted(classroom.gallery.glob("*.ndjson"))
    assert [codes.read(path).category for path in kept] == ["Mia's cat", "Ben's bicycle!"]
    teacher.click("#wall .way")
    wait_until(lambda: len(teacher.hands()) > 2)
    teacher.downloads_to(tmp_path / "saved")
    for kind in ("svg", "png", "gif", "ndjson"):
        teacher.click(f"[data-save={kind}]")
        wait_until(lambda kind=kind: list((tmp_path / "saved").glob(f"*.{kind}")))
    saved = codes.read(next((tmp_path / "saved").glob("*.svg")))
    assert len(saved.polylines()) == len(codes.read(kept[1]).polylines())
    assert teacher.complaints() == []
    driver.close()
    driver.switch_to.window(first)
