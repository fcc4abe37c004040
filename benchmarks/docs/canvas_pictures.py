"""The pictures of the live canvas in the README: screens of a desktop and a phone, and a drawing being filmed.

``python -m benchmarks.docs canvas`` draws with a real browser on the real server and writes into docs/images.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import click
from PIL import Image
from selenium.webdriver.common.keys import Keys

from benchmarks import EXAMPLES, IMAGES, ROOT
from benchmarks.live.browser import PHONE, Page, Screen, canvas_of, on_paper
from codes.formats.registry import read
from codes.strokes.stroke3 import Floats

DESKTOP = Screen(1280, 800, density=2.0, calm=True)
STILLS = {"canvas.png": DESKTOP, "canvas-dark.png": replace(DESKTOP, dark=True), "canvas-phone.png": PHONE}
STAGE = Screen(1120, 700)
COLOURS = 128
FRAME_MS = 80
SLOWER = 12  # than life, while the film is made: taking a picture takes time
SLOW_MOTION = """
    const [frame, now] = [requestAnimationFrame.bind(window), performance.now.bind(performance)];
    performance.now = () => now() / {slower};
    window.requestAnimationFrame = (draw) => frame((time) => draw(time / {slower}));
"""


def picture(page: Page) -> Image.Image:
    """Take a picture of the screen."""
    return Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")


def save(image: Image.Image, name: str) -> None:
    """Save a picture with few colours, since a drawing needs no more."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)


def still(page: Page, strokes: Sequence[Floats], seed: int) -> Image.Image:
    """Draw, wait for the suggestion and its nine variations, and take a picture once nothing moves."""
    page.draw(strokes)
    page.suggested()
    for _ in range(seed):
        page.click("#new-seed")
        page.suggested()
    page.driver.execute_script("scrollTo(0, 0)")
    time.sleep(0.5)
    return picture(page)


@dataclass
class Film:
    """Pictures taken one after another while something is drawn."""

    page: Page
    frames: list[Image.Image] = field(default_factory=list)

    def take(self) -> None:
        """Take one more picture."""
        self.frames.append(picture(self.page))

    def draw(self, stroke: Floats, pictures: int) -> None:
        """Draw a stroke and take pictures on the way."""
        places = self.page.places(stroke)
        self.page.touch_down(places[0])
        every = max(1, len(places) // pictures)
        for number, place in enumerate(places[1:]):
            self.page.touch_move(place)
            if number % every == 0:
                self.take()
        self.page.touch_up(places[-1])
        self.take()

    def watch(self, most: int) -> None:
        """Take pictures until nothing moves."""
        for _ in range(most):
            self.take()
            if len(self.frames) > 5 and self.frames[-5].tobytes() == self.frames[-1].tobytes():
                return

    def save(self, name: str) -> None:
        """Save a GIF that stays on its last picture; equal frames become one that lasts longer."""
        first, *others = [frame.quantize(COLOURS, dither=Image.Dither.NONE) for frame in self._with_one_palette()]
        durations = [FRAME_MS] * len(others) + [2500]
        first.save(IMAGES / name, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)

    def _with_one_palette(self) -> Iterator[Image.Image]:
        """Yield all frames in the colours of the last, so that what stands still costs no bytes."""
        palette = self.frames[-1].quantize(COLOURS)
        for frame in self.frames:
            yield frame.quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB")


def film(page: Page, strokes: Sequence[Floats]) -> Film:
    """Film half a drawing, the suggestion that draws itself, and how it is taken."""
    filmed = Film(page)
    filmed.take()
    for stroke in strokes:
        filmed.draw(stroke, 9)
    page.wait("return document.querySelector('#paper').matches('.offers')")
    filmed.watch(60)
    page.press(Keys.TAB)
    page.wait("return !document.querySelector('#paper').matches('.offers')")
    filmed.take()
    return filmed


@click.command()
@click.option("-m", "--model", default="starter", show_default=True, help="Name or folder of the bundle.")
@click.option("--sketch", default="half-a-cat", show_default=True, help="Of examples/sketches.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Which nine variations the stills show."
)
def canvas(model: str, sketch: str, seed: int) -> None:
    """Make the pictures of the live canvas, in a real browser on the real server."""
    strokes = on_paper(read(EXAMPLES / f"{sketch}.svg"), spacing=8.0)
    with canvas_of(model) as (driver, address):
        for name, screen in STILLS.items():
            save(still(Page(driver, screen).open(address), strokes, seed), name)
        script = SLOW_MOTION.replace("{slower}", str(SLOWER))
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        film(Page(driver, STAGE).open(address), strokes).save("canvas.gif")
    for path in sorted(IMAGES.glob("canvas*")):
        click.echo(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")
