"""Completions: the person's rows untouched, ours after them, the same alone, among others and as a stream."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

import codes
from codes.checkpoints.bundle import Bundle
from codes.data.batches import collate
from codes.errors import BadOption, ModelNotFound, NotRecognised
from codes.inference import completer as module
from codes.inference.completer import Completer
from codes.inference.decoding import Drawings
from codes.inference.options import Completion, SamplingOptions
from codes.inference.router import model_input
from codes.strokes.stroke3 import Page, Sketch, sketch_from_polylines
from tests.support.worlds import CATEGORIES, prefixes, sketch_of, tiny_bundle

read_decoder_of = Bundle.decoder
LATENTS = ["prefix", "zero", "prior"]


@pytest.fixture
def drawn_by_hand() -> Sketch:
    """Many close points, in units and in a place of its own, the pen still down."""
    angle = np.linspace(0, 4, 90)
    arc = np.column_stack([np.cos(angle), np.sin(angle)]) * 150 + [400, -80]
    sketch = sketch_from_polylines([np.array([[390.5, -70.25]]), arc], unit=2.5, drawn=True)
    points = np.array(sketch.points)
    points[-1, 2] = 0
    return replace(sketch, points=points)


@pytest.fixture(scope="module")
def endless(tmp_path_factory) -> Completer:
    """It never ends a drawing."""
    return Completer(tiny_bundle(tmp_path_factory.mktemp("models") / "endless", down=0.0, up=0.0, end=-300.0))


@pytest.fixture(scope="module")
def terse(tmp_path_factory) -> Completer:
    """It ends every drawing at once."""
    return Completer(tiny_bundle(tmp_path_factory.mktemp("models") / "terse", down=0.0, up=0.0, end=300.0))


def added(completion: Completion) -> np.ndarray:
    return completion.sketch.points[completion.sketch.prefix_rows :]


def assert_same_drawing(one: Completion, other: Completion) -> None:
    assert one.category == other.category
    assert one.ended == other.ended
    np.testing.assert_allclose(one.sketch.points, other.sketch.points, rtol=1e-3, atol=1e-3)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-3, abs=1e-2)


@pytest.mark.parametrize("latent", LATENTS)
def test_the_prefix_is_kept_exactly(completer, drawn_by_hand, latent):
    for sketch in [drawn_by_hand, *prefixes(3), Sketch(points=[[0, 0, 1]], origin=(5.0, 6.0))]:
        before = sketch.points.copy()
        for completion in completer.complete(sketch, variations=4, latent=latent, category="square"):
            done = completion.sketch
            assert done.prefix_rows == len(sketch)
            np.testing.assert_array_equal(done.points[: len(sketch)], before)
            assert (done.origin, done.unit, done.drawn) == (sketch.origin, sketch.unit, sketch.drawn)
            assert done.category == completion.category == "square"
        np.testing.assert_array_equal(sketch.points, before)


def test_a_prefix_without_a_lift_goes_on_where_the_pen_is(endless):
    """The last prefix point was once marked END and its pen state lost."""
    down = Sketch(points=[[30, 10, 0], [20, 20, 0]])
    up = Sketch(points=[[30, 10, 0], [20, 20, 1]])
    ours, theirs = (endless.complete(each, max_points=5, category="circle")[0] for each in (down, up))
    assert ours.sketch.points[1, 2] == 0
    assert theirs.sketch.points[1, 2] == 1
    assert not np.allclose(added(ours), added(theirs))


def test_the_decoder_is_never_told_that_a_prefix_is_finished(completer, monkeypatch):
    seen = []
    read = type(completer.models.decoders.get("circle").vae.decoder).read

    def watched(self, points, lengths, z):
        seen.extend(row[:length] for row, length in zip(points, lengths.tolist(), strict=True))
        return read(self, points, lengths, z)

    monkeypatch.setattr(type(completer.models.decoders.get("circle").vae.decoder), "read", watched)
    sketches = prefixes(7)
    completer.complete_many(sketches, SamplingOptions(category="circle", variations=2))
    assert len(seen) in (7, 14)
    assert all(rows[:, 4].sum() == 0 for rows in seen)
    assert sorted({len(rows) for rows in seen}) == sorted({len(sketch) for sketch in sketches})


@pytest.mark.parametrize("latent", LATENTS)
def test_the_first_variations_are_the_same_however_many_there_are(completer, latent):
    sketch = prefixes(1)[0]
    many = completer.complete(sketch, variations=6, seed=1, latent=latent)
    for count in (1, 3):
        for one, other in zip(completer.complete(sketch, variations=count, seed=1, latent=latent), many, strict=False):
            assert_same_drawing(one, other)
    assert len({each.sketch.points.tobytes() for each in many}) == 6


@pytest.mark.parametrize("latent", LATENTS)
def test_a_sketch_is_finished_the_same_alone_and_among_others(completer, latent, monkeypatch):
    sketches = prefixes(9)
    options = SamplingOptions(variations=3, seed=2, latent=latent)
    alone = [completer.complete(sketch, options) for sketch in sketches]
    for together in (512, 6):
        monkeypatch.setattr(module, "MAX_ACTIVE", together)
        among = completer.complete_many(sketches, options)
        assert len({each[0].category for each in among}) > 1
        for mine, theirs in zip(alone, among, strict=True):
            assert len(mine) == len(theirs) == 3
            for one, other in zip(mine, theirs, strict=True):
                assert_same_drawing(one, other)


def test_the_same_seed_is_the_same_drawing_and_another_is_another(completer, bundle):
    sketch = prefixes(1)[0]
    first = completer.complete(sketch, seed=3)[0]
    torch.rand(4)
    again = Completer(bundle).complete(sketch, seed=3)[0]
    np.testing.assert_array_equal(first.sketch.points, again.sketch.points)
    assert first.log_likelihood == again.log_likelihood
    others = [completer.complete(sketch, seed=seed)[0].sketch.points.tobytes() for seed in (4, 2**40 + 3, 2**63 - 1)]
    assert len({first.sketch.points.tobytes(), *others}) == 4


def test_a_drawing_is_finished_the_same_in_any_unit_and_any_place(completer, drawn_by_hand):
    """Each person's drawing was once divided by its own deviation."""
    moved = replace(
        drawn_by_hand, points=drawn_by_hand.points * [4, 4, 1], unit=drawn_by_hand.unit * 4, origin=(-7.0, 1e4)
    )
    mine, theirs = (completer.complete(each, seed=1, category="circle")[0] for each in (drawn_by_hand, moved))
    np.testing.assert_allclose(added(theirs), added(mine) * [4, 4, 1], rtol=1e-3, atol=1e-3)
    assert theirs.log_likelihood == pytest.approx(mine.log_likelihood, rel=1e-3)


@pytest.mark.parametrize("latent", LATENTS)
def test_a_stream_draws_what_complete_draws(completer, drawn_by_hand, latent):
    for sketch in (drawn_by_hand, *prefixes(2)):
        options = SamplingOptions(variations=3, seed=5, latent=latent, candidates=1, max_points=12)
        done = completer.complete(sketch, options, category="zigzag")
        rows: list[list[list[float]]] = [[], [], []]
        over = set()
        for ink in completer.stream(sketch, options, category="zigzag"):
            assert ink.variation not in over
            if ink.end:
                over.add(ink.variation)
            else:
                rows[ink.variation].append([ink.dx, ink.dy, float(ink.lift)])
        assert over == {0, 1, 2}
        for completion, streamed in zip(done, rows, strict=True):
            assert len(added(completion)) == len(streamed)
            if completion.ended and streamed:
                streamed[-1][2] = 1.0
            np.testing.assert_allclose(added(completion), np.reshape(streamed, (-1, 3)), rtol=1e-5, atol=1e-5)


def test_a_stream_gives_each_point_when_it_is_drawn(endless, monkeypatch):
    """Not all of them at the end: the first of a thousand takes one step, the third three."""
    steps, step = [], Drawings.step
    monkeypatch.setattr(Drawings, "step", lambda self: (steps.append(1), step(self))[1])
    stream = endless.stream(prefixes(1)[0], max_points=1000, candidates=1)
    for count in (1, 2, 3):
        next(stream)
        assert len(steps) == count
    steps.clear()
    next(endless.stream(prefixes(1)[0], max_points=9))
    assert len(steps) == 1, "the first stroke is not chosen, so it is not waited for"


def test_a_stream_chooses_unless_it_is_told_not_to(completer):
    """``stream(candidates=24)`` was once refused, and before that the same as ``candidates=1``."""
    sketch, one = prefixes(1)[0], {"variations": 8, "category": "square"}
    assert list(completer.stream(sketch, **one)) == list(completer.stream(sketch, SamplingOptions(), **one))
    assert list(completer.stream(sketch, **one)) != list(completer.stream(sketch, candidates=1, **one))


@pytest.mark.parametrize("latent", ["prefix", "zero"])
@pytest.mark.parametrize("temperature", [0.4, 1.0])
def test_the_log_likelihood_is_that_of_teacher_forcing(completer, latent, temperature):
    """Recomputed from the streamed rows in one pass, at temperature 1 whatever they were drawn at."""
    sketch = sketch_of("circle", 3, keep=0.5, unit=2.0)
    options = SamplingOptions(category="square", latent=latent, temperature=temperature, candidates=1, max_points=60)
    seeded = [replace(options, seed=seed) for seed in range(12)]
    drawn = [completer.complete(sketch, each)[0] for each in seeded]
    options, done = next(pair for pair in zip(seeded, drawn, strict=True) if pair[1].ended and len(added(pair[1])) > 2)
    square = completer.models.decoders.get("square")
    vae, config = square.vae, square.config
    ours = [[ink.dx, ink.dy, float(ink.lift)] for ink in completer.stream(sketch, options) if not ink.end]
    rows = np.concatenate([sketch.points, ours])
    rows[:, :2] /= sketch.unit * config.scale
    batch = collate([rows.astype(np.float32)], [0])
    prefix = torch.tensor([len(sketch)])
    z = vae.encode(batch.points, prefix).mean if latent == "prefix" else torch.zeros(1, 4)
    following = vae(batch.points, batch.lengths, z)
    offsets = following.log_prob_offset(torch.cat([batch.points[..., :2], torch.zeros(1, 1, 2)], dim=1))[0]
    pens = following.log_prob_pen(torch.cat([batch.points[..., 2:], torch.tensor([[[0.0, 0, 1]]])], dim=1))[0]
    expected = float(offsets[len(sketch) : -1].sum() + pens[len(sketch) :].sum())
    assert done.log_likelihood == pytest.approx(expected, rel=1e-3, abs=1e-2)


def test_a_drawing_that_ended_has_its_pen_up(completer):
    ended = [each for sketch in prefixes(6) for each in completer.complete(sketch, variations=8) if each.ended]
    with_ink = [each for each in ended if len(added(each))]
    assert len(with_ink) > 10
    assert all(each.sketch.points[-1, 2] == 1 for each in with_ink)


def test_max_points_is_kept_and_cuts_off_nothing_but_the_rest(endless):
    sketch = prefixes(1)[0]
    long = endless.complete(sketch, max_points=40, variations=2, candidates=1)
    for most in (1, 7, 40):
        for short, whole in zip(
            endless.complete(sketch, max_points=most, variations=2, candidates=1), long, strict=True
        ):
            assert len(added(short)) == most
            assert not short.ended
            np.testing.assert_allclose(added(short), added(whole)[:most], rtol=1e-4, atol=1e-4)


def test_an_end_right_after_the_last_point_counts(completer):
    sketch = prefixes(1)[0]
    options = SamplingOptions(candidates=1)
    drawn = (completer.complete(sketch, options, seed=seed)[0] for seed in range(50))
    seed, free = next((i, done) for i, done in enumerate(drawn) if done.ended and len(added(done)) > 1)
    count = len(added(free))
    assert completer.complete(sketch, options, seed=seed, max_points=count)[0].ended
    assert not completer.complete(sketch, options, seed=seed, max_points=count - 1)[0].ended


def test_a_drawing_that_ends_at_once_is_the_prefix(terse):
    for sketch in prefixes(3):
        (done,) = terse.complete(sketch, temperature=1.0)
        assert done.ended
        np.testing.assert_array_equal(done.sketch.points, sketch.points)
        assert done.log_likelihood == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("temperature", [1e-300, 1e-12])
def test_the_coldest_drawings_are_alike(endless, temperature):
    done = endless.complete(prefixes(1)[0], temperature=temperature, variations=5, max_points=20)
    for each in done[1:]:
        np.testing.assert_allclose(each.sketch.points, done[0].sketch.points, atol=1.0)


def test_at_temperature_0_a_sketch_is_finished_alike_whatever_the_seed_and_drawn_once(completer, monkeypatch):
    """Candidates that would all be the same are not made."""
    joined: list[int] = []
    real = Drawings.join
    monkeypatch.setattr(Drawings, "join", lambda self, some: joined.append(len(some.active)) or real(self, some))
    for category in CATEGORIES:
        drawn = [
            completer.complete(sketch_of(keep=0.5), category=category, temperature=0, seed=seed)[0]
            for seed in (0, 1, 99)
        ]
        assert all(np.array_equal(each.sketch.points, drawn[0].sketch.points) for each in drawn)
        assert [each.log_likelihood for each in drawn] == [drawn[0].log_likelihood] * 3
    assert joined == [1] * 3 * len(CATEGORIES)


def test_completing_with_the_prefix_is_not_completing_with_zero(completer):
    """Completion was once always with z = 0, though decoders were trained with the encoder's z."""
    sketch = prefixes(1)[0]
    drawings = {latent: completer.complete(sketch, latent=latent)[0].sketch.points.tobytes() for latent in LATENTS}
    assert len(set(drawings.values())) == 3
    assert drawings["prefix"] == completer.complete(sketch)[0].sketch.points.tobytes()


@pytest.fixture
def stranger(tmp_path) -> Completer:
    """To it everything is unknown, and its decoders are not even there."""
    made = tiny_bundle(tmp_path / "stranger", {"known": 1.0, "sure": 0.5})
    shutil.rmtree(made.folder / "decoders")
    return Completer(Bundle.open(made.folder))


def test_what_is_not_recognised_is_refused_before_any_decoder_is_read(stranger):
    """The out-of-distribution test once ran after the drawing was made."""
    sketch = prefixes(1)[0]
    nearest = stranger.classify(sketch).category
    for ask in (stranger.complete, stranger.stream):
        with pytest.raises(NotRecognised, match=f"nothing the model knows \\(nearest: {nearest}\\)") as error:
            ask(sketch)
        assert "\n" not in str(error.value)
    with pytest.raises(NotRecognised):
        stranger.complete(sketch, top=2)


def test_the_unknown_is_drawn_when_it_is_asked_for(tmp_path):
    completer = Completer(tiny_bundle(tmp_path / "wary", {"known": 1.0, "sure": 0.5}))
    sketch = prefixes(1)[0]
    likeliest = completer.classify(sketch).category
    other = next(category for category in CATEGORIES if category != likeliest)
    assert completer.complete(sketch, draw_unknown=True)[0].category == likeliest
    assert completer.complete(sketch, category=other)[0].category == other
    assert completer.complete(sketch, category=other)[0].route.decision == "unknown"
    assert completer.complete_many([sketch], SamplingOptions())[0][0].category == likeliest


def test_decoders_are_read_when_they_are_first_used_and_once(bundle, monkeypatch):
    reads = []
    read = Bundle.decoder
    monkeypatch.setattr(Bundle, "decoder", lambda self, category: (reads.append(category), read(self, category))[1])
    completer = Completer(bundle)
    sketch = prefixes(1)[0]
    route = completer.classify(sketch)
    assert reads == []
    completer.complete(sketch)
    completer.complete(sketch, seed=1)
    assert reads == [route.category]
    completer.complete(sketch, top=3)
    assert sorted(reads) == sorted(CATEGORIES)


def test_a_category_is_drawn_when_it_is_named_and_refused_when_there_is_none(completer):
    sketch = prefixes(1)[0]
    for category in CATEGORIES:
        (done,) = completer.complete(sketch, category=category)
        assert done.category == category
        assert done.probability == done.route.probabilities[category]
    for ask in (completer.complete, completer.stream):
        with pytest.raises(ModelNotFound, match="no category 'cow'; there are circle, square, zigzag"):
            ask(sketch, category="cow")


def test_the_likeliest_categories_are_drawn_in_order(completer):
    sketch = prefixes(1)[0]
    order = list(completer.classify(sketch).probabilities)
    done = completer.complete(sketch, top=2, variations=3)
    assert [each.category for each in done] == [order[0]] * 3 + [order[1]] * 3
    assert done[0].probability >= done[3].probability
    assert len(completer.complete(sketch, top=9)) == 3
    with pytest.raises(BadOption, match="stream draws one category"):
        completer.stream(sketch, top=2)


def test_options_that_are_wrong_are_refused_before_anything_is_read(stranger):
    with pytest.raises(BadOption, match="temperature"):
        stranger.complete(prefixes(1)[0], temperature=3)
    with pytest.raises(BadOption, match="no option 'colour'"):
        stranger.stream(prefixes(1)[0], colour="red")


def test_nothing_is_asked_and_nothing_is_drawn(completer):
    assert completer.complete_many([], SamplingOptions()) == []


def test_a_model_sees_quickdraw_pixels_whatever_the_person_drew_in(drawn_by_hand):
    rows = model_input(drawn_by_hand)
    assert len(rows) < len(drawn_by_hand) / 3
    np.testing.assert_allclose(rows[:, :2].sum(axis=0) * 2.5, drawn_by_hand.points[:, :2].sum(axis=0))
    assert rows[-1, 2] == 0
    already = sketch_of("square", 1)
    np.testing.assert_array_equal(model_input(already), already.points)


def test_the_package_offers_load(bundle):
    completer = codes.load(bundle.folder)
    assert completer.categories == CATEGORIES
    with pytest.raises(ModelNotFound, match="no model 'nowhere'"):
        codes.load("nowhere")


def test_what_a_sketch_may_be_only_shares_out_all_of_the_probability(completer):
    sketch = prefixes(1)[0]
    everything = completer.classify(sketch)
    first, second = list(everything.probabilities)[1:]
    route = completer.classify(sketch, only=[second, first])
    total = everything.probabilities[first] + everything.probabilities[second]
    assert list(route.probabilities) == [first, second] and route.category == first
    assert route.probability == pytest.approx(everything.probabilities[first] / total)
    assert route.known_score == everything.known_score
    assert completer.classify(sketch, only=[second]).probability == 1
    (drawn,) = completer.complete(sketch, only=(second,), draw_unknown=True, max_points=9)
    assert drawn.category == second and drawn.probability == 1
    assert next(completer.stream(sketch, only=(second,), draw_unknown=True)).variation == 0
    (many,) = completer.complete_many([sketch], SamplingOptions(only=(second,), max_points=9))
    assert many[0].category == second


def test_what_is_none_of_the_categories_is_refused(completer):
    with pytest.raises(ModelNotFound, match="no category 'cow'"):
        completer.classify(prefixes(1)[0], only=["cow"])
    for ask in (completer.complete, completer.classify):
        with pytest.raises(BadOption, match="list of categories"):
            ask(prefixes(1)[0], only="circle")


def test_of_several_drawings_one_that_stays_on_the_page_is_kept(completer):
    """A4 paper, say: what leaves it is lost."""
    sketch = codes.sketch([[(10, 10), (40, 12), (42, 40)]], canvas=(60, 60))
    (anywhere,) = completer.complete(replace(sketch, page=None), category="zigzag", candidates=24)
    x = np.concatenate(anywhere.added)[:, 0]
    page = Page(0.0, 0.0, float(x.max()) - 3, 1e4)
    for paper in (page, Page(float(x.min()) + 3, -1e4, 1e4, 2e4)):
        (kept,) = completer.complete(replace(sketch, page=paper), category="zigzag", candidates=24)
        assert off_page(anywhere, paper) > 2
        assert off_page(kept, paper) <= sketch.unit


def off_page(completion: Completion, page: Page) -> float:
    """How far what was added leaves a page, in its units; 0 or less if it stays."""
    positions = np.concatenate(completion.added)
    low, high = positions.min(axis=0), positions.max(axis=0)
    corner = np.array([page.left, page.top])
    return float(max((corner - low).max(), (high - corner - [page.width, page.height]).max()))


def test_many_sketches_need_each_decoder_once(bundle, monkeypatch):
    """Also where few drawings are made together and few decoders are kept."""
    completer, read = Completer(bundle), []
    monkeypatch.setattr(module, "MAX_ACTIVE", 2)
    monkeypatch.setattr(type(bundle), "decoder", lambda self, name: read.append(name) or read_decoder_of(self, name))
    completer.models.decoders.capacity = 1
    sketches = [sketch_of(name, seed) for seed in range(3) for name in CATEGORIES]
    found = completer.complete_many(sketches, SamplingOptions(candidates=1))
    assert sorted(read) == sorted({each[0].category for each in found})
    assert len(read) > 1
