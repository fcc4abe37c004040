"""What is answered at each address."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from codes.building.catalogue import add_catalogue
from codes.checkpoints.bundle import CATALOGUE
from codes.cli.main import predict_client as main
from codes.errors import BadFile
from codes.formats import ndjson, svg_in
from codes.formats.polyline_json import sketch_from_record
from codes.formats.registry import write
from codes.inference.completer import Completer
from codes.inference.options import SamplingOptions
from codes.web import endpoints
from codes.web.app import make_app
from tests.support.asks import sketch_record
from tests.support.running import output_of
from tests.support.worlds import CATEGORIES, prefixes, tiny_bundle

TWO = {"strokes": [[[0, 0], [90, 0], [90, 60]], [[20, 20], [30, 40]]], "unit": 1}


def test_the_page_is_there(client):
    answer = client.get("/")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")


def test_the_icon_is_where_browsers_look_for_it(client):
    """A browser asks for it by itself, and would log an error that the tests of the page take for one of the page."""
    answer = client.get("/favicon.ico")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/svg+xml"
    assert answer.content == (endpoints.STATIC / "icon.svg").read_bytes()


def test_an_application_without_its_page_is_refused(completer, monkeypatch, tmp_path):
    monkeypatch.setattr("codes.web.app.STATIC", tmp_path)
    with pytest.raises(BadFile, match="page is missing"):
        make_app(completer, tmp_path)
    assert endpoints.STATIC.name == "static"


def test_the_model_says_what_it_draws(client, bundle):
    facts = client.get("/api/model").json()
    assert facts["categories"] == list(CATEGORIES)
    assert facts["name"] == bundle.folder.name


def test_the_catalogue_has_a_drawing_of_each_category_and_is_sent_once(serving, tmp_path):
    """A browser that has it is answered without reading it again; one with another's gets it anew."""
    made = add_catalogue(tiny_bundle(tmp_path / "tiny"), SamplingOptions(latent="prior", candidates=1, max_points=9))
    client = serving(Completer(made))
    answer = client.get("/api/catalogue")
    for shown, (name, sketch) in zip(answer.json()["drawings"], made.catalogue().items(), strict=True):
        assert shown["category"] == name
        np.testing.assert_array_equal(sketch_from_record(shown["sketch"]).points, sketch.points)
    assert answer.headers["cache-control"] == "no-cache", "it is asked for again each time"
    (made.folder / CATALOGUE).unlink()
    again = client.get("/api/catalogue", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    anew = client.get("/api/catalogue", headers={"if-none-match": '"another"'})
    assert anew.status_code == 400 and "missing" in anew.json()["error"]


def test_a_bundle_without_drawings_has_an_empty_catalogue(client):
    assert client.get("/api/catalogue").json() == {"drawings": []}
    assert client.post("/api/catalogue").status_code == 405


def test_health_counts(client):
    client.post("/api/complete", json={"sketch": TWO})
    client.post("/api/complete", json={"sketch": []})
    health = client.get("/health").json()
    assert health["counts"] == {"misunderstood": 1, "questions": 1}
    assert health["seconds"] > 0 and (health["connections"], health["requests"], health["drawings"]) == (0, 0, 0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"variations": 3, "seed": 4},
        {"top": 2},
        {"category": "square"},
        {"only": ["square", "zigzag"], "top": 2},
        {"latent": "prior"},
        {"latent": "zero"},
    ],
)
def test_a_completion_equals_that_of_the_command_line(client, bundle, tmp_path, options):
    """The same object, numbers up to rounding."""
    sketch = prefixes(1)[0]
    record = sketch_record(sketch)
    (tmp_path / "half.json").write_text(json.dumps(record))
    given = {"variations": 1, "candidates": 8, **options}
    given |= {"only": ",".join(options["only"])} if "only" in options else {}
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    text = output_of(main, "complete", tmp_path / "half.json", "-m", bundle.folder, *words, "--json")
    (theirs,) = json.loads(text)["results"]
    del theirs["file"]
    ours = client.post("/api/complete", json={"sketch": record, "options": options}).json()
    assert ours.keys() == theirs.keys()
    assert [ours[name] for name in ("category", "decision")] == [theirs[name] for name in ("category", "decision")]
    assert ours["probabilities"] == pytest.approx(theirs["probabilities"], rel=1e-4)
    for mine, its in zip(ours["completions"], theirs["completions"], strict=True):
        assert mine.keys() == its.keys() and mine["ended"] == its["ended"] and mine["category"] == its["category"]
        assert mine["log_likelihood"] == pytest.approx(its["log_likelihood"], rel=1e-3, abs=1e-2)
        done, expected = sketch_from_record(mine["sketch"]), sketch_from_record(its["sketch"])
        np.testing.assert_allclose(done.points, expected.points, rtol=1e-3, atol=1e-3)
        assert (done.prefix_rows, done.unit, done.origin) == (expected.prefix_rows, expected.unit, expected.origin)


@pytest.mark.parametrize("kind", ["svg", "png", "gif", "ndjson"])
def test_a_converted_sketch_equals_the_file_a_writer_makes(client, tmp_path, kind):
    answer = client.post(f"/api/convert?to={kind}", json={"sketch": TWO})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="drawing.{kind}"'
    write(tmp_path / f"drawing.{kind}", sketch_from_record(TWO))
    assert answer.content == (tmp_path / f"drawing.{kind}").read_bytes()


def test_a_picture_has_the_format_of_its_name(client):
    for kind in ("png", "gif"):
        with Image.open(BytesIO(client.post(f"/api/convert?to={kind}", json={"sketch": TWO}).content)) as picture:
            assert picture.format == kind.upper()


@pytest.mark.parametrize(("first", "own", "added"), [(None, 2, 0), (0, 0, 2), (1, 1, 1), (2, 2, 0)])
def test_strokes_of_the_machine_have_a_colour_of_their_own(client, first, own, added):
    text = client.post("/api/convert?to=svg", json={"sketch": TWO, "drawn": first}).content.decode()
    colours = [group.partition('"')[0] for group in text.split('<g stroke="')[1:]]
    paths = [group.count("<path") for group in text.split('<g stroke="')[1:]]
    counts = dict(zip(colours, paths, strict=True))
    assert (counts.get("#1f2933", 0), counts.get("#d03801", 0)) == (own, added)


@pytest.mark.parametrize("name", ["mine.svg", "../../MINE.SVG", "mine.ndjson"])
def test_a_file_is_read_as_the_readers_of_formats_read_it(client, tmp_path, name):
    path = tmp_path / ("file" + name[name.rindex(".") :].lower())
    write(path, sketch_from_record(TWO))
    answer = client.post(f"/api/read?name={name}", content=path.read_bytes())
    expected = next((svg_in if path.suffix == ".svg" else ndjson).iterate(path))
    done = sketch_from_record(answer.json()["sketch"])
    np.testing.assert_allclose(done.points, expected.points)
    assert (done.unit, done.drawn) == (pytest.approx(expected.unit), expected.drawn)


@pytest.mark.parametrize(
    ("path", "body", "part"),
    [
        ("/api/read?name=a.npz", b"PK", "files read are .svg, .ndjson"),
        ("/api/read", b"<svg/>", "files read are"),
        ("/api/read?name=a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "nothing drawn"),
        ("/api/read?name=a.svg", b"\xff\xfe", "UTF-8"),
        ("/api/read?name=a.svg", b"<!DOCTYPE a [<!ENTITY b 'c'>]><svg/>", "entities"),
        ("/api/read?name=a.ndjson", b"", "JSON"),
        ("/api/read?name=a.ndjson", b'{"word": "cat"}', "drawing"),
        ("/api/convert?to=exe", {"sketch": TWO}, "to is one of svg, png, gif, ndjson"),
        ("/api/convert", {"sketch": TWO}, "to is one of"),
        ("/api/convert?to=svg", {"sketch": TWO, "drawn": 3}, "drawn: there is no stroke 3, the sketch has 2"),
        ("/api/convert?to=svg", {"sketch": TWO, "drawn": True}, "drawn"),
        ("/api/complete", {"sketch": TWO, "options": []}, "options"),
        (
            "/api/complete",
            {"sketch": TWO, "options": {"colour": 1}},
            "options: there is no field 'colour'; there are temperature",
        ),
        ("/api/complete", {"sketch": TWO, "options": {"candidates": 2}}, "candidates"),
        ("/api/complete", {"sketch": TWO, "options": {"seed": True}}, "options.seed: expected int, got bool"),
        ("/api/complete", {"sketch": TWO, "options": {"temperature": "hot"}}, "temperature"),
        ("/api/complete", {"sketch": TWO, "options": {"category": "cow"}}, "no category 'cow'"),
        ("/api/complete", {"sketch": TWO, "options": {"only": "square"}}, "options.only: expected array, got str"),
        (
            "/api/complete",
            {"sketch": TWO, "options": {"only": ["square", "cow"]}},
            "no category 'cow'; there are circle",
        ),
        (
            "/api/complete",
            {"sketch": TWO, "options": {"only": ["square"], "category": "square"}},
            "give one of the two",
        ),
        ("/api/complete", {"sketch": TWO, "draw": 1}, "no field 'draw'; there are sketch, options"),
        ("/api/complete", {}, "the field 'sketch' is missing"),
        ("/api/complete", b"", "JSON"),
        ("/api/complete", b"[1]", "object"),
        ("/api/gallery", {"sketch": TWO}, "word"),
        ("/api/gallery", {"sketch": TWO, "word": 7}, "word"),
    ],
)
def test_a_bad_request_is_answered_with_one_sentence(client, path, body, part):
    answer = client.post(path, content=body) if isinstance(body, bytes) else client.post(path, json=body)
    assert answer.status_code == 400
    (error,) = answer.json().values()
    assert part in error and "\n" not in error


def test_unknown_addresses_and_wrong_methods_are_answered_with_a_sentence(client):
    assert client.get("/nowhere").json() == {"error": "there is nothing at this address"}
    assert client.get("/api/complete").status_code == 405
    assert "error" in client.get("/api/complete").json()


def test_an_internal_error_is_answered_without_details(serving, bundle, monkeypatch):
    monkeypatch.setattr("codes.web.endpoints.convert", lambda *_: 1 / 0)
    client = serving(Completer(bundle))
    with pytest.raises(ZeroDivisionError):  # the server that runs the application writes it to its log
        client.post("/api/convert?to=svg", json={"sketch": TWO})
    assert client.get("/health").json()["requests"] == 0
