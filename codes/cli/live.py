"""``predict_client.py live``: a canvas in the browser."""

from __future__ import annotations

import webbrowser
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
@option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, section="Server",
        help="The port to listen at.")  # fmt: skip
@option("--host", default=LOOPBACK[0], show_default=True, section="Server",
        help="Who can reach it; 0.0.0.0 lets other machines in.")  # fmt: skip
@MODEL
@option("--gallery", type=PATH, default=GALLERY, show_default=True, section="Server",
        help="Folder of the drawings that are kept.")  # fmt: skip
@option("--open/--no-open", "opens", default=True, show_default=True, section="Server",
        help="Open the page in a browser.")  # fmt: skip
def live(port: int, host: str, model: str, gallery: Path, opens: bool) -> None:
    """Draw in the browser: what you begin is recognised and finished as you draw.

    Drawings that you keep go to the gallery's folder, where the commands that import data and teach find them. The
    server answers this machine alone unless --host says otherwise. How to talk to it without the page is described in
    docs/protocol.md.

    \b
    Examples:
      predict_client.py live
      predict_client.py live --model my-model --port 9000 --no-open
    """
    try:
        from codes.web.app import LIMITS, make_app
        from codes.web.server import ListeningSocket, make_server
    except ModuleNotFoundError as error:
        raise BadOption(f"a live canvas needs {error.name}; get it with: pip install 'halfdrawn[live]'") from error
    use_threads(1)
    keep_few_kernels()
    app = make_app(load(model), gallery, hosts=LOOPBACK if host in LOOPBACK else None)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    with ListeningSocket(host, port) as listener, suppress(KeyboardInterrupt):  # uvicorn raises it once all is closed
        click.echo(f"{address}  (Ctrl-C ends it)")
        if opens:
            Thread(target=webbrowser.open, args=[address], daemon=True).start()
        make_server(app, listener, LIMITS).run([listener])
