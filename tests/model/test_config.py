"""Sizes survive a file, and absurd ones are refused before anything is built."""

from __future__ import annotations

import json

import pytest

from codes.errors import BadOption
from codes.model.config import CriticConfig, DecoderConfig, EncoderConfig, RouterConfig, VAEConfig
from codes.model.encoder import Encoder
from tests.support.worlds import TINY_ROUTER, TINY_VAE, batch_of


@pytest.mark.parametrize("config", [TINY_VAE, TINY_ROUTER, VAEConfig(), RouterConfig(), CriticConfig(9, 2)])
def test_sizes_survive_json(config):
    assert type(config).from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("pooled", [False, True])
def test_the_width_of_the_features_is_what_the_encoder_returns(pooled):
    config = EncoderConfig(size=6, pooled=pooled)
    batch = batch_of(2)
    assert Encoder(config)(batch.points, batch.lengths).shape == (2, config.features)


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        (EncoderConfig, {"size": 0}, "size must be 1 to"),
        (EncoderConfig, {"size": 10**9}, "size must be 1 to"),
        (EncoderConfig, {"size": 2.5}, "size must be 1 to"),
        (EncoderConfig, {"dropout": 1.0}, "dropout must be"),
        (DecoderConfig, {"latent": -4}, "latent must be 1 to"),
        (DecoderConfig, {"mixtures": 0}, "mixtures must be 1 to"),
        (DecoderConfig, {"dropout": -0.1}, "dropout must be"),
        (RouterConfig, {"labels": 0}, "labels must be 1 to"),
        (RouterConfig, {"hidden": "7"}, "hidden must be 1 to"),
        (CriticConfig, {"features": 4, "categories": 0}, "categories must be 1 to"),
        (CriticConfig, {"features": 4, "categories": 1, "stroke_features": 5}, "summary_features must be 1 to"),
        (CriticConfig, {"features": 4, "categories": 1, "summary_features": -5}, "stroke_features must be 1 to"),
    ],
)
def test_absurd_sizes_are_refused(kind, fields, reason):
    with pytest.raises(BadOption, match=reason):
        kind(**fields)
