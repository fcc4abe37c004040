"""A live canvas of the tiny bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from codes.inference.completer import Completer
from codes.web.app import make_app
from codes.web.limits import Limits
from tests.support.asgi import Client
from tests.support.worlds import tiny_bundle

QUICK = Limits(frame=0.001, messages_a_second=10_000.0, burst=10_000)


@pytest.fixture
def gallery(tmp_path):
    return tmp_path / "kept"


@pytest.fixture
def serving(gallery) -> Iterator[Callable[..., Client]]:
    """Serve a completer; ``limits`` are changes to lenient ones."""
    with ExitStack() as stack:

        def serve(completer: Completer, hosts: Any = None, **limits: Any) -> Client:
            return stack.enter_context(Client(make_app(completer, gallery, replace(QUICK, **limits), hosts)))

        yield serve


@pytest.fixture
def client(serving, bundle) -> Client:
    return serving(Completer(bundle))


@pytest.fixture(scope="session")
def endless(tmp_path_factory) -> Completer:
    """It never ends a drawing."""
    return Completer(tiny_bundle(tmp_path_factory.mktemp("models") / "endless", down=0.0, up=0.0, end=-300.0))
