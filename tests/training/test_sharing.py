"""What all categories' drawings have in common is learned from all of them, and used for each."""

from __future__ import annotations

import pytest
import torch

from codes.model import critic
from codes.model.classifier import Classifier
from codes.model.config import CriticConfig
from codes.model.critic import shared_opinion
from codes.training import sharing
from codes.training.sharing import Pile, fit_shared
from tests.helpers import generator
from tests.training.test_criticising import drawn

CONFIG = CriticConfig(features=6, categories=2, hidden=64)
ALONE = CriticConfig(features=6, categories=1, hidden=64)


def pile(*counts_and_centres: tuple[int, float]) -> Pile:
    """Sketches of as many categories, each around its own centre of the feature that tells."""
    return Pile.of([drawn(count, centre, seed) for seed, (count, centre) in enumerate(counts_and_centres)])


def test_sketches_keep_the_rows_of_their_categories():
    both = Pile.of([torch.full((2, 3), 4.0), torch.full((5, 3), 7.0)])
    assert both.rows.tolist() == [0, 0, 1, 1, 1, 1, 1]
    some = both.some(generator(0))
    assert some.features.shape == (sharing.HALF, 3)
    assert torch.equal(some.features[:, 0], torch.tensor([4.0, 7.0])[some.rows])
    assert set(some.rows.tolist()) == {0, 1}


def test_of_a_category_with_few_sketches_it_knows_what_others_have_taught():
    shared = fit_shared(CONFIG, pile((4000, 1.0), (40, 1.0)), pile((8000, -1.0), (80, -1.0)))
    people, decoder = shared(drawn(300, 1.0, 8))[:, 1], shared(drawn(300, -1.0, 9))[:, 1]
    few, ours = pile((40, 1.0)), pile((80, -1.0))
    alone = fit_shared(ALONE, few, ours)(drawn(300, 1.0, 8))
    assert float(people.mean()) > 0.1 > -0.1 > float(decoder.mean())
    assert float(people.mean()) > 5 * float(alone.mean().abs())


def test_categories_may_be_of_opposite_opinions():
    shared = fit_shared(CONFIG, pile((2000, 1.5), (2000, -1.5)), pile((2000, -1.5), (2000, 1.5)))
    odds = shared(drawn(300, 1.5, 8)).mean(dim=0)
    assert float(odds[0]) > 0.3 > -0.3 > float(odds[1])


def test_it_may_be_curved():
    """Neither much nor little of a feature is a person's, but what lies between: no row can say that."""
    theirs = Pile.of([drawn(4000, 0.0, 0, spread=0.3)])
    ours = Pile.of([torch.cat([drawn(2000, 2.0, 1, spread=0.3), drawn(2000, -2.0, 2, spread=0.3)])])
    shared = fit_shared(ALONE, theirs, ours)
    middle, sides = drawn(200, 0.0, 3, 0.3), torch.cat([drawn(200, 2.0, 4, 0.3), drawn(200, -2.0, 5, 0.3)])
    assert float(shared(middle).mean()) > float(shared(sides).mean()) + 0.5


def test_both_kinds_weigh_alike_however_many_there_are():
    theirs, ours = pile((2000, 0.5)), Pile.of([drawn(8000, -0.5, 1)])
    shared = fit_shared(ALONE, theirs, ours)
    middle = torch.cat([drawn(2000, 0.5, 4), drawn(2000, -0.5, 5)])
    assert float(shared(middle).mean()) == pytest.approx(0.0, abs=0.1)


def test_units_and_zero_of_a_feature_do_not_matter():
    units, zero = torch.tensor([1000.0, 1.0, 5.0, 1.0, 30.0, 1.0]), torch.tensor([500.0, -20.0, 10.0, 0.0, 90.0, 3.0])
    theirs, ours, seen = pile((1500, 1.0), (1500, 1.0)), pile((3000, -1.0), (3000, -1.0)), drawn(100, 0.0, 8)
    plain = fit_shared(CONFIG, theirs, ours)(seen)
    moved = (Pile(each.features * units + zero, each.rows) for each in (theirs, ours))
    other = fit_shared(CONFIG, *moved)(seen * units + zero)
    torch.testing.assert_close(plain, other, atol=0.03, rtol=0.03)


def test_features_and_units_are_dropped_while_it_learns(monkeypatch):
    theirs, ours, seen = pile((300, 1.0), (300, 1.0)), pile((600, -1.0), (600, -1.0)), drawn(100, 0.0, 8)
    dropped = fit_shared(CONFIG, theirs, ours)(seen)
    monkeypatch.setattr(critic, "DROPOUT", 0.0)
    assert not torch.allclose(fit_shared(CONFIG, theirs, ours)(seen), dropped, atol=0.01)


def test_it_is_a_function_of_the_seed_and_leaves_other_randomness_alone():
    theirs, ours = pile((40, 1.0), (40, 1.0)), pile((80, -1.0), (80, -1.0))
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, again, other = (fit_shared(CONFIG, theirs, ours, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(4), expected)
    assert torch.equal(first.inner.weight, again.inner.weight)
    assert not torch.equal(first.inner.weight, other.inner.weight)


def test_it_sees_each_persons_sketch_so_many_times(monkeypatch):
    seen: list[int] = []
    forward = Classifier.forward
    monkeypatch.setattr(Classifier, "forward", lambda *asked: seen.append(len(asked[1])) or forward(*asked))
    fit_shared(CONFIG, pile((30, 1.0), (34, 1.0)), pile((50, -1.0), (50, -1.0)))
    assert sum(seen) / 2 == pytest.approx(sharing.EPOCHS * 64, abs=sharing.HALF)


def test_before_it_learns_it_says_nothing():
    assert not shared_opinion(CONFIG)(drawn(10, 3.0, 0)).any()
