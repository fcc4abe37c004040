"""A critic tells what people finished from what decoders did, as far as there is something to tell.

First its regressions, one a category; then the classifier that all categories share; then what looks at the ink; then
the examples that all learn from, and the way into a bundle.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from codes.building import critic_examples as critic_examples_module
from codes.building import critic_fit
from codes.building.critic_examples import CriticExamples, ExamplesTask, critic_sketches
from codes.building.critic_fit import (
    LabelledFeatures,
    LabelledInk,
    add_critic,
    fit_critic,
    fit_ink,
    fit_shared,
)
from codes.data.store_writer import pack
from codes.model import critic
from codes.model.config import CriticConfig
from codes.model.critic import InkCritic, shared_classifier
from codes.model.router import Classifier
from codes.processes import Processes
from codes.strokes.ink import STROKE_FEATURES, SUMMARY_FEATURES, AddedInk, added_ink
from codes.strokes.stroke3 import Stroke3, from_polylines
from tests.support.worlds import CATEGORIES, doodles, generator, tiny_bundle


def drawn(count: int, centre: float, seed: int, spread: float = 1.0) -> torch.Tensor:
    """``[count, 6]`` features: the first tells, the last never changes."""
    features = torch.randn(count, 6, generator=generator(seed)) * spread
    features[:, 0] += centre
    features[:, 5] = 0.1
    return features


def rays(count: int, gap: float, seed: int, most: int = 4) -> AddedInk:
    """What is added to ``count`` squares: a few rays, each of which begins about ``gap`` pixels below the square."""
    rng = np.random.default_rng(seed)
    square = np.array([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)], float)
    sketches = []
    for _ in range(count):
        x, y = rng.uniform(0, 100, rng.integers(1, most + 1)), 100 + np.abs(rng.normal(gap, 3))
        sketches.append(from_polylines([square, *(np.array([(each, y), (each, y + 60)]) for each in x)])[0])
    return added_ink(sketches, [4] * count)


FEW_RAYS, OTHER_RAYS = rays(20, 0, 0), rays(40, 20, 1)


def ray_sketch(number: int) -> Stroke3:
    """A square and a number of rays that touch it."""
    square = np.array([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)], float)
    return from_polylines([square, *(np.array([(20 * i, 100), (20 * i, 160)]) for i in range(number))])[0]


def examples_of(human: torch.Tensor, generated: torch.Tensor) -> CriticExamples:
    """Sketches of a category with these features; the ink of a few is all that is known."""
    return CriticExamples(human, generated, FEW_RAYS, OTHER_RAYS)


CAT = examples_of(drawn(600, 1.5, 4), drawn(1200, -1.5, 5))
DOG = examples_of(drawn(600, -1.5, 6), drawn(1200, 1.5, 7))  # the other way round


def test_what_people_do_more_often_has_odds_above_nothing():
    critic = fit_critic({"cat": examples_of(drawn(300, 1.0, 0), drawn(900, -1.0, 1))})
    people, decoder = critic(drawn(300, 1.0, 2))[:, 0], critic(drawn(300, -1.0, 3))[:, 0]
    assert (people > 0).float().mean() > 0.75
    assert (decoder < 0).float().mean() > 0.75
    assert float(critic.rows.weight[0, 5]) == pytest.approx(0.0, abs=1e-6)
    assert critic.rows.weight[0].abs().argmax() == 0


def test_three_drawings_for_each_of_a_person_do_not_make_a_decoder_likelier():
    critic = fit_critic({"cat": examples_of(drawn(300, 0.5, 0), drawn(900, -0.5, 1))})
    middle = torch.cat([drawn(2000, 0.5, 4), drawn(2000, -0.5, 5)])
    assert float(critic(middle).mean()) == pytest.approx(0.0, abs=0.05)


def test_units_of_a_feature_do_not_matter():
    human, generated = drawn(200, 1.0, 0), drawn(200, -1.0, 1)
    scaled = torch.tensor([1000.0, 1.0, 0.001, 1.0, 1.0, 1.0])
    plain = fit_critic({"cat": examples_of(human, generated)}).rows(human)
    other = fit_critic({"cat": examples_of(human * scaled, generated * scaled)}).rows(human * scaled)
    torch.testing.assert_close(plain, other, atol=1e-3, rtol=1e-3)


def test_its_log_odds_are_the_mean_of_both_parts_and_both_know_the_categories_apart():
    critic = fit_critic({"cat": CAT, "dog": DOG})
    seen = drawn(50, 0.5, 2)
    regressions, shared = critic.rows(seen), critic.shared(seen)
    torch.testing.assert_close(critic(seen), (regressions + shared) / 2)
    assert (regressions - shared).abs().mean() > 0.05
    for part in (regressions, shared):
        assert float(part[:, 0].mean()) > 0.1 > -0.1 > float(part[:, 1].mean())


def test_every_category_has_a_row_of_its_own():
    one, two = (
        examples_of(drawn(200, 1.0, 0), drawn(200, -1.0, 1)),
        examples_of(drawn(200, -1.0, 2), drawn(200, 1.0, 3)),
    )
    critic = fit_critic({"cat": one, "dog": two})
    torch.testing.assert_close(critic.rows.weight[0], fit_critic({"cat": one}).rows.weight[0])
    assert float(critic.rows.weight[0, 0]) > 0 > float(critic.rows.weight[1, 0])


def test_few_sketches_say_little():
    """Of ten drawings a person's hand cannot be known; the critic then hardly moves a choice."""
    few = fit_critic({"cat": examples_of(drawn(10, 1.0, 0), drawn(40, -1.0, 1))})
    many = fit_critic({"cat": examples_of(drawn(500, 1.0, 0), drawn(2000, -1.0, 1))})
    seen = drawn(100, 1.0, 2)
    assert float(few(seen).abs().mean()) < 0.3 * float(many(seen).abs().mean())


CONFIG = CriticConfig(features=6, categories=2, hidden=64)
ALONE = CriticConfig(features=6, categories=1, hidden=64)


def features_of(*counts_and_centres: tuple[int, float]) -> LabelledFeatures:
    """Sketches of as many categories, each around its own centre of the feature that tells."""
    return LabelledFeatures.concatenate(
        [drawn(count, centre, seed) for seed, (count, centre) in enumerate(counts_and_centres)]
    )


def test_sketches_keep_the_rows_of_their_categories():
    both = LabelledFeatures.concatenate([torch.full((2, 3), 4.0), torch.full((5, 3), 7.0)])
    assert both.labels.tolist() == [0, 0, 1, 1, 1, 1, 1]
    some = both.sample(generator(0))
    assert some.features.shape == (critic_fit.BATCH_PER_KIND, 3)
    assert torch.equal(some.features[:, 0], torch.tensor([4.0, 7.0])[some.labels])
    assert set(some.labels.tolist()) == {0, 1}


def test_of_a_category_with_few_sketches_it_knows_what_others_have_taught():
    shared = fit_shared(CONFIG, features_of((2000, 1.0), (20, 1.0)), features_of((4000, -1.0), (40, -1.0)))
    people, decoder = shared(drawn(300, 1.0, 8))[:, 1], shared(drawn(300, -1.0, 9))[:, 1]
    few, generated = features_of((20, 1.0)), features_of((40, -1.0))
    alone = fit_shared(ALONE, few, generated)(drawn(300, 1.0, 8))
    assert float(people.mean()) > 0.1 > -0.1 > float(decoder.mean())
    assert float(people.mean()) > 5 * float(alone.mean().abs())


def test_categories_may_be_of_opposite_opinions():
    shared = fit_shared(CONFIG, features_of((800, 1.5), (800, -1.5)), features_of((800, -1.5), (800, 1.5)))
    odds = shared(drawn(300, 1.5, 8)).mean(dim=0)
    assert float(odds[0]) > 0.3 > -0.3 > float(odds[1])


def test_it_may_be_curved():
    """Neither much nor little of a feature is a person's, but what lies between: no row can say that."""
    human = LabelledFeatures.concatenate([drawn(1500, 0.0, 0, spread=0.3)])
    generated = LabelledFeatures.concatenate(
        [torch.cat([drawn(750, 2.0, 1, spread=0.3), drawn(750, -2.0, 2, spread=0.3)])]
    )
    shared = fit_shared(ALONE, human, generated)
    middle, sides = drawn(200, 0.0, 3, 0.3), torch.cat([drawn(200, 2.0, 4, 0.3), drawn(200, -2.0, 5, 0.3)])
    assert float(shared(middle).mean()) > float(shared(sides).mean()) + 0.5


def test_both_kinds_weigh_alike_however_many_there_are():
    human, generated = features_of((1000, 0.5)), LabelledFeatures.concatenate([drawn(4000, -0.5, 1)])
    shared = fit_shared(ALONE, human, generated)
    middle = torch.cat([drawn(2000, 0.5, 4), drawn(2000, -0.5, 5)])
    assert float(shared(middle).mean()) == pytest.approx(0.0, abs=0.1)


def test_units_and_zero_of_a_feature_do_not_matter():
    units, zero = torch.tensor([1000.0, 1.0, 5.0, 1.0, 30.0, 1.0]), torch.tensor([500.0, -20.0, 10.0, 0.0, 90.0, 3.0])
    human, generated, seen = (
        features_of((400, 1.0), (400, 1.0)),
        features_of((800, -1.0), (800, -1.0)),
        drawn(100, 0.0, 8),
    )
    plain = fit_shared(CONFIG, human, generated)(seen)
    moved = (LabelledFeatures(each.features * units + zero, each.labels) for each in (human, generated))
    other = fit_shared(CONFIG, *moved)(seen * units + zero)
    torch.testing.assert_close(plain, other, atol=0.03, rtol=0.03)


def test_features_and_units_are_dropped_while_it_learns(monkeypatch):
    human, generated, seen = (
        features_of((300, 1.0), (300, 1.0)),
        features_of((600, -1.0), (600, -1.0)),
        drawn(100, 0.0, 8),
    )
    dropped = fit_shared(CONFIG, human, generated)(seen)
    monkeypatch.setattr(critic, "DROPOUT", 0.0)
    assert not torch.allclose(fit_shared(CONFIG, human, generated)(seen), dropped, atol=0.01)


def test_it_is_a_function_of_the_seed_and_leaves_other_randomness_alone():
    human, generated = features_of((40, 1.0), (40, 1.0)), features_of((80, -1.0), (80, -1.0))
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, again, other = (fit_shared(CONFIG, human, generated, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(4), expected)
    assert torch.equal(first.inner.weight, again.inner.weight)
    assert not torch.equal(first.inner.weight, other.inner.weight)


def test_it_sees_each_persons_sketch_so_many_times(monkeypatch):
    seen: list[int] = []
    forward = Classifier.forward
    monkeypatch.setattr(Classifier, "forward", lambda *asked: seen.append(len(asked[1])) or forward(*asked))
    fit_shared(CONFIG, features_of((30, 1.0), (34, 1.0)), features_of((50, -1.0), (50, -1.0)))
    assert sum(seen) / 2 == pytest.approx(critic_fit.EPOCHS * 64, abs=critic_fit.BATCH_PER_KIND)


def test_before_it_learns_it_says_nothing():
    assert not shared_classifier(CONFIG)(drawn(10, 3.0, 0)).any()


INK_CONFIG = replace(CONFIG, stroke_features=STROKE_FEATURES, summary_features=SUMMARY_FEATURES)


def ink_of(*categories: AddedInk) -> LabelledInk:
    return LabelledInk.concatenate(categories)


def odds_of(critic: InkCritic, ink: AddedInk, label: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Log odds of finished sketches, and of the same as if they were still being drawn."""
    strokes, counts, summaries = (torch.from_numpy(each) for each in (ink.strokes, ink.counts, ink.summaries))
    labels = torch.full((len(counts),), label)
    return critic(strokes, counts, summaries, labels), critic.partial(strokes, counts, labels)


@pytest.fixture(scope="module")
def ink_critic() -> InkCritic:
    """Of people whose rays touch in one category and not in the other, and of decoders that do the opposite."""
    touching, floating = [rays(1500, 0, seed) for seed in (2, 3)], [rays(1500, 20, seed) for seed in (4, 5)]
    return fit_ink(INK_CONFIG, ink_of(touching[0], floating[0]), ink_of(floating[1], touching[1]))


def test_ink_that_touches_is_told_from_ink_that_does_not_in_each_category_by_its_own_rule(ink_critic):
    for label, sign in ((0, 1), (1, -1)):
        for touching, floating in zip(
            odds_of(ink_critic, rays(100, 0, 8), label), odds_of(ink_critic, rays(100, 20, 9), label), strict=True
        ):
            assert (sign * touching > 0).float().mean() > 0.9
            assert (sign * floating < 0).float().mean() > 0.9


def test_each_stroke_of_a_drawing_under_way_counts(ink_critic):
    one, three = (added_ink([ray_sketch(number)], [4]) for number in (1, 3))
    assert float(odds_of(ink_critic, three, 0)[1]) > float(odds_of(ink_critic, one, 0)[1]) + 0.5


def test_a_critic_of_ink_is_a_function_of_the_seed_and_leaves_other_randomness_alone():
    human, generated = ink_of(rays(30, 0, 0), rays(30, 0, 1)), ink_of(rays(60, 20, 2), rays(60, 20, 3))
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, again, other = (fit_ink(INK_CONFIG, human, generated, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(4), expected)
    assert torch.equal(first.strokes.inner.weight, again.strokes.inner.weight)
    assert not torch.equal(first.strokes.inner.weight, other.strokes.inner.weight)


def test_ink_keeps_its_sketch_and_its_category():
    idle = added_ink([ray_sketch(2), ray_sketch(0)], [4, 4])
    both = LabelledInk.concatenate([idle, rays(3, 0, 0, most=1)])
    assert (both.counts.tolist(), both.starts.tolist(), both.labels.tolist()) == (
        [2, 1, 1, 1],
        [0, 2, 3, 4],
        [0, 1, 1, 1],
    )
    some = both.sample(generator(0))
    assert len(some.counts) == critic_fit.INK_BATCH_PER_KIND
    assert torch.equal(some.starts, some.counts.cumsum(0) - some.counts)
    for sketch in range(20):
        own = some.strokes[some.starts[sketch] : some.starts[sketch] + some.counts[sketch]]
        torch.testing.assert_close(own.mean(dim=0), some.summaries[sketch, :STROKE_FEATURES], atol=5e-3, rtol=5e-3)
        assert (len(own) == 2) == (some.labels[sketch] == 0)


def test_features_of_ink_that_never_change_do_no_harm(ink_critic):
    assert (ink_critic.strokes.deviation >= critic_fit.MIN_DEVIATION * 0.99).all()
    assert all(torch.isfinite(each).all() for each in ink_critic.state_dict().values())


def test_a_category_without_training_sketches_gets_no_row(tmp_path):
    bundle = tiny_bundle(tmp_path / "tiny")
    store = pack(tmp_path / "store", {"train": {"circle": doodles(4), "square": [], "zigzag": doodles(3)}})
    sketches = critic_sketches(store, bundle.categories, 3)
    facts = add_critic(bundle, sketches).critic()[1]
    assert (facts.categories, facts.training) == (["circle", "zigzag"], {"counts": [3, 3]})


def test_a_critic_that_was_stopped_goes_on_and_comes_out_the_same(tmp_path, monkeypatch):
    """Drawn by two processes or by one; nothing is left beside the bundle at the end."""
    sketches = {category: doodles(6, categories=[category]) for category in CATEGORIES}
    first = add_critic(tiny_bundle(tmp_path / "first"), sketches, Processes(2))
    bundle = tiny_bundle(tmp_path / "second")
    with monkeypatch.context() as stopped:
        stopped.setattr(critic_fit, "fit_critic", None)
        with pytest.raises(TypeError):
            add_critic(bundle, sketches)
    assert len(list((tmp_path / ".second.critic").iterdir())) == len(sketches)
    monkeypatch.setattr(critic_examples_module, "critic_examples", None)
    second = add_critic(bundle, sketches)
    names = ("config.json", "weights.safetensors")
    for path in (f"critic/{name}" for name in names):
        assert (first.folder / path).read_bytes() == (second.folder / path).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_other_sketches_or_another_bundle_are_drawn_anew(tmp_path):
    bundle, path = tiny_bundle(tmp_path / "tiny"), tmp_path / "circle.safetensors"
    task = ExamplesTask(bundle, "circle", doodles(4), path)
    task.run()
    assert task.is_done()
    assert not replace(task, sketches=doodles(4, 1)).is_done()
    with (bundle.folder / "bundle.json").open("a") as file:
        file.write(" ")
    assert not task.is_done()
