"""From a request to runs: what is trained, from which weights, where, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from codes.checkpoints.tensors import load_tensors
from codes.errors import BadFile, BadOption, TrainingStopped
from codes.model.vae import SketchVAE
from codes.training.config import DecoderTrainConfig, TrainConfig
from codes.training.jobs import Splits, TrainingRequest, choose_device, decoder_job, train_decoders, train_router
from tests.support.worlds import TINY_ROUTER, TINY_VAE, batch_of

QUICK = {"steps": 4, "batch": 4, "evaluate_every": 2, "save_every": 2, "precision": "float32"}
CONFIG, ROUTER_CONFIG = DecoderTrainConfig(**QUICK), TrainConfig(**QUICK)


@pytest.fixture(scope="module")
def router_run(store, tmp_path_factory) -> Path:
    """A finished run of a router."""
    folder = tmp_path_factory.mktemp("runs") / "router"
    (line,) = train_router(TrainingRequest(store.folder, folder, TINY_ROUTER, ROUTER_CONFIG))
    assert line.startswith(f"{folder}: best validation figure")
    return folder


def test_a_model_that_sees_the_ink_may_start_from_one_that_does_not(store, tmp_path):
    blind = replace(TINY_VAE, decoder=replace(TINY_VAE.decoder, ink=None))
    list(train_decoders(TrainingRequest(store.folder, tmp_path, blind, CONFIG), ("circle",)))
    start = tmp_path / "circle" / "best.safetensors"
    before = SketchVAE(blind)
    before.load_state_dict(load_tensors(start)[0])
    after = decoder_job(Splits.of(store, "circle"), TINY_VAE, CONFIG, start).model
    batch, z = batch_of(4), torch.ones(4, TINY_VAE.decoder.latent)
    old, new = (vae(batch.points, batch.lengths, z) for vae in (before, after))
    torch.testing.assert_close(new.outputs[..., :-1], old.outputs, rtol=1e-4, atol=1e-5)
    assert (new.outputs[..., -1] == 0).all()
    assert new.anchors is not None


def test_a_run_may_start_from_the_weights_of_another_its_scale_included(store, tmp_path):
    list(train_decoders(TrainingRequest(store.folder, tmp_path, TINY_VAE, CONFIG), ("circle",)))
    start = tmp_path / "circle" / "best.safetensors"
    tensors, facts = load_tensors(start)
    job = decoder_job(Splits.of(store, "square"), TINY_VAE, CONFIG, start)
    assert all(torch.equal(value, tensors[name]) for name, value in job.model.state_dict().items())
    assert job.facts["scale"] == job.source.normaliser.scale == facts["scale"]
    with pytest.raises(BadFile, match="do not fit"):
        decoder_job(
            Splits.of(store, "square"), replace(TINY_VAE, decoder=replace(TINY_VAE.decoder, size=9)), CONFIG, start
        )


def test_an_unknown_category_or_an_empty_split_is_named(store):
    with pytest.raises(TrainingStopped, match="no category 'cow'"):
        Splits.of(store, "cow")
    train_split = store.split("train").only("circle")
    with pytest.raises(TrainingStopped, match="no sketches of circle in split 'valid'"):
        Splits(train_split, replace(train_split, offsets=train_split.offsets[:1]))


def test_sketches_that_are_all_too_long_are_named(store):
    with pytest.raises(TrainingStopped, match="raise --longest"):
        decoder_job(Splits.of(store, "circle"), TINY_VAE, replace(CONFIG, longest=2))


def test_a_second_run_says_that_there_is_nothing_to_do_or_asks_to_resume(router_run, store, tmp_path):
    """A second run once failed as its folder existed."""
    again = TrainingRequest(store.folder, router_run, TINY_ROUTER, ROUTER_CONFIG)
    assert list(train_router(again)) == [f"{router_run}: finished before, nothing to do"]
    request = TrainingRequest(
        store.folder, tmp_path / "run", TINY_ROUTER, ROUTER_CONFIG, make_callback=lambda run, job: power_cut
    )
    with pytest.raises(RuntimeError, match="power cut"):
        list(train_router(request))
    request = replace(request, make_callback=None)
    with pytest.raises(TrainingStopped, match="add --resume"):
        list(train_router(request))
    (line,) = train_router(replace(request, resume=True))
    assert "best validation figure" in line


def power_cut(model: torch.nn.Module, step: int) -> None:
    if step == 4:
        raise RuntimeError("power cut")


def test_the_processor_is_always_there_and_a_strange_device_is_named():
    assert choose_device("cpu").type == "cpu"
    assert choose_device(None).type in ("cpu", "cuda")
    with pytest.raises(BadOption, match="no device 'abacus'"):
        choose_device("abacus")
