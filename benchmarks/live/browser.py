"""A real browser without a window, and a pen that draws in it: for tests, times and pictures of the live canvas.

Needs Chromium and its driver (``make browser``) and selenium; nothing is fetched by any of them.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys
from starlette.applications import Starlette

from codes.inference.completer import load
from codes.strokes.geometry import resample
from codes.strokes.stroke3 import Floats, Sketch
from codes.web.app import make_app
from codes.web.limits import Limits
from codes.web.server import ListeningSocket, make_server

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)
SIDE = 1000.0  # units of the paper that are always in view
CANVAS = 280.0  # units of the example sketches that are
TIMEOUT = 20.0


def find_browser() -> tuple[str, str] | None:
    """Return the paths of Chromium and its driver, or None unless both are here."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@dataclass(frozen=True)
class Screen:
    """The screen that shows the page, in pixels of the page; ``calm`` asks for reduced motion."""

    width: int = 1280
    height: int = 800
    density: float = 1.0
    touch: bool = False
    dark: bool = False
    calm: bool = False


PHONE = Screen(390, 844, density=2.0, touch=True)


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Serve the app on a free port of this machine, for as long as the block runs; yields its address."""
    with ListeningSocket("127.0.0.1", 0) as listener:
        server = make_server(app, listener, Limits())
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(timeout=TIMEOUT)


@contextmanager
def canvas_of(model: str) -> Iterator[tuple[webdriver.Chrome, str]]:
    """Yield a browser and the address of a model's live canvas with an empty gallery."""
    with (
        tempfile.TemporaryDirectory() as gallery,
        served(make_app(load(model), Path(gallery))) as address,
        browsing() as driver,
    ):
        yield driver, address


@contextmanager
def browsing() -> Iterator[webdriver.Chrome]:
    """Yield a browser and close it at the end.

    Raises:
        RuntimeError: no browser is here.
    """
    found = find_browser()
    if found is None:
        raise RuntimeError("there is no Chromium with its driver here; `make browser` installs it where it can")
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=found[1]))
    try:
        yield driver
    finally:
        driver.quit()


def wait_until(condition: Any, timeout: float = TIMEOUT) -> Any:
    """Wait until ``condition()`` returns something true and return that.

    Raises:
        TimeoutError: it did not within ``timeout`` seconds.
    """
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout:g} seconds in vain")
        time.sleep(0.01)
    return value


def on_paper(sketch: Sketch, spacing: float = 3.0) -> list[Floats]:
    """Return the strokes of an example sketch as a pen draws them, in the paper's units."""
    return [resample(line, spacing) * SIDE / CANVAS for line in sketch.polylines()]


class Page:
    """The canvas in a browser, used as a person uses it."""

    def __init__(self, driver: webdriver.Chrome, screen: Screen | None = None) -> None:
        self.driver = driver
        self.screen = screen or Screen()

    def open(self, address: str) -> Page:
        """Go to the page on its screen, with nothing kept from before."""
        screen = self.screen
        self._devtools(
            "Emulation.setDeviceMetricsOverride",
            width=screen.width,
            height=screen.height,
            deviceScaleFactor=screen.density,
            mobile=screen.touch,
        )
        self._devtools("Emulation.setTouchEmulationEnabled", enabled=screen.touch)
        media = {
            "prefers-color-scheme": "dark" if screen.dark else "light",
            "prefers-reduced-motion": "reduce" if screen.calm else "no-preference",
        }
        features = [{"name": name, "value": value} for name, value in media.items()]
        self._devtools("Emulation.setEmulatedMedia", features=features)
        self.driver.get(f"{address}health")  # of the same origin, and keeps nothing itself
        self.driver.execute_script("localStorage.clear()")
        self.complaints()  # of the page before, while it was left
        self.driver.get(address)
        self.wait("return document.querySelectorAll('#bars li').length > 0")
        return self

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a piece of JavaScript, which may ``await``, and return what it returns."""
        wrapped = f"""
            const [done, ...given] = [arguments[arguments.length - 1], ...[...arguments].slice(0, -1)];
            (async (...arguments_) => {{ {script} }})(...given).then(
                (value) => done({{ value }}), (error) => done({{ error: String(error) }}));
        """
        answer = self.driver.execute_async_script(wrapped, *arguments)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer.get("value")

    def wait(self, script: str, timeout: float = TIMEOUT) -> Any:
        """Wait until a piece of JavaScript returns something true."""
        return wait_until(lambda: self.driver.execute_script(script), timeout)

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return str(self.driver.execute_script("return document.querySelector(arguments[0]).textContent", selector))

    def click(self, selector: str) -> None:
        """Press a button, with a finger or the mouse, once it can be pressed."""
        self.wait(f"return document.querySelector({json.dumps(selector)})?.matches(':enabled')")
        self.driver.execute_script("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        self.driver.find_element("css selector", selector).click()

    def press(self, *keys: str) -> None:
        """Type keys where the focus is; several at once are held together."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def hold(self, *keys: str) -> None:
        """Press keys together and let go."""
        chain = webdriver.ActionChains(self.driver)
        for key in keys:
            chain = chain.key_down(key)
        for key in reversed(keys):
            chain = chain.key_up(key)
        chain.perform()

    def draw(self, strokes: Sequence[Floats], pause: float = 0.0) -> None:
        """Draw strokes, in the paper's units, with a finger on a touch screen and a mouse elsewhere."""
        for stroke in strokes:
            places = self.places(stroke)
            self.touch_down(places[0])
            for place in places[1:]:
                self.touch_move(place)
                time.sleep(pause)
            self.touch_up(places[-1])

    def places(self, stroke: Floats) -> list[tuple[float, float]]:
        """Return where points of the paper are on the screen."""
        self.driver.execute_script("scrollTo(0, 0)")
        edge = self.driver.execute_script("return document.querySelector('#wet').getBoundingClientRect().toJSON()")
        scale = min(edge["width"], edge["height"]) / SIDE
        middle = (edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2)
        return [(middle[0] + (x - SIDE / 2) * scale, middle[1] + (y - SIDE / 2) * scale) for x, y in stroke.tolist()]

    def touch_down(self, place: tuple[float, float]) -> None:
        """Put the finger down, or press the mouse's button."""
        self._point("Start", "Pressed", place)

    def touch_move(self, place: tuple[float, float]) -> None:
        """Move the finger or the mouse."""
        self._point("Move", "Moved", place)

    def touch_up(self, place: tuple[float, float]) -> None:
        """Lift the finger, or let the button go."""
        self._point("End", "Released", place)

    def _point(self, touch: str, mouse: str, place: tuple[float, float]) -> None:
        x, y = place
        if self.screen.touch:
            points = [] if touch == "End" else [{"x": x, "y": y}]
            self._devtools("Input.dispatchTouchEvent", type=f"touch{touch}", touchPoints=points)
        else:
            held = {"button": "left", "buttons": 1, "clickCount": 1}
            self._devtools("Input.dispatchMouseEvent", type=f"mouse{mouse}", x=x, y=y, **held)

    def kept(self) -> dict[str, Any]:
        """Return what the page keeps for a reload: the drawing and more."""
        text = self.driver.execute_script("return localStorage.getItem('halfdrawn')")
        return json.loads(text) if text else {"drawing": []}

    def hands(self) -> list[str]:
        """Return who drew each stroke: me, or the machine."""
        return [stroke["by"] for stroke in self.kept()["drawing"]]

    def ink(self, canvas: str) -> int:
        """Count the pixels of a canvas that have ink on them."""
        script = """
            const canvas = document.querySelector(arguments[0]);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((value, index) => index % 4 === 3 && value > 60).length;
        """
        return int(self.driver.execute_script(script, canvas))

    def suggested(self) -> None:
        """Wait for a whole suggestion with its nine variations."""
        self.wait("return document.querySelector('#paper').matches('.offers')")
        self.wait("return document.querySelector('.way:enabled') !== null")

    def complaints(self) -> list[str]:
        """Return the errors that the browser itself has logged since the last call."""
        return [each["message"] for each in self.driver.get_log("browser") if each["level"] == "SEVERE"]

    def save_picture(self, path: Path) -> None:
        """Save the screen as a PNG."""
        self.driver.save_screenshot(str(path))

    def downloads_to(self, folder: Path) -> None:
        """Have downloads saved in this folder."""
        self._devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def _devtools(self, command: str, **parameters: Any) -> None:
        self.driver.execute_cdp_cmd(command, parameters)


CTRL, SHIFT = Keys.CONTROL, Keys.SHIFT
