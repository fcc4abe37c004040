"""What the server keeps for nothing."""

import os
import subprocess
import sys

import pytest
import torch

from codes.web.memory import CAPACITIES, resident_megabytes

pytestmark = pytest.mark.skipif(resident_megabytes() is None, reason="this system does not say what memory is held")

MANY_SHAPES = """
import sys
from codes.model.recurrence import many_products
from codes.web.memory import keep_few_kernels, resident_megabytes
import torch

if sys.argv[1] == "few":
    keep_few_kernels()
torch.set_num_threads(1)
with torch.no_grad():
    product = many_products(torch.randn(256, 64))
    product(torch.randn(1, 64))
    before = resident_megabytes()
    for rows in range(2, 600):
        product(torch.randn(rows, 64))
    print(resident_megabytes() - before)
"""


def _growth(kept: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name not in CAPACITIES}
    command = [sys.executable, "-c", MANY_SHAPES, kept]
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN")
def test_kernels_of_shapes_that_are_not_met_again_are_forgotten():
    assert _growth("few") < 0.5 * _growth("all")
