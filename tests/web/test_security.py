"""Whose pages may ask, and what a page may load."""

from __future__ import annotations

import pytest
from starlette.testclient import WebSocketDenialResponse

from codes.inference.completer import Completer
from codes.web.security import POLICY
from tests.support.asks import HOST, answers_to, canvas

DOT = {"strokes": [[[0, 0], [9, 9]]]}


@pytest.mark.parametrize("path", ["/", "/health", "/api/model", "/nowhere", "/static/nothing.js", "/api/complete"])
def test_every_answer_has_the_security_headers(client, path):
    headers = client.get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_policy_allows_only_our_own_code():
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in POLICY and "*" not in POLICY


STRANGERS = [
    "http://evil.example",
    "https://evil.example",
    "null",
    "http://127.0.0.1:9999",
    f"http://{HOST}.evil.example",
]


@pytest.mark.parametrize("origin", STRANGERS)
def test_a_page_of_another_origin_is_refused(client, origin):
    refused = client.post("/api/complete", json={"sketch": DOT}, headers={"origin": origin})
    assert refused.status_code == 403 and "own page" in refused.json()["error"]
    with pytest.raises(WebSocketDenialResponse) as denied, canvas(client, origin=origin):
        raise AssertionError("the socket was opened")
    assert denied.value.status_code == 403
    assert client.get("/health").json()["counts"]["origin"] == 2


@pytest.mark.parametrize("headers", [{}, {"origin": f"http://{HOST}"}, {"origin": f"http://{HOST.upper()}"}])
def test_our_own_page_and_programs_are_answered(client, headers):
    assert client.post("/api/complete", json={"sketch": DOT}, headers=headers).status_code == 200
    with canvas(client, **headers) as socket:
        socket.send_json({"type": "ask", "id": 1, "sketch": DOT, "draw": 0})
        assert answers_to(1, socket)[-1]["type"] == "done"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "[", ""])
def test_a_foreign_host_name_is_refused(serving, bundle, host):
    """DNS rebinding: a stranger's name that leads to this machine has the stranger's page as its origin."""
    client = serving(Completer(bundle), hosts={"127.0.0.1", "localhost", "::1"})
    assert client.get("/api/gallery", headers={"host": host}).status_code == 400
    with pytest.raises(WebSocketDenialResponse) as denied, canvas(client, host=host):
        raise AssertionError("the socket was opened")
    assert denied.value.status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]", "[::1]:8000"])
def test_our_own_host_names_are_answered(serving, bundle, host):
    client = serving(Completer(bundle), hosts={"127.0.0.1", "localhost", "::1"})
    assert client.get("/api/gallery", headers={"host": host}).status_code == 200
    with canvas(client, host=host):
        assert client.get("/health", headers={"host": host}).json()["connections"] == 1


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/..%2fapp.py", "/static//etc/passwd", "/static/"])
def test_nothing_but_the_page_is_served(client, path):
    assert client.get(path).status_code == 404
