"""Define the fixtures that all tests share; tests/support makes what they hold."""

from __future__ import annotations

import hypothesis
import pytest
import torch

from codes.checkpoints.bundle import Bundle
from codes.data.store import Store
from codes.data.store_writer import pack
from codes.inference.completer import Completer
from tests.support.worlds import CATEGORIES, doodles, stirred_router, stirred_vae, tiny_bundle

# On a busy machine any example may take long; what is slow is measured by benchmarks.
hypothesis.settings.register_profile("halfdrawn", deadline=None)
hypothesis.settings.load_profile("halfdrawn")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Use one thread, so that sums have the same order everywhere and tests do not compete for processors."""
    torch.set_num_threads(1)
    torch.set_warn_always(True)  # else only the first of several tests that deserve a warning would fail


@pytest.fixture
def vae():
    """A tiny VAE: encoder 6, decoder 8, latent 4, 2 mixtures."""
    return stirred_vae()


@pytest.fixture
def router_net():
    """A tiny router of three labels."""
    return stirred_router()


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Store:
    """A packed store of doodles: 20 / 6 / 6 of each category."""
    counts = {"train": 20, "valid": 6, "test": 6}
    splits = {
        split: {category: doodles(count, seed, (category,)) for category in CATEGORIES}
        for seed, (split, count) in enumerate(counts.items())
    }
    return pack(tmp_path_factory.mktemp("data") / "doodles", splits)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Bundle:
    """A tiny bundle on disk; tests that change it make their own with ``tiny_bundle``."""
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def completer(bundle) -> Completer:
    """A fresh completer of the tiny bundle; nothing is read yet."""
    return Completer(bundle)
