"""From finished runs to a bundle that draws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from codes.building.bundle_builder import BundlePlan, build_bundle, find_runs
from codes.checkpoints.tensors import load_tensors
from codes.data.store_writer import pack
from codes.errors import BadFile, BadOption
from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from codes.training.config import DecoderTrainConfig, TrainConfig
from codes.training.jobs import TrainingRequest, train_common, train_decoders, train_router
from codes.training.run_folder import RunFolder
from tests.support.worlds import CATEGORIES, TINY_ROUTER, TINY_VAE, doodles, prefixes

QUICK = {"steps": 4, "batch": 4, "evaluate_every": 2, "save_every": 2, "precision": "float32"}
CONFIG, ROUTER_CONFIG = DecoderTrainConfig(**QUICK), TrainConfig(**QUICK)


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory) -> Path:
    """A router of three categories and decoders of two of them."""
    folder = tmp_path_factory.mktemp("runs")
    drawn = train_decoders(TrainingRequest(store.folder, folder / "draw", TINY_VAE, CONFIG), CATEGORIES[:2])
    told = [*drawn, *train_router(TrainingRequest(store.folder, folder / "router", TINY_ROUTER, ROUTER_CONFIG))]
    assert len(told) == 3
    assert all("best valid/" in line and "lower is better" in line for line in told)
    return folder


def plan(runs: Path, store, **changes: object) -> BundlePlan:
    return BundlePlan(
        **{
            "router": RunFolder(runs / "router"),
            "decoders": find_runs(runs / "draw"),
            "store": store,
            "critic_sketches": 0,
            **changes,
        }
    )


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_a_bundle_of_runs_draws_with_their_best_weights(runs, store, tmp_path, precision):
    bundle = build_bundle(plan(runs, store, precision=precision), tmp_path / "made", "A card.")
    assert bundle.categories == CATEGORIES[:2]
    for category in CATEGORIES[:2]:
        vae, config = bundle.vae(category)
        tensors, facts = load_tensors(runs / "draw" / category / "best.safetensors")
        dtype = getattr(torch, precision)
        assert all(torch.equal(value, tensors[name].to(dtype).float()) for name, value in vae.state_dict().items())
        assert config.scale == facts["scale"]
        assert config.categories == [category]
    _, config = bundle.router()
    assert config.categories == list(CATEGORIES)
    assert len(config.calibration["logit_weights"]) == len(CATEGORIES)
    assert any(config.calibration["logit_weights"])
    for done in Completer(bundle).complete_many(prefixes(3), SamplingOptions(max_points=5)):
        assert done[0].category in CATEGORIES[:2]
    assert list(bundle.catalogue()) == list(bundle.categories)
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_runs_are_found_below_a_folder_or_are_it(runs, tmp_path):
    assert list(find_runs(runs / "draw")) == ["circle", "square"]
    assert list(find_runs(runs / "draw" / "square")) == ["square"]
    with pytest.raises(BadFile, match="no run of a single category"):
        find_runs(tmp_path)
    with pytest.raises(BadFile, match="not a run of `train draw`"):
        find_runs(runs / "router")


def test_a_router_that_never_saw_a_category_is_refused_and_nothing_left(runs, store, tmp_path):
    odd = plan(runs, store, decoders={"cow": RunFolder(runs / "draw" / "circle")})
    with pytest.raises(BadOption, match="never saw cow"):
        build_bundle(odd, tmp_path / "made", "")
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_other_categories_cannot_calibrate(runs, tmp_path):
    other = pack(tmp_path / "data", {"valid": {name: doodles(2, 0, (name,)) for name in reversed(CATEGORIES)}})
    with pytest.raises(BadOption, match="router's order"):
        build_bundle(plan(runs, other), tmp_path / "made", "")


def test_names_too_alike_and_no_names_are_refused(runs, store):
    run = RunFolder(runs / "draw" / "circle")
    with pytest.raises(BadOption, match="too alike"):
        plan(runs, store, decoders={"ice cream": run, "ice_cream": run})
    with pytest.raises(BadOption, match="at least one decoder"):
        plan(runs, store, decoders={})


def test_decoders_are_stored_as_differences_from_a_common_one(store, tmp_path, runs):
    request = TrainingRequest(store.folder, tmp_path / "all", TINY_VAE, CONFIG)
    list(train_common(request))
    own = TrainingRequest(store.folder, tmp_path / "draw", TINY_VAE, CONFIG, start=tmp_path / "all")
    list(train_decoders(own, CATEGORIES[:1]))
    changes = {"decoders": find_runs(tmp_path / "draw"), "common": RunFolder(tmp_path / "all"), "precision": "float32"}
    bundle = build_bundle(plan(runs, store, rank=3, **changes), tmp_path / "made")
    assert bundle.has_common
    vae, config = bundle.vae(CATEGORIES[0])
    trained = load_tensors(tmp_path / "draw" / CATEGORIES[0] / "best.safetensors")[0]
    assert config.rank == 3
    common = bundle.common.state_dict()
    for name, value in vae.state_dict().items():
        assert (value - trained[name]).norm() <= (common[name] - trained[name]).norm() + 1e-6
    assert Completer(bundle).complete(prefixes(1)[0], category=CATEGORIES[0], max_points=5)


def test_a_decoder_of_other_sizes_than_the_common_one_is_refused(store, tmp_path, runs):
    sizes = replace(TINY_VAE, decoder=replace(TINY_VAE.decoder, size=9))
    list(train_common(TrainingRequest(store.folder, tmp_path / "all", sizes, CONFIG)))
    with pytest.raises(BadOption, match="was not started from the common decoder"):
        build_bundle(plan(runs, store, common=RunFolder(tmp_path / "all")), tmp_path / "made")
