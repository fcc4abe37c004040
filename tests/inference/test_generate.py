"""Drawing from nothing, from a code and between two."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codes.errors import BadOption
from codes.inference.generate import CategorySampler, spherical_path
from codes.inference.models import LoadedDecoder
from codes.inference.options import SamplingOptions
from codes.inference.variations import Variation
from codes.model.mixture import outputs_for
from tests.support.worlds import CATEGORIES, SCALE, generator, set_pen, sketch_of, stirred_vae


@pytest.fixture
def sampler(bundle) -> CategorySampler:
    vae, config = bundle.vae("circle")
    set_pen(vae, down=0.0, up=0.0, end=-300.0)
    if vae.decoder.ink:  # all anchors together: the likeliest point is the mean of a component
        vae.decoder.output.bias.data[outputs_for(vae.config.decoder.mixtures)] = -300.0
    return CategorySampler(LoadedDecoder(vae, config, "circle"))


def test_new_sketches_are_whole_and_named(sampler):
    sketches = sampler.sample(SamplingOptions(variations=4, latent="prior", max_points=9))
    assert [each.category for each in sketches] == [CATEGORIES[0]] * 4
    assert {len(each) for each in sketches} == {9}
    assert len({each.points.tobytes() for each in sketches}) == 4
    again = sampler.sample(SamplingOptions(variations=2, latent="prior", max_points=9))
    for mine, theirs in zip(again, sketches, strict=False):
        np.testing.assert_allclose(mine.points, theirs.points, rtol=1e-4, atol=1e-4)


def test_what_is_drawn_from_nothing_is_chosen_as_completions_are(completer, monkeypatch):
    """It was once the first that was drawn, however little it looked like anything."""
    rounds, consider = [], Variation.consider
    noted = lambda self, some: (rounds.append((self, some)), consider(self, some))[1]  # noqa: E731
    monkeypatch.setattr(Variation, "consider", noted)
    options = SamplingOptions(variations=6, latent="prior", max_points=30, temperature=1.0, candidates=5)
    sketches = completer.sampler("square").sample(options)
    assert [len(some) for _, some in rounds] == [5] * 6
    by_number = {variation.key.variation: some for variation, some in rounds}
    places = set()
    for number, sketch in enumerate(sketches):
        some = by_number[number]
        place = max(range(5), key=lambda i: some[i].rank)
        assert any(each.score for each in some)
        np.testing.assert_array_equal(sketch.points, rounds[0][0].finished(some[place].drawn))
        places.add(place)
    assert len(places) > 1
    rounds.clear()
    CategorySampler(completer.models.decoders.get("square")).sample(options)
    assert [len(some) for _, some in rounds] == [1] * 6


def test_there_is_no_prefix_to_start_from(sampler):
    with pytest.raises(BadOption, match="no prefix"):
        sampler.sample(SamplingOptions())


def test_a_sketch_from_nothing_begins_at_the_start_row(sampler):
    (sketch,) = sampler.decode(torch.zeros(1, 4), SamplingOptions(temperature=1e-6, max_points=1))
    z = torch.zeros(1, 4)
    following = sampler.decoder.vae(torch.zeros(1, 0, 5), torch.tensor([0]), z)
    likeliest = following.mean[0, 0, following.weights[0, 0].argmax()]
    np.testing.assert_allclose(sketch.points[0, :2], likeliest.numpy() * SCALE, atol=0.5)


def test_an_interpolation_begins_and_ends_with_the_two(sampler):
    options = SamplingOptions(max_points=6, seed=3)
    first, second = sketch_of("circle", 1), sketch_of("zigzag", 2)
    way = sampler.interpolate(first, second, 5, options)
    assert len(way) == 5
    for index, sketch in ((0, first), (-1, second)):
        (alone,) = sampler.decode(sampler.encode(sketch).unsqueeze(0), options)
        np.testing.assert_allclose(way[index].points, alone.points, rtol=1e-3, atol=1e-3)
    with pytest.raises(BadOption, match="at least 2 steps"):
        sampler.interpolate(first, second, 1, options)


def test_a_spherical_path_keeps_length_and_pace():
    first, second = (torch.nn.functional.normalize(each, dim=0) for each in torch.randn(2, 6, generator=generator()))
    path = spherical_path(first, second, 7)
    torch.testing.assert_close(path.norm(dim=1), torch.ones(7))
    torch.testing.assert_close(path[[0, -1]], torch.stack([first, second]))
    turns = (path[1:] * path[:-1]).sum(dim=1)
    torch.testing.assert_close(turns, turns[:1].expand(6))


def test_a_path_without_an_angle_is_straight():
    first = torch.tensor([1.0, 2.0])
    for second in (first, 2 * first, torch.zeros(2), -first):
        path = spherical_path(first, second, 3)
        torch.testing.assert_close(path, torch.stack([first, (first + second) / 2, second]))


def test_on_blank_paper_something_is_always_drawn(bundle):
    """An end before the first point once made `draw_client.py sample` fail."""
    vae = stirred_vae()
    set_pen(vae, down=0.0, up=0.0, end=300.0)
    sampler = CategorySampler(LoadedDecoder(vae, bundle.vae("circle")[1], "circle"))
    assert [len(each) for each in sampler.sample(SamplingOptions(variations=3, latent="prior"))] == [1, 1, 1]
