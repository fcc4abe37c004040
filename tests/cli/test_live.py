"""``predict_client.py live``: from the flags to a server that answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
import webbrowser
from pathlib import Path

import pytest

from codes.cli.main import predict_client as main
from codes.web import server
from tests.support.running import error_of, output_of

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as place:
        return place.getsockname()[1]


def test_help_says_what_it_does():
    text = output_of(main, "live", "--help")
    assert "docs/protocol.md" in text and "127.0.0.1" in text


@pytest.mark.parametrize("missing", ["msgspec", "segno", "starlette", "uvicorn", "websockets"])
def test_without_its_packages_it_says_how_to_get_them(bundle, missing):
    """In a process of its own: modules that are read a second time are strangers to those who hold the first."""
    words = ["live", "-m", str(bundle.folder), "--no-open", "--port", "1"]
    call = f"from codes.cli.main import predict_client; predict_client({words!r})"
    code = f"import sys; sys.modules[{missing!r}] = None; {call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "pip install 'halfdrawn[live]'" in done.stderr


def test_a_port_that_is_taken_is_one_sentence(bundle):
    with socket.create_server(("127.0.0.1", 0)) as place:
        words = ["live", "-m", bundle.folder, "--no-open", "--port", place.getsockname()[1]]
        assert "cannot be listened at" in error_of(main, *words)


def test_a_model_that_is_not_there_is_one_sentence():
    assert "no model 'nowhere'" in error_of(main, "live", "-m", "nowhere", "--no-open")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
def test_any_free_port_is_listened_at_by_both_families(bundle, monkeypatch, host):
    """The address that is printed and opened leads to this machine, also from a server that listens everywhere."""
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("there is no IPv6 here")
    opened, reached = [], []
    monkeypatch.setattr(webbrowser, "open", opened.append)

    class Visited:
        def run(self, sockets):
            port = sockets[0].getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)):
                reached.append(f"http://127.0.0.1:{port}/")

    monkeypatch.setattr(server, "make_server", lambda *_: Visited())
    lines = output_of(main, "live", "-m", bundle.folder, "--host", host, "--port", 0).splitlines()
    assert opened == reached == [lines[0].split("  ")[0]]
    assert len(lines) == (1 if host == "127.0.0.1" else 2)
    assert not any("0.0.0.0" in line or "[::]" in line for line in lines)


@pytest.mark.skipif(os.name == "nt", reason="sends the signal of Ctrl-C")
def test_it_serves_until_it_is_interrupted(bundle, tmp_path):
    port = free_port()
    words = ["live", "-m", str(bundle.folder), "--no-open", "--port", str(port), "--gallery", str(tmp_path / "kept")]
    command = [sys.executable, str(ROOT / "predict_client.py"), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"http://127.0.0.1:{port}/")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/model", timeout=60) as answer:
            assert json.load(answer)["name"] == bundle.folder.name
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert not (tmp_path / "kept").exists()
