"""A browser for the tests of pages, or the reason why there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from selenium import webdriver

from benchmarks.live.browser import browsing, find_browser


def browser_or_skip() -> Iterator[webdriver.Chrome]:
    """Yield a browser; where none is installed the test is left out, or fails if CI is set."""
    if find_browser() is None:
        missing = "there is no Chromium with its driver here; `make browser` installs it where it can"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with browsing() as browser:
        yield browser
