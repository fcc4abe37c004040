"""docs/protocol.md says what is so: its examples run as printed, against a server on a port."""

from __future__ import annotations

import ast
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from threading import Thread

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from codes.cli.common import attribute_docs
from codes.errors import BadOption
from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from codes.web.app import make_app
from codes.web.limits import Limits
from codes.web.server import ListeningSocket, make_server
from tests.support.asks import ask
from tests.support.worlds import prefixes

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


@pytest.fixture
def served(tmp_path) -> Iterator:
    """Serve a completer on a free port of this machine; returns the port."""
    running = []

    def serve(completer: Completer, **limits) -> int:
        allowed = replace(Limits(), **limits)
        listener = ListeningSocket("127.0.0.1", 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # full soon where a client does not read
        server = make_server(make_app(completer, tmp_path / "kept", allowed), listener, allowed)
        thread = Thread(target=server.run, args=[[listener]])
        thread.start()
        running.append((server, thread, listener))
        return listener.getsockname()[1]

    yield serve
    for server, thread, listener in running:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive()


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return found


def test_the_python_client_of_the_docs_works(served, bundle):
    text = block("python").replace("127.0.0.1:8000", f"127.0.0.1:{served(Completer(bundle))}")
    assert len(text.splitlines()) <= 11
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    messages = [ast.literal_eval(line) for line in done.stdout.splitlines()]
    assert messages[0]["type"] == "route" and messages[1]["type"] == "drawing" and messages[-1]["type"] == "done"
    assert len(messages[-1]["drawings"]) == 2


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_curl_command_of_the_docs_works(served, bundle):
    command = block("sh").replace("127.0.0.1:8000", f"127.0.0.1:{served(Completer(bundle))}")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    answer = json.loads(done.stdout)
    assert answer["completions"][0]["sketch"]["prefix_rows"] == 2


def test_the_message_of_the_docs_has_every_field():
    example = json.loads(block("json"))
    assert example.keys() == ask(7, prefixes(1)[0]).keys() | {
        "draw", "top", "temperature", "seed", "category", "only", "max_points", "draw_unknown"
    }  # fmt: skip


def test_the_docs_state_the_defaults_of_the_options():
    options = {each.name: each.default for each in fields(SamplingOptions)}
    for name in ("top", "temperature", "seed", "category", "only", "max_points", "draw_unknown"):
        assert f"| `{name}` | {json.dumps(options[name])} |" in PAGE


def test_the_docs_state_the_limits_of_the_code():
    meanings = attribute_docs(Limits)
    for each in fields(Limits):
        assert f"| `{each.name}` | {each.default:.7g} | {meanings[each.name].rstrip('.')} |" in PAGE


def test_a_port_in_use_is_reported():
    with ListeningSocket("127.0.0.1", 0) as taken, pytest.raises(BadOption, match="cannot be listened at"):
        ListeningSocket("127.0.0.1", taken.getsockname()[1])


def test_a_client_that_never_reads_is_cut_off_and_others_are_answered(served, endless):
    """Answers pile up in the buffers of both sides, which are small here, until nothing leaves any more."""
    port = served(endless, client_timeout=0.5, frame=0.001, messages_a_second=1e6, burst=10**6)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", port))
    with connect(f"ws://127.0.0.1:{port}/live", sock=narrow, max_queue=1) as deaf:
        deadline = time.monotonic() + 60
        with pytest.raises((ConnectionClosed, TimeoutError, OSError)):
            while time.monotonic() < deadline:
                deaf.send("x" * 30)
        assert time.monotonic() < deadline
    with connect(f"ws://127.0.0.1:{port}/live") as good:
        good.send(json.dumps(ask(1, prefixes(1)[0], max_points=5)))
        while (message := json.loads(good.recv(timeout=30)))["type"] != "done":
            assert message["type"] in ("route", "drawing", "ink")


def test_a_message_far_too_long_closes_the_socket(served, bundle):
    port = served(Completer(bundle), message_bytes=1000)
    with connect(f"ws://127.0.0.1:{port}/live") as canvas:
        canvas.send("x" * 1001)
        assert "at most 1000" in json.loads(canvas.recv(timeout=30))["error"]
        canvas.send("x" * 4001)
        with pytest.raises(ConnectionClosed) as closed:
            canvas.recv(timeout=30)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
