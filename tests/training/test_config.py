"""Schedules are pure functions of the step."""

from __future__ import annotations

import pytest

from codes.errors import BadOption
from codes.training.config import DecoderTrainConfig, TrainConfig


def test_the_kl_weight_anneals():
    """It once never did: ``1 - (1 - eta_min) * R`` had no step in it."""
    config = DecoderTrainConfig(kl_weight=0.5, kl_start=0.01, kl_decay=0.9995)
    assert config.kl_weight_at(0) == pytest.approx(0.5 * 0.01)
    assert config.kl_weight_at(10_000) == pytest.approx(0.5 * (1 - 0.99 * 0.9995**10_000))
    assert 0.99 * 0.5 < config.kl_weight_at(10_000) < 0.5
    assert config.kl_weight_at(10**9) == 0.5
    weights = [config.kl_weight_at(step) for step in range(0, 20_000, 100)]
    assert weights == sorted(weights)
    assert len(set(weights)) == len(weights)


def test_the_learning_rate_warms_up_and_falls_to_its_end():
    config = TrainConfig(steps=1000, learning_rate=1e-2, final_rate=1e-4, warmup=100)
    rates = [config.learning_rate_at(step) for step in range(1001)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[99] == pytest.approx(1e-2)
    assert rates[100] == pytest.approx(1e-2)
    assert rates[550] == pytest.approx((1e-2 + 1e-4) / 2)
    assert rates[999] == pytest.approx(1e-4, rel=1e-2)
    assert rates[1000] == pytest.approx(1e-4)
    assert rates[:100] == sorted(rates[:100])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert config.learning_rate_at(5000) == pytest.approx(1e-4)


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (1, 1), (5, 10), (0, 0)])
def test_the_shortest_runs_have_a_rate(steps, warmup):
    config = TrainConfig(steps=steps, warmup=warmup)
    for step in range(steps + 1):
        assert 0 < config.learning_rate_at(step) <= config.learning_rate


@pytest.mark.parametrize(
    "fields",
    [
        {"batch": 0},
        {"evaluate_every": 0},
        {"save_every": -1},
        {"patience": 0},
        {"longest": 0},
        {"steps": -1},
        {"warmup": -1},
        {"mask": 1.1},
        {"mask": float("nan")},
        {"drop": -0.1},
        {"scale": 1.5},
        {"mirror": 2.0},
        {"rotate": -1.0},
        {"balance": -0.5},
        {"kl_start": 2.0},
        {"kl_decay": 1.01},
        {"kl_weight": -1.0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"clip": 0.0},
        {"average": 1.0},
        {"weight_decay": 0.1, "optimiser": "rmsprop"},
        {"shortest": 0.2, "mask": 0.0},
        {"seed": -1},
        {"seed": 2**32},
    ],
)
def test_settings_out_of_range_are_refused_by_name(fields):
    with pytest.raises(BadOption, match=next(iter(fields))):
        DecoderTrainConfig(**fields)


def test_the_defaults_are_in_range_and_survive_a_file():
    for kind in (TrainConfig, DecoderTrainConfig):
        assert kind(**kind().to_dict()) == kind()


def test_a_run_ends_after_its_epochs_or_its_steps_whatever_comes_first():
    config = TrainConfig(steps=100, epochs=4, batch=10)
    assert config.for_sketches(33).steps == 14
    assert config.for_sketches(1000).steps == 100
    assert TrainConfig(steps=100).for_sketches(33).steps == 100
