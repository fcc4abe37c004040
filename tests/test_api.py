"""What a creative coder meets: names that are found, things that show themselves, mistakes told in a sentence."""

from __future__ import annotations

import inspect
import io
import pickle
import pydoc
from contextlib import redirect_stdout
from typing import get_type_hints

import numpy as np
import pytest

import codes
from codes.errors import BadOption, BadSketch
from codes.inference.options import Changes, Completions, SamplingOptions
from tests.support.worlds import doodles

SKETCH = codes.Sketch(doodles(1)[0].astype(float), category="circle")


def test_dir_and_help_list_what_there_is():
    assert set(codes.__all__) <= set(dir(codes))
    assert not {"import_module", "annotations", "TYPE_CHECKING", "Any"} & set(dir(codes))
    with redirect_stdout(io.StringIO()) as shown:
        pydoc.help(codes)
    for name in codes.__all__:
        assert name in shown.getvalue(), name


def test_complete_names_the_options_there_are():
    hints, fields = get_type_hints(Changes), get_type_hints(SamplingOptions)
    assert hints == fields
    assert "Unpack[Changes]" in str(inspect.signature(codes.Completer.complete))


def test_sketches_are_equal_by_value_and_survive_pickling(completer):
    other = codes.Sketch(SKETCH.points.copy(), category="circle")
    assert other == SKETCH
    assert len({other, SKETCH}) == 1
    assert codes.Sketch(SKETCH.points, category="square") != SKETCH
    assert codes.Sketch(SKETCH.points * [2, 2, 1], category="circle") != SKETCH
    again = pickle.loads(pickle.dumps(SKETCH))
    assert again == SKETCH
    assert not again.points.flags.writeable
    done = completer.complete(SKETCH, category="circle", candidates=2)
    assert pickle.loads(pickle.dumps(done)) == done


def test_everything_shows_itself_on_one_line_and_in_a_notebook(completer, tmp_path):
    done = completer.complete(SKETCH, category="circle", variations=2, candidates=1)
    assert isinstance(done, Completions)
    assert repr(SKETCH).startswith("<Sketch of 'circle': 1 stroke, ")
    assert "points added" in repr(done[0])
    assert repr(done[0]).startswith("<Completion: circle (")
    assert repr(done[0].route).startswith("<Route: ")
    assert repr(completer) == "<Completer 'tiny': 3 categories>"
    for each in (SKETCH, done[0], done[0].route, completer):
        assert "\n" not in repr(each)
    codes.write(tmp_path / "done.json", done)
    for shown in (SKETCH, done[0], done, codes.read_all(tmp_path / "done.json")):
        assert shown._repr_svg_().startswith("<svg")
    assert Completions()._repr_svg_() is None


def test_a_completion_tells_what_was_added_where_it_lies(completer):
    sketch = codes.sketch([[(10, 10), (60, 10)], [(20, 30), (40, 35)]], canvas=(100, 100))
    (done,) = completer.complete(sketch, category="zigzag", candidates=1, seed=3)
    offsets = done.sketch.points[len(sketch) :, :2]
    expected = sketch.polylines()[-1][-1] + offsets.cumsum(axis=0)
    positions = np.concatenate(done.added)
    np.testing.assert_allclose(positions[-len(expected) :], expected)
    assert len(positions) - len(expected) in (0, 1), "the first stroke may begin where the person's ended"
    nothing = codes.Completion(SKETCH.prefix(2), "circle", 1.0, done.route, True, 0.0)
    assert nothing.added == []


@pytest.mark.parametrize(
    ("mistake", "error", "sentence"),
    [
        (lambda c: c.complete("cat.svg"), BadSketch, r"read it first: codes\.read\('cat\.svg'\)"),
        (lambda c: c.complete(SKETCH.points), BadSketch, "a sketch is needed, not ndarray"),
        (lambda c: c.classify([SKETCH]), BadSketch, "a sketch is needed, not list"),
        (lambda c: c.complete(SKETCH, 9), BadOption, "by name, as in variations=9"),
        (lambda c: c.complete(SKETCH, variation=9), BadOption, "did you mean variations"),
        (lambda c: c.complete_many([SKETCH, "cat.svg"], SamplingOptions()), BadSketch, "name of a file"),
        (lambda c: c.stream("cat.svg"), BadSketch, "name of a file"),
        (lambda c: codes.write("x.svg", ["cat"]), BadSketch, "can be written, not str"),
        (lambda c: codes.write("x.svg", 7), BadSketch, "can be written, not int"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(completer, mistake, error, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=sentence):
        mistake(completer)
    assert not list(tmp_path.iterdir())


def test_completions_can_be_written(completer, tmp_path):
    done = completer.complete(SKETCH, category="circle", variations=2, candidates=1)
    codes.write(tmp_path / "two.json", done)
    codes.write(tmp_path / "one.json", done[0])
    assert [len(each) for each in codes.read_all(tmp_path / "two.json")] == [len(each.sketch) for each in done]
    assert len(codes.read(tmp_path / "one.json")) == len(done[0].sketch)
