"""Whether there is a C compiler here, for tests of what is compiled."""

from __future__ import annotations

import shutil

import pytest

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
