"""What rows cost is compared with adding up row by row."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.quality.row_nats import ROWS, row_nats, row_nats_figures
from codes.checkpoints.part import PartConfig
from codes.data.batches import collate
from codes.evaluation import prefixes
from codes.training.config import DecoderTrainConfig
from codes.training.objectives import DecoderObjective, PointNats
from tests.support.worlds import SCALE, TINY_VAE, doodles, stirred_vae

DRAW = PartConfig("decoder", TINY_VAE.to_dict(), SCALE, ["circle"])
DOTS = np.array([[30, 0, 0], [0, 20, 1], [9, 9, 0], [0, 0, 1], [-7, 3, 1], [40, 2, 0], [0, 0, 0], [8, 8, 1]])


def by_hand(sketch, start):
    """Add up what the rows of one sketch cost; a row's kind is read off the stroke-3 rows."""
    batch = collate([DRAW.normaliser.apply(sketch)], [0])
    vae = stirred_vae()
    z = vae.encode(batch.points, torch.tensor([start])).mean
    nats = PointNats.of(vae(batch.points, batch.lengths, z), batch)
    sums = dict.fromkeys(ROWS, 0.0)
    rows = dict.fromkeys(ROWS, 0)
    for i in range(start, len(sketch)):
        offset = float(nats.offset[0, i]) + math.log(SCALE**2) if sketch[i, :2].any() else None
        sums["moved"] += float(nats.pen[0, i]) + (offset or 0)
        rows["moved"] += 1
        for name, chosen in (("jumps", sketch[i - 1, 2] == 1), ("stroke_ends", sketch[i, 2] == 1)):
            if chosen and offset is not None:
                sums[name] += offset
                rows[name] += 1
    sums["moved"] += float(nats.pen[0, len(sketch)])  # the end of the sketch
    return [number for name in ROWS for number in (sums[name], rows[name])]


@pytest.mark.parametrize("fraction", [0.3, 0.5])
def test_rows_cost_what_adding_up_row_by_row_gives(fraction, monkeypatch):
    monkeypatch.setattr(prefixes, "BATCH_SIZE", 3)
    sketches = sorted([*doodles(7, seed=5), DOTS], key=len)
    expected = [by_hand(sketch, max(1, round(fraction * len(sketch)))) for sketch in sketches]
    assert sum(row[3] for row in expected) > 3 and sum(row[5] for row in expected) > 3
    np.testing.assert_allclose(row_nats(stirred_vae(), DRAW, sketches, fraction), expected, rtol=1e-3, atol=1e-4)


def test_moved_is_what_training_selects_by():
    batch = collate([DRAW.normaliser.apply(each) for each in doodles(6, seed=2)], [0] * 6)
    selected = DecoderObjective(stirred_vae(), DecoderTrainConfig()).measure(batch)["moved"]
    nats, rows = row_nats(stirred_vae(), replace(DRAW, scale=1.0), [_in_units(each) for each in doodles(6, 2)], 0.5)[
        :, :2
    ].sum(axis=0)
    assert nats == pytest.approx(float(selected.total), rel=1e-4) and rows == int(selected.count)


def _in_units(sketch):
    return DRAW.normaliser.apply(sketch)


def test_nats_are_divided_by_rows_and_averaged_over_categories():
    first = np.array([[4.0, 2, 0, 0, 3, 1], [8, 2, 0, 0, 3, 2]])
    second = np.array([[1.0, 1, 5, 2, 1, 1]])
    figures = row_nats_figures([first, second])
    assert figures["moved"]["by_category"] == pytest.approx([3, 1])
    assert figures["moved"]["macro"].value == pytest.approx(2) and figures["moved"]["macro"].count == 3
    assert figures["jumps"]["by_category"] == pytest.approx([0, 2.5])
    assert figures["stroke_ends"]["macro"].value == pytest.approx(1.5)
