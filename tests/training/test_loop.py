"""A run that stops, for whatever reason, goes on as if it had not."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from codes.checkpoints.tensors import fill, load_tensors, save_tensors
from codes.errors import BadFile, TrainingStopped
from codes.model.vae import SketchVAE
from codes.training.config import DecoderTrainConfig
from codes.training.jobs import Splits, decoder_job, router_job
from codes.training.loop import Job, Trainer, choose_precision
from codes.training.objectives import DecoderObjective, evaluate
from codes.training.run_folder import RunFolder
from tests.support.worlds import TINY_ROUTER, TINY_VAE

CPU = torch.device("cpu")
CONFIG = DecoderTrainConfig(
    steps=12,
    batch=4,
    learning_rate=0.02,
    warmup=3,
    average=0.8,
    evaluate_every=5,
    save_every=4,
    precision="float32",
)
DROPOUT = replace(
    TINY_VAE, encoder=replace(TINY_VAE.encoder, dropout=0.2), decoder=replace(TINY_VAE.decoder, dropout=0.2)
)


@pytest.fixture
def job(store) -> Callable[..., Job]:
    """Makes a fresh job: same seed, same job."""

    def make(config: DecoderTrainConfig = CONFIG, **changes: object) -> Job:
        return replace(decoder_job(Splits.of(store, "circle"), DROPOUT, config), **changes)

    return make


def train(job: Job, path: Path, config: DecoderTrainConfig = CONFIG, workers: int = 0) -> float:
    run = RunFolder(path)
    run.prepare(config.to_dict())
    return Trainer(job, config, run, CPU, workers).fit()


def assert_same_run(one: Path, other: Path) -> None:
    """Every tensor and every number of two runs, the time left out."""
    for name in ("last.safetensors", "best.safetensors"):
        tensors, facts = load_tensors(one / name)
        expected, expected_facts = load_tensors(other / name)
        assert {**facts, "elapsed": 0} == {**expected_facts, "elapsed": 0}
        assert tensors.keys() == expected.keys()
        for key, value in tensors.items():
            assert torch.equal(value, expected[key]), f"{name}: {key}"
    logs = [[{**row, "seconds": 0, "elapsed": 0} for row in RunFolder(path).log()] for path in (one, other)]
    assert logs[0] == logs[1]


@pytest.fixture
def uninterrupted(job, tmp_path) -> Path:
    train(job(), tmp_path / "whole")
    return tmp_path / "whole"


def test_a_run_leaves_what_it_promises(uninterrupted):
    assert sorted(path.name for path in uninterrupted.iterdir()) == [
        "best.safetensors",
        "config.json",
        "last.safetensors",
        "log.jsonl",
    ]
    run = RunFolder(uninterrupted)
    assert run.finished()
    assert [row["step"] for row in run.log()] == [5, 10, 12]
    for row in run.log():
        assert {"train/offset", "train/pen", "train/kl", "valid/continuation", "seconds"} <= row.keys()
    _, facts = load_tensors(run.best)
    assert facts["kind"] == "decoder"
    assert facts["categories"] == ["circle"]
    best = min(run.log(), key=lambda row: row["valid/moved"])
    assert (facts["step"], facts["valid"]) == (best["step"], best["valid/moved"])


def test_the_best_weights_are_the_average_that_validated_best(uninterrupted, job):
    tensors, facts = load_tensors(uninterrupted / "best.safetensors")
    model = SketchVAE(DROPOUT)
    fill(model, tensors, uninterrupted)
    measured = evaluate(DecoderObjective(model, CONFIG), job().validation(), CPU)
    assert measured["moved"] == pytest.approx(facts["valid"], rel=1e-6)


def test_training_teaches(job, tmp_path):
    config = replace(CONFIG, steps=160, evaluate_every=40)
    train(job(config), tmp_path / "run", config)
    log = RunFolder(tmp_path / "run").log()
    assert log[-1]["valid/continuation"] < log[0]["valid/continuation"] - 0.3
    assert log[-1]["train/offset"] < log[0]["train/offset"]


def test_where_nobody_watches_a_run_does_not_write_a_line_a_step(job, tmp_path, capsys):
    train(job(), tmp_path / "run")
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 3
    assert "12/12" in lines[-1] and "loss=" in lines[-1]
    assert "inf" not in "".join(lines)


def test_the_same_run_twice_is_the_same(uninterrupted, job, tmp_path):
    torch.rand(7)
    train(job(), tmp_path / "again")
    assert_same_run(tmp_path / "again", uninterrupted)


@pytest.mark.parametrize("optimiser", ["adam", "rmsprop"])
def test_a_router_resumes_too(store, tmp_path, optimiser):
    config = replace(CONFIG, optimiser=optimiser, steps=9, average=0.0)

    def make() -> Job:
        return router_job(Splits.of(store), TINY_ROUTER, config)

    train(make(), tmp_path / "whole", config)
    with pytest.raises(RuntimeError, match="power cut"):
        train(replace(make(), on_validation=power_cut_at(5)), tmp_path / "cut", config)
    train(make(), tmp_path / "cut", config)
    assert_same_run(tmp_path / "cut", tmp_path / "whole")


def power_cut_at(step: int) -> Callable[[nn.Module, int], None]:
    """A hook that ends everything, with nothing saved on the way out."""

    def hook(model: nn.Module, now: int) -> None:
        if now == step:
            raise RuntimeError("power cut")

    return hook


class Watched(Trainer):
    """Copies the run folder, as a kill at that moment would leave it, after each step and each save."""

    def keep(self) -> None:
        target = self.run.path.parent / "kills" / f"{len(list((self.run.path.parent / 'kills').glob('*'))):03}"
        shutil.copytree(self.run.path, target)

    def step(self) -> float:
        loss = super().step()
        self.keep()
        return loss

    def save(self) -> None:
        super().save()
        self.keep()


def test_a_run_killed_at_any_moment_goes_on_bit_for_bit(job, tmp_path, uninterrupted):
    """Validation (every 5), saving (every 4) and the kill (after any step or save) fall together in all ways."""
    watched = tmp_path / "watched" / "run"
    run = RunFolder(watched)
    run.prepare(CONFIG.to_dict())
    (watched.parent / "kills").mkdir()
    Watched(job(), CONFIG, run, CPU).fit()
    assert_same_run(watched, uninterrupted)
    kills = sorted((watched.parent / "kills").iterdir())
    assert len(kills) == 15
    for kill in kills:
        train(job(), kill)
        assert_same_run(kill, uninterrupted)


def test_every_step_has_the_rate_of_its_schedule_and_every_part_of_the_loss_is_clipped(job, tmp_path):
    run = RunFolder(tmp_path / "run")
    trainer = Trainer(job(), CONFIG, run, CPU)
    for step in range(5):
        trainer.step()
        assert trainer.state.optimiser.param_groups[0]["lr"] == CONFIG.learning_rate_at(step)
        norm = torch.stack([value.grad.square().sum() for value in trainer.state.model.parameters()]).sum().sqrt()
        assert float(norm) <= CONFIG.clip * 1.001


def test_weights_decay_by_their_share_of_the_learning_rate(job, tmp_path):
    """Decoupled from the gradient: where there is none, a step multiplies every weight by 1 - rate * decay."""
    config = replace(CONFIG, weight_decay=0.3)
    state = Trainer(job(config), config, RunFolder(tmp_path), CPU).state
    before = {name: value.clone() for name, value in state.model.named_parameters()}
    for value in state.model.parameters():
        value.grad = torch.zeros_like(value)
    state.optimiser.step()
    for name, value in state.model.named_parameters():
        torch.testing.assert_close(value.data, before[name] * (1 - config.learning_rate * 0.3))


def test_a_finished_run_is_left_as_it_is(job, uninterrupted):
    before = {path.name: path.read_bytes() for path in uninterrupted.iterdir()}
    best = train(job(), uninterrupted)
    assert best == load_tensors(uninterrupted / "best.safetensors")[1]["valid"]
    assert {path.name: path.read_bytes() for path in uninterrupted.iterdir()} == before


def pressed_at_five(model: nn.Module, step: int) -> None:
    """Ctrl-C, at a validation."""
    if step == 5:
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_saves_and_the_run_goes_on(job, tmp_path, uninterrupted):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(job(on_validation=pressed_at_five), tmp_path / "stopped")
    assert signal.getsignal(signal.SIGINT) is handler
    assert load_tensors(tmp_path / "stopped" / "last.safetensors")[1]["step"] == 5
    assert not RunFolder(tmp_path / "stopped").finished()
    train(job(), tmp_path / "stopped")
    assert_same_run(tmp_path / "stopped", uninterrupted)


def test_a_run_with_batches_made_ahead_is_the_same_run_and_goes_on_where_it_stopped(job, tmp_path, uninterrupted):
    with pytest.raises(KeyboardInterrupt):
        train(job(on_validation=pressed_at_five), tmp_path / "ahead", workers=2)
    train(job(), tmp_path / "ahead", workers=1)
    assert_same_run(tmp_path / "ahead", uninterrupted)


def test_ctrl_c_in_the_middle_of_a_step_lets_it_finish(job, tmp_path, uninterrupted):
    class Pressed(DecoderObjective):
        def loss(self, batch, step, rng):
            if step == 7:
                os.kill(os.getpid(), signal.SIGINT)
            return super().loss(batch, step, rng)

    with pytest.raises(KeyboardInterrupt):
        train(job(objective=Pressed), tmp_path / "stopped")
    assert load_tensors(tmp_path / "stopped" / "last.safetensors")[1]["step"] == 8
    train(job(), tmp_path / "stopped")
    assert_same_run(tmp_path / "stopped", uninterrupted)


class Poisoned(DecoderObjective):
    def loss(self, batch, step, rng):
        loss, measures = super().loss(batch, step, rng)
        return (loss * float("nan") if step == 9 else loss), measures


def test_a_nan_stops_the_run_with_a_sentence_and_leaves_good_weights(job, tmp_path, uninterrupted):
    with pytest.raises(TrainingStopped, match="no longer a number at step 9") as error:
        train(job(objective=Poisoned), tmp_path / "run")
    assert "\n" not in str(error.value)
    for name, step in (("last.safetensors", 8), ("best.safetensors", 5)):
        tensors, facts = load_tensors(tmp_path / "run" / name)
        assert facts["step"] == step
        assert all(value.isfinite().all() for value in tensors.values())
    train(job(), tmp_path / "run")
    assert_same_run(tmp_path / "run", uninterrupted)


def test_a_nan_in_validation_stops_the_run(job, tmp_path):
    class Blind(DecoderObjective):
        def measure(self, batch):
            return {
                name: replace(each, total=each.total * float("nan")) for name, each in super().measure(batch).items()
            }

    with pytest.raises(TrainingStopped, match="validation at step 5 gave no number"):
        train(job(objective=Blind), tmp_path / "run")
    assert not (tmp_path / "run" / "best.safetensors").exists()


def test_patience_ends_a_run_that_gets_no_better(job, tmp_path):
    class Stuck(DecoderObjective):
        rounds = 0

        def measure(self, batch):
            Stuck.rounds += 1
            worse = float(Stuck.rounds)
            return {name: replace(each, total=each.count * worse) for name, each in super().measure(batch).items()}

    config = replace(CONFIG, steps=500, evaluate_every=2, patience=3)
    assert train(job(config, objective=Stuck), tmp_path / "run", config) == 1.0
    run = RunFolder(tmp_path / "run")
    assert run.finished()
    assert [row["step"] for row in run.log()] == [2, 4, 6, 8]
    assert load_tensors(run.best)[1]["step"] == 2
    assert load_tensors(run.last)[1]["step"] == 8


@pytest.mark.parametrize("harm", ["cut", "empty", "noise", "other model", "weights alone"])
def test_a_damaged_state_is_named(job, tmp_path, uninterrupted, harm):
    last = uninterrupted / "last.safetensors"
    content = last.read_bytes()
    if harm == "other model":
        other = replace(CONFIG, optimiser="rmsprop", steps=1)
        larger = replace(TINY_VAE, decoder=replace(TINY_VAE.decoder, size=9))
        train(replace(job(other), model=SketchVAE(larger)), tmp_path / "other", other)
        shutil.copy(tmp_path / "other" / "last.safetensors", last)
    elif harm == "weights alone":
        shutil.copy(uninterrupted / "best.safetensors", last)
    else:
        last.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "noise": b"\x07" * 900}[harm])
    with pytest.raises(BadFile, match="last") as error:
        train(job(), uninterrupted)
    assert "\n" not in str(error.value)


def test_other_settings_in_the_same_folder_are_named(uninterrupted):
    with pytest.raises(TrainingStopped, match=r"other settings \(batch, learning_rate\)") as error:
        RunFolder(uninterrupted).prepare(replace(CONFIG, batch=5, learning_rate=0.1).to_dict())
    assert "\n" not in str(error.value)


def test_nested_settings_are_named_by_their_path(tmp_path):
    RunFolder(tmp_path / "run").prepare({"model": {"decoder": {"size": 8}}, "seed": 1})
    with pytest.raises(TrainingStopped, match=r"\(model.decoder.size\)"):
        RunFolder(tmp_path / "run").prepare({"model": {"decoder": {"size": 9}}, "seed": 1})


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(TrainingStopped, match="other things in it"):
        RunFolder(tmp_path).prepare({})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("text", ["", "{", "[1]", "7", "null"])
def test_a_damaged_configuration_of_a_run(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BadFile, match="not the configuration of a run"):
        RunFolder(tmp_path).prepare({"a": 1})


def test_an_empty_folder_and_a_folder_of_this_very_run_are_taken(tmp_path):
    RunFolder(tmp_path).prepare({"a": (1, 2)})
    RunFolder(tmp_path).prepare({"a": (1, 2)})
    assert json.loads((tmp_path / "config.json").read_text()) == {"a": [1, 2]}


def test_lines_of_steps_to_come_go_when_a_run_is_taken_up(tmp_path):
    run = RunFolder(tmp_path)
    for step in (5, 10, 15):
        run.append_log({"step": step, "from": "before"})
    run.append_log({"step": 10, "from": "after"})
    assert run.log() == [{"step": 5, "from": "before"}, {"step": 10, "from": "after"}]


def test_precision_is_what_was_asked_for():
    assert choose_precision(replace(CONFIG, precision="float32"), CPU) == torch.float32
    assert choose_precision(replace(CONFIG, precision="bfloat16"), CPU) == torch.bfloat16
    assert choose_precision(replace(CONFIG, precision="auto"), CPU) in (torch.float32, torch.bfloat16)


def test_half_the_digits_train_too(job, tmp_path):
    config = replace(CONFIG, precision="bfloat16", steps=6)
    assert train(job(config), tmp_path / "run", config) < 100
    tensors, _ = load_tensors(tmp_path / "run" / "best.safetensors")
    assert {value.dtype for value in tensors.values()} == {torch.float32}


def test_the_time_since_the_run_began_goes_on_where_it_is_resumed(job, tmp_path):
    def interrupt(model: nn.Module, step: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(job(on_validation=interrupt), tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    tensors, facts = load_tensors(run.last)
    assert 0 < facts["elapsed"] < 1000
    save_tensors(run.last, tensors, {**facts, "elapsed": 1000.0})
    train(job(), tmp_path / "run")
    assert all(1000 <= row["elapsed"] < 2000 for row in run.log()) and len(run.log()) == 3
    assert 1000 < run.progress()["elapsed"] < 2000
