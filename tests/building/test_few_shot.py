"""A bundle that learns one more category keeps all that it was, and knows the new one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from codes.building import few_shot
from codes.building.few_shot import (
    TEACHING,
    LabelExamples,
    TeachingTask,
    average_of_nearest,
    likeliest_categories,
    teach,
    with_new_label,
)
from codes.checkpoints.bundle import Bundle
from codes.checkpoints.part import sha256, write_part
from codes.errors import BadOption
from codes.evaluation.likelihood import decoder_quality
from codes.inference.completer import Completer
from codes.strokes.stroke3 import Sketch
from codes.training.jobs import decoder_job
from codes.training.low_rank import begin_at
from tests.support.worlds import BACKGROUND, CATEGORIES, batch_of, doodles, generator, stirred_router, tiny_bundle

QUICK = replace(TEACHING, steps=6, batch=8, evaluate_every=3)


def spikes(count: int, seed: int = 0) -> list[np.ndarray]:
    """Long thin combs, like nothing else here."""
    rng = np.random.default_rng(seed)
    return [
        np.array([[*rng.normal([8, 120 * (-1) ** i], 4), 0] for i in range(12)] + [[5, 5, 1]]).astype(np.int16)
        for _ in range(count)
    ]


def task(name: str = "comb", count: int = 15, **changes: object) -> TeachingTask:
    others = {category: doodles(20, i, (category,)) for i, category in enumerate(CATEGORIES)}
    return TeachingTask(name, spikes(count), others, **{"config": QUICK, "precision": "float16", **changes})


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A bundle, and the one that learned combs from it."""
    folder = tmp_path_factory.mktemp("teaching")
    before = tiny_bundle(folder / "before")
    return before, teach(before, task(), folder / "after")


def test_the_new_category_is_recognised_and_drawn(taught):
    _, after = taught
    assert after.categories == (*CATEGORIES, "comb")
    completer = Completer(after)
    routes = completer.classify_many([Sketch(points=rows) for rows in spikes(20, seed=9)])
    assert sum(route.category == "comb" for route in routes) >= 18
    completions = completer.complete(Sketch(points=spikes(1, seed=3)[0][:6]), category="comb", variations=2, seed=1)
    assert [each.category for each in completions] == ["comb"] * 2
    assert (after.folder / "README.md").read_text().startswith("A tiny bundle.\n")
    assert "Taught `comb` from 15 drawings" in (after.folder / "README.md").read_text()


def test_all_that_was_there_is_still_the_same(taught):
    before, after = taught
    for category in CATEGORIES:
        part = before.decoders[category]
        for name in ("config.json", "weights.safetensors"):
            assert (before.folder / part / name).read_bytes() == (after.folder / part / name).read_bytes()
    batch = batch_of(9)
    old, new = (bundle.router()[0](batch.points, batch.lengths) for bundle in taught)
    torch.testing.assert_close(new[:, :-1], old)
    assert after.router()[1].categories == [*before.router()[1].categories, "comb"]


def test_few_of_the_others_are_lost_to_it(taught):
    """A zigzag looks like a comb; circles and squares do not."""
    sketches = [Sketch(points=rows) for rows in doodles(60, 5, ("circle", "square"))]
    before, after = (Completer(bundle).classify_many(sketches) for bundle in taught)
    lost = [b.category == "comb" for b in after]
    assert sum(lost) <= 3
    assert all(a.category == b.category for a, b, gone in zip(before, after, lost, strict=True) if not gone)


def test_a_label_that_was_only_background_needs_no_new_row(tmp_path):
    bundle = tiny_bundle(tmp_path / "before")
    after = teach(bundle, task(BACKGROUND), tmp_path / "after")
    assert after.categories[-1] == BACKGROUND
    assert (after.folder / "router/weights.safetensors").read_bytes() == (
        bundle.folder / "router/weights.safetensors"
    ).read_bytes()


def test_a_bundle_of_differences_learns_one_more_difference(tmp_path, monkeypatch):
    """It begins at the difference of the decoders that find the drawings likeliest."""
    before, begun = tiny_bundle(tmp_path / "before", rank=2), []
    monkeypatch.setattr(few_shot, "begin_at", lambda model, away: begun.append(away) or begin_at(model, away))
    after = teach(
        before, task(config=replace(QUICK, steps=60, learning_rate=2e-3, evaluate_every=20)), tmp_path / "after"
    )
    part = after.decoder("comb")
    assert part.config.rank == 2
    assert part.difference is not None
    drawings = [rows for i, rows in enumerate(task().drawings) if i % few_shot.VALID_EVERY]
    nearest, common = average_of_nearest(before, drawings)[0], before.common.state_dict()
    (away,) = begun
    name = "decoder.output.bias"
    torch.testing.assert_close(away[name], nearest[name] - common[name])
    pair = (before.common, part.vae)
    old, new = (decoder_quality(vae, part.config, spikes(9, 5), 0.5).continuation.total for vae in pair)
    assert new < old


@pytest.mark.parametrize("name", ["circle", "Circle"])
def test_what_is_drawn_already_is_not_taught_again(tmp_path, bundle, name):
    with pytest.raises(BadOption, match="already"):
        teach(bundle, task(name), tmp_path / "after")
    assert not list(tmp_path.iterdir())


def test_bad_tasks_are_one_sentence_before_any_training(tmp_path, bundle, monkeypatch):
    monkeypatch.setattr(few_shot, "Trainer", None)
    with pytest.raises(BadOption, match="too few"):
        task(count=9)
    with pytest.raises(BadOption, match="needs a name"):
        task(name=" ")
    with pytest.raises(BadOption, match="nothing to tell"):
        teach(bundle, TeachingTask("comb", spikes(12), {}), tmp_path / "after")
    unknown = TeachingTask("comb", spikes(12), {"dragon": doodles(3)}, QUICK)
    with pytest.raises(BadOption, match="never learned dragon"):
        teach(bundle, unknown, tmp_path / "after")
    assert not list(tmp_path.iterdir())


def of_one_scale(folder):
    """A tiny bundle whose first two decoders are of one scale; the usual ones all differ."""
    bundle = tiny_bundle(folder)
    (_, config), (second, other) = (bundle.vae(category) for category in CATEGORIES[:2])
    write_part(
        bundle.folder / bundle.decoders["square"], replace(other, scale=config.scale), second.state_dict(), "float32"
    )
    files = [f"{bundle.decoders['square']}/{name}" for name in ("config.json", "weights.safetensors")]
    return replace(bundle, hashes={**bundle.hashes, **{file: sha256(bundle.folder / file) for file in files}})


def test_the_average_is_over_decoders_of_one_size_and_scale(tmp_path):
    drawings = spikes(6)
    bundle = tiny_bundle(tmp_path / "tiny")
    first = bundle.vae(CATEGORIES[0])[0].state_dict()
    alone, _ = average_of_nearest(bundle, drawings)
    assert all(torch.equal(alone[name], value) for name, value in first.items())
    bundle = of_one_scale(tmp_path / "of one scale")
    second = bundle.vae(CATEGORIES[1])[0].state_dict()
    mean, _ = average_of_nearest(bundle, drawings)
    for name, value in first.items():
        torch.testing.assert_close(mean[name], (value + second[name]) / 2, rtol=1e-3, atol=1e-3)


def test_a_decoder_begins_from_those_that_find_the_drawings_likeliest(tmp_path, monkeypatch):
    monkeypatch.setattr(few_shot, "NEAREST_DECODERS", 1)
    bundle, drawings = of_one_scale(tmp_path / "tiny"), spikes(6)
    parts = [bundle.vae(category) for category in CATEGORIES[:2]]
    nats = [decoder_quality(*part, drawings, 0.5).continuation.total for part in parts]
    assert nats[0] != nats[1]
    begun, _ = average_of_nearest(bundle, drawings)
    for name, value in parts[int(np.argmin(nats))][0].state_dict().items():
        assert torch.equal(begun[name], value)


def test_teaching_drops_more_recurrent_weights_than_the_bundle_was_trained_with(tmp_path, monkeypatch, bundle):
    asked = []

    def watched(splits, sizes, config, start, rank):
        asked.append(sizes)
        return decoder_job(splits, sizes, config, start, rank)

    monkeypatch.setattr(few_shot, "decoder_job", watched)
    teach(bundle, task(), tmp_path / "after")
    assert [each.decoder.dropout for each in asked] == [few_shot.RECURRENT_DROPOUT]


def test_a_new_row_finds_what_can_be_told_apart_and_leaves_old_logits():
    net = stirred_router()
    rng = generator(3)
    hidden = torch.rand(200, net.config.hidden, generator=rng)
    hidden[:50, 2] += 4.0
    logits = net.classifier.outer(hidden)
    labels = logits.argmax(dim=-1)
    labels[:50] = 3
    wider = with_new_label(net, LabelExamples(hidden, logits, labels))
    found = wider.classifier.outer(hidden)
    torch.testing.assert_close(found[:, :3], logits)
    assert float((found.argmax(dim=-1) == labels).float().mean()) > 0.97
    assert wider.config.labels == 4


def test_a_category_of_few_examples_weighs_as_much_as_one_of_many():
    """Ten sketches of the new one among a thousand of an old one that look the same: either is as likely."""
    net = stirred_router()
    hidden = torch.ones(1010, net.config.hidden)
    logits = torch.tensor([[2.0, -9.0, -9.0]]).expand(1010, 3)
    labels = torch.cat([torch.full((10,), 3), torch.zeros(1000, dtype=torch.long)])
    wider = with_new_label(net, LabelExamples(hidden, logits, labels))
    score = hidden[0] @ wider.classifier.outer.weight[3] + wider.classifier.outer.bias[3]
    assert float(score) == pytest.approx(2.0, abs=0.2)


def test_every_fifth_drawing_is_kept_from_training(taught):
    _, after = taught
    assert after.vae("comb")[1].training["counts"] == [12]


def test_of_many_decoders_those_are_asked_that_the_router_takes_the_drawings_for(tmp_path, monkeypatch):
    bundle, drawings, read = of_one_scale(tmp_path / "tiny"), spikes(6), []
    first, *others = likeliest_categories(bundle, drawings)
    assert {first, *others} == set(CATEGORIES)
    route = Completer(bundle).classify(Sketch(drawings[0].astype(np.float64)))
    assert likeliest_categories(bundle, drawings[:1]) == list(route.probabilities)
    decoder = Bundle.decoder
    monkeypatch.setattr(few_shot, "ASKED_DECODERS", 1)
    monkeypatch.setattr(Bundle, "decoder", lambda self, name: (read.append(name), decoder(self, name))[1])
    average_of_nearest(bundle, drawings)
    assert read == list(dict.fromkeys([CATEGORIES[0], first]))
