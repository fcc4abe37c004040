"""From a request to runs: what is trained, from which weights, where, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from codes.checkpoints.low_rank import add_difference, difference, read_difference
from codes.checkpoints.part import DECODER_WEIGHTS
from codes.checkpoints.tensors import load_tensors
from codes.errors import BadFile, BadOption, TrainingStopped
from codes.model.vae import SketchVAE
from codes.processes import Processes
from codes.training.config import DecoderTrainConfig, TrainConfig
from codes.training.jobs import (
    Splits,
    TrainingRequest,
    choose_device,
    decoder_job,
    train_common,
    train_decoders,
    train_router,
)
from codes.training.loop import Trainer
from codes.training.low_rank import begin_at, plain_weights, train_low_rank
from codes.training.run_folder import RunFolder
from tests.support.worlds import TINY_ROUTER, TINY_VAE, batch_of, stirred_vae

QUICK = {"steps": 4, "batch": 4, "evaluate_every": 2, "save_every": 2, "precision": "float32"}
CONFIG, ROUTER_CONFIG = DecoderTrainConfig(**QUICK), TrainConfig(**QUICK)


@pytest.fixture(scope="module")
def router_run(store, tmp_path_factory) -> Path:
    """A finished run of a router."""
    folder = tmp_path_factory.mktemp("runs") / "router"
    (line,) = train_router(TrainingRequest(store.folder, folder, TINY_ROUTER, ROUTER_CONFIG))
    assert line.startswith(f"{folder}: best valid/loss ")
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
    (line,) = train_router(again)
    assert line.startswith(f"{router_run}: was finished before; best valid/loss ") and "at step 4 of 4" in line
    request = TrainingRequest(
        store.folder, tmp_path / "run", TINY_ROUTER, ROUTER_CONFIG, make_callback=lambda run, job: power_cut
    )
    with pytest.raises(RuntimeError, match="power cut"):
        list(train_router(request))
    request = replace(request, make_callback=None)
    with pytest.raises(TrainingStopped, match="add --resume"):
        list(train_router(request))
    (line,) = train_router(replace(request, resume=True))
    assert "best valid/loss " in line and "nats per sketch" in line


def power_cut(model: torch.nn.Module, step: int) -> None:
    if step == 4:
        raise RuntimeError("power cut")


def test_the_processor_is_always_there_and_a_strange_device_is_named():
    assert choose_device("cpu").type == "cpu"
    assert choose_device(None).type in ("cpu", "cuda")
    with pytest.raises(BadOption, match="no device 'abacus'"):
        choose_device("abacus")


def test_categories_trained_side_by_side_are_what_each_is_alone(store, tmp_path):
    request = TrainingRequest(store.folder, tmp_path / "alone", TINY_VAE, CONFIG)
    names = store.categories[:2]
    alone = list(train_decoders(request, names))
    lines = list(train_decoders(replace(request, out=tmp_path / "both"), names, Processes(2)))
    assert sorted(line.replace("both", "alone") for line in lines) == sorted(alone)
    for name in names:
        ours, theirs = (load_tensors(tmp_path / folder / name / "best.safetensors")[0] for folder in ("both", "alone"))
        for key, value in theirs.items():
            torch.testing.assert_close(ours[key], value)


def test_a_mistake_in_one_of_many_is_told_and_what_was_not_begun_is_not(store, tmp_path):
    request = TrainingRequest(store.folder, tmp_path, TINY_VAE, CONFIG)
    with pytest.raises(TrainingStopped, match="has no category 'cow'"):
        list(train_decoders(request, ["cow", *store.categories[:1]], Processes(2)))


def test_a_difference_of_some_rank_is_all_that_is_learned(store, tmp_path):
    """Of each matrix that such a difference makes smaller; the weights have their usual names."""
    list(train_common(TrainingRequest(store.folder, tmp_path / "all", TINY_VAE, CONFIG)))
    config = replace(CONFIG, steps=8, learning_rate=0.02)
    request = TrainingRequest(store.folder, tmp_path, TINY_VAE, config, tmp_path / "all", rank=2)
    list(train_decoders(request, ["circle"]))
    start, found = (load_tensors(tmp_path / folder / "best.safetensors")[0] for folder in ("all", "circle"))
    assert found.keys() == start.keys()
    away = {name: found[name] - start[name] for name in start}
    small = {
        name
        for name, each in away.items()
        if name.startswith(DECODER_WEIGHTS) and each.dim() == 2 and 2 * sum(each.shape) < each.numel()
    }
    assert "decoder.lstm.weight_hidden" in small
    assert {int(torch.linalg.matrix_rank(away[name], rtol=1e-3)) for name in small} == {2}
    assert away["decoder.output.bias"].abs().max() > 1e-4
    assert all(torch.equal(found[name], start[name]) for name in start if not name.startswith(DECODER_WEIGHTS))


def test_a_difference_may_begin_at_another_one():
    model, other = stirred_vae(1), stirred_vae(2)
    common = {name: value.clone() for name, value in model.state_dict().items()}
    away = read_difference(difference(other.state_dict(), common, 2, "float32", DECODER_WEIGHTS))
    train_low_rank(model, 2)
    begin_at(model, away)
    begun, wanted = plain_weights(model), common
    add_difference(wanted, away)
    assert begun.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(begun[name], value)


def test_an_interrupted_run_of_a_difference_goes_on(store, tmp_path):
    list(train_common(TrainingRequest(store.folder, tmp_path / "all", TINY_VAE, CONFIG)))
    start = tmp_path / "all" / "best.safetensors"

    def trainer(folder: str) -> Trainer:
        run = RunFolder(tmp_path / folder)
        run.path.mkdir(exist_ok=True)
        job = decoder_job(Splits.of(store, "circle"), TINY_VAE, CONFIG, start, rank=2)
        return Trainer(job, CONFIG, run, torch.device("cpu"))

    trainer("whole").fit(quiet=True)
    begun = trainer("halves")
    begun.step()
    begun.save()
    trainer("halves").fit(quiet=True)
    ours, theirs = (load_tensors(tmp_path / name / "last.safetensors")[0] for name in ("halves", "whole"))
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value)


def test_a_category_of_more_sketches_is_trained_for_more_steps(store, tmp_path):
    config = replace(CONFIG, steps=100, epochs=0.5, batch=4)
    request = TrainingRequest(store.folder, tmp_path, TINY_VAE, config)
    list(train_decoders(request, store.categories[:2]))
    for category in store.categories[:2]:
        sketches = len(store.split("train").only(category))
        assert RunFolder(tmp_path / category).log()[-1]["step"] == -(-sketches // 8)
