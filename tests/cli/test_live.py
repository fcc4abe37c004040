"""``predict_client.py live``: from the flags to a server that answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from codes.cli.main import predict_client as main
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


@pytest.mark.skipif(os.name == "nt", reason="sends the signal of Ctrl-C")
def test_it_serves_until_it_is_interrupted(bundle, tmp_path):
    port = free_port()
    words = ["live", "-m", str(bundle.folder), "--no-open", "--port", str(port), "--gallery", str(tmp_path / "kept")]
    command = [sys.executable, str(ROOT / "predict_client.py"), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith(f"http://127.0.0.1:{port}/")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/model", timeout=60) as answer:
            assert json.load(answer)["name"] == bundle.folder.name
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=60)
    assert (server.returncode, errors) == (0, "")
    assert not (tmp_path / "kept").exists()
