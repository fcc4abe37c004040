"""The address that phones are shown, its QR code, and who counts as sitting at the server's own machine."""

from __future__ import annotations

import numpy as np
import pytest
from starlette.testclient import TestClient

from codes.web import visitors
from codes.web.visitors import Visitors, is_this_machine, phone_address, qr_rows, qr_text
from tests.support.asks import HOST

ADDRESS = "http://192.168.1.5:8000/"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.0.1"])
def test_no_phone_reaches_a_server_that_listens_on_its_own_machine(host):
    assert phone_address(host, 8000) is None


@pytest.mark.parametrize(("host", "address"), [("192.168.1.5", ADDRESS), ("fd00::5", "http://[fd00::5]:8000/")])
def test_a_server_that_listens_at_one_address_is_found_there(host, address):
    assert phone_address(host, 8000) == address


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_that_listens_everywhere_names_an_address_of_this_machine(host, monkeypatch):
    """Never the wildcard, which leads a phone nowhere; none where there is no network."""
    address = phone_address(host, 8000)
    assert address is None or not set(address.split("//")[1].split(":8000")[0]) <= set("0:[].")
    monkeypatch.setattr(visitors.socket.socket, "connect", no_route)
    assert phone_address(host, 8000) is None


def no_route(*_):
    raise OSError("there is no route")


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.168.1.9", False), ("testclient", False)],
)
def test_only_loopback_addresses_are_this_machine(host, here):
    assert is_this_machine(host) is here


def test_the_code_is_that_of_the_standard():
    """A square of 17 + 4 times its version, with the three finder patterns that a camera looks for."""
    rows = np.array([[int(each) for each in row] for row in qr_rows(ADDRESS)])
    assert rows.shape[0] == rows.shape[1] and (len(rows) - 17) % 4 == 0
    finder = np.ones((7, 7), int)
    finder[1:6, 1:6] = 0
    finder[2:5, 2:5] = 1
    for corner in (rows[:7, :7], rows[:7, -7:], rows[-7:, :7]):
        assert (corner == finder).all()
    assert (rows[:7, :7] == finder).all() and not (rows[-7:, -7:] == finder).all()


def test_in_a_terminal_it_is_black_on_white():
    lines = qr_text(ADDRESS).splitlines()
    assert len(lines) == (len(qr_rows(ADDRESS)) + 5) // 2
    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in lines)


def test_the_page_is_told_the_address_and_its_code(app):
    for address, code in ((ADDRESS, qr_rows(ADDRESS)), (None, [])):
        with TestClient(app(visitors=Visitors(address)), f"http://{HOST}") as client:
            assert client.get("/api/phone").json() == {"address": address, "code": code}
