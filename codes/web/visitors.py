"""Say how other devices reach this server, and what their users may do in the gallery.

Knows addresses; knows no drawings.
"""

from __future__ import annotations

import io
import socket
from dataclasses import dataclass
from ipaddress import ip_address

import segno
from starlette.requests import HTTPConnection

WILDCARDS = ("0.0.0.0", "::")
WHITE_ON_BLACK, PLAIN = "\x1b[97;40m", "\x1b[0m"  # the light modules are the characters that are drawn
# In the networks set aside for documentation (RFC 5737, 3849): nothing is sent there, a route is only looked up.
ELSEWHERE = {"0.0.0.0": (socket.AF_INET, "192.0.2.1"), "::": (socket.AF_INET6, "2001:db8::1")}


@dataclass(frozen=True)
class Visitors:
    """Hold what people at other devices are told and may do.

    Attributes:
        phone_address: where a phone in the same network finds the page; None if it cannot.
        gallery_open: whether everybody hangs drawings and takes them down, or only people at this machine.
    """

    phone_address: str | None = None
    gallery_open: bool = True

    def may_arrange(self, connection: HTTPConnection) -> bool:
        """Return true if this client may hang drawings and take them down."""
        return self.gallery_open or (connection.client is not None and is_this_machine(connection.client.host))


def is_this_machine(host: str) -> bool:
    """Return true if a client's address is a loopback address."""
    try:
        address = ip_address(host)
    except ValueError:  # a name, which no socket reports
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def page_address(host: str, port: int) -> str:
    """Return the address of the page at a host and a port."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def phone_address(host: str, port: int) -> str | None:
    """Return the address at which a phone in the same network finds a server that listens at ``host``.

    None if it listens on this machine only, or this machine is in no network.
    """
    if host == "localhost" or is_this_machine(host):
        return None
    reachable = _own_address(host) if host in WILDCARDS else host
    return page_address(reachable, port) if reachable else None


def qr_text(text: str) -> str:
    """Return the QR code of a text as lines for a terminal, black on white whatever its own colours are."""
    lines = io.StringIO()
    segno.make(text, micro=False).terminal(lines, border=2, compact=True)
    return "\n".join(f"{WHITE_ON_BLACK}{line}{PLAIN}" for line in lines.getvalue().splitlines())


def qr_rows(text: str) -> list[str]:
    """Return the QR code of a text, a row of ones (dark) and zeros for each row of its modules, without a margin."""
    return ["".join(map(str, row)) for row in segno.make(text, micro=False).matrix]


def _own_address(wildcard: str) -> str | None:
    """Return this machine's address in its network, as its own routing table has it."""
    for family, elsewhere in (ELSEWHERE[wildcard], *ELSEWHERE.values()):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as route:
                route.connect((elsewhere, 9))
                return str(route.getsockname()[0])
        except OSError:  # there is no route in this family
            continue
    return None
