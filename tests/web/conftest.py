"""A live canvas of the tiny bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from codes.inference.completer import Completer
from codes.web.app import VISITORS, make_app
from codes.web.limits import Limits
from codes.web.visitors import Visitors
from tests.support.asks import HOST
from tests.support.worlds import tiny_bundle

QUICK = Limits(frame=0.001, messages_a_second=10_000.0, burst=10_000)


@pytest.fixture
def gallery(tmp_path):
    return tmp_path / "kept"


@pytest.fixture
def app(bundle, gallery) -> Callable[..., Starlette]:
    """Make an application that nothing runs yet; ``limits`` are changes to lenient ones."""

    def make(
        completer: Completer | None = None, hosts: Any = None, visitors: Visitors = VISITORS, **limits: Any
    ) -> Starlette:
        return make_app(completer or Completer(bundle), gallery, replace(QUICK, **limits), hosts, visitors)

    return make


@pytest.fixture
def serving(app) -> Iterator[Callable[..., TestClient]]:
    """Serve a completer; ``limits`` are changes to lenient ones."""
    with ExitStack() as stack:

        def serve(completer: Completer, hosts: Any = None, **limits: Any) -> TestClient:
            return stack.enter_context(TestClient(app(completer, hosts, **limits), f"http://{HOST}"))

        yield serve


@pytest.fixture
def client(serving, bundle) -> TestClient:
    return serving(Completer(bundle))


@pytest.fixture(scope="session")
def endless(tmp_path_factory) -> Completer:
    """It never ends a drawing."""
    return Completer(tiny_bundle(tmp_path_factory.mktemp("models") / "endless", down=0.0, up=0.0, end=-300.0))
