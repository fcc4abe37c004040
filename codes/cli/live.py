"""``predict_client.py live``: a canvas in the browser."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

import click

from codes.cli.common import MODEL, PATH, SectionedCommand, option
from codes.errors import BadOption
from codes.inference.completer import load
from codes.runtime import keep_few_kernels, use_threads

LOOPBACK = ("127.0.0.1", "localhost", "::1")
GALLERY = Path("drawings")


@click.command(cls=SectionedCommand)
@option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, section="Server",
        help="The port to listen at; 0 is any that is free.")  # fmt: skip
@option("--host", default=LOOPBACK[0], show_default=True, section="Server",
        help="Who can reach it; 0.0.0.0 lets other machines in.")  # fmt: skip
@MODEL
@option("--gallery", type=PATH, default=GALLERY, show_default=True, section="Server",
        help="Folder of the drawings that are kept.")  # fmt: skip
@option("--gallery-open/--gallery-closed", "gallery_open", default=True, show_default=True, section="Server",
        help="Who hangs drawings and takes them down: everybody, or only people at this machine. Where it is closed, "
             "the drawings of others wait until they are hung.")  # fmt: skip
@option("--open/--no-open", "opens", default=True, show_default=True, section="Server",
        help="Open the page in a browser.")  # fmt: skip
def live(port: int, host: str, model: str, gallery: Path, gallery_open: bool, opens: bool) -> None:
    """Draw in the browser: what you begin is recognised and finished as you draw.

    Drawings that you keep go to the gallery's folder, where the commands that import data and teach find them. The
    server answers this machine alone unless --host says otherwise. How to talk to it without the page is described in
    docs/protocol.md.

    \b
    Examples:
      predict_client.py live
      predict_client.py live --model my-model --port 9000 --no-open
      predict_client.py live --host 0.0.0.0 --gallery-closed
    """
    try:
        from codes.web.app import LIMITS, make_app
        from codes.web.server import ListeningSocket, make_server
        from codes.web.visitors import WILDCARDS, Visitors, page_address, phone_address, qr_text
    except ModuleNotFoundError as error:
        raise BadOption(f"a live canvas needs {error.name}; get it with: pip install 'halfdrawn[live]'") from error
    use_threads(1)
    keep_few_kernels()
    completer = load(model)
    with ListeningSocket(host, port) as listener, suppress(KeyboardInterrupt):  # uvicorn raises it once all is closed
        port = listener.getsockname()[1]
        visitors = Visitors(phone_address(host, port), gallery_open)
        app = make_app(completer, gallery, LIMITS, LOOPBACK if host in LOOPBACK else None, visitors)
        address = page_address(LOOPBACK[0] if host in WILDCARDS else host, port)
        click.echo(f"{address}  (Ctrl-C ends it)")
        if host not in LOOPBACK:
            _show_phone_address(visitors.phone_address, qr_text)
        if opens:
            Thread(target=webbrowser.open, args=[address], daemon=True).start()
        make_server(app, listener, LIMITS).run([listener])


def _show_phone_address(address: str | None, qr_text: Callable[[str], str]) -> None:
    """Print where phones find the page, with a QR code where somebody can point a camera at it."""
    if address is None:
        click.echo("This machine is in no network, so no other device can reach it.")
        return
    click.echo(f"{address}  (for phones and tablets in the same network; the page's help shows it too)")
    if sys.stdout.isatty() and sys.stdout.encoding.lower().startswith("utf"):
        click.echo(qr_text(address))
