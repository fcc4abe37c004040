"""``predict_client.py live``: a canvas in the browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from threading import Timer

import click

from codes.cli.options import MODEL
from codes.errors import BadOption
from codes.inference.completer import load, use_one_thread

LOOPBACK = ("127.0.0.1", "localhost", "::1")
OPENING = 0.7  # seconds that the server is given before the browser asks


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 lets others in.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port.")
@MODEL
@click.option("--gallery", type=click.Path(path_type=Path), default=Path("drawings"), show_default=True,
              help="Folder that kept drawings go to.")  # fmt: skip
@click.option("--open/--no-open", "opens", default=True, show_default=True, help="Open the page in a browser.")
def live(host: str, port: int, model: str, gallery: Path, opens: bool) -> None:
    """Draw on a canvas in the browser; what you begin is recognised and finished as you draw.

    \b
    Examples:
      predict_client.py live
      predict_client.py live --model my-model --port 9000 --no-open
    """
    try:
        import uvicorn

        from codes.web.app import make_app
    except ImportError as error:
        raise BadOption(
            f"the live canvas needs more packages (no {error.name}): pip install 'halfdrawn[live]'"
        ) from error

    use_one_thread()
    app = make_app(load(model), gallery, hosts=LOOPBACK if host in LOOPBACK else None)
    address = f"http://{host}:{port}/"
    click.echo(f"{address} (Ctrl-C ends it)")
    if opens:
        Timer(OPENING, webbrowser.open, [address]).start()
    uvicorn.run(app, host=host, port=port, log_level="warning")
