"""Drawings that are kept: in files that are ours alone, which training can import."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager

import numpy as np
import pytest
from starlette.testclient import TestClient

from codes.cli.data import data
from codes.data.store import Store
from codes.formats.polyline_json import sketch_from_record
from codes.formats.registry import read
from codes.inference.completer import Completer
from codes.strokes.geometry import in_quickdraw_pixels
from codes.web.visitors import Visitors
from tests.support.asks import HOST, sketch_record
from tests.support.running import output_of
from tests.support.worlds import sketch_of


def keep(client, word="circle", seed=0):
    answer = client.post("/api/gallery", json={"sketch": sketch_record(sketch_of("circle", seed)), "word": word})
    assert answer.status_code == 200, answer.content
    return answer.json()["name"]


def as_kept(seed):
    """The drawing as Quick, Draw! would have it."""
    return in_quickdraw_pixels(sketch_from_record(sketch_record(sketch_of("circle", seed)))).points


def test_a_drawing_is_kept_as_one_line_of_quickdraw(client, gallery):
    assert not gallery.exists()
    name = keep(client, "alarm clock")
    (file,) = gallery.iterdir()
    assert file.name == f"{name}.ndjson"
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["word"] == "alarm clock"
    np.testing.assert_allclose(read(file).points, as_kept(0), atol=0.02)


def test_the_newest_come_first_and_only_so_many(serving, bundle):
    client = serving(Completer(bundle), listed=3)
    names = [keep(client, seed=seed) for seed in range(5)]
    shown = client.get("/api/gallery").json()["drawings"]
    assert [each["name"] for each in shown] == names[:1:-1]
    assert all(each["word"] == "circle" for each in shown)
    np.testing.assert_allclose(sketch_from_record(shown[0]["sketch"]).points, as_kept(4), atol=0.02)


def test_kept_drawings_can_be_imported_for_training(client, gallery, tmp_path):
    for seed in range(10):
        keep(client, "snail", seed)
    output_of(data, "import", gallery, "-o", tmp_path / "store", "--json")
    store = Store(tmp_path / "store")
    counts = {split: len(store.split(split)) for split in store.splits}
    assert counts == {"train": 8, "valid": 1, "test": 1}
    assert list(store.categories) == ["snail"]


@pytest.mark.parametrize(
    "word", ["../../evil", "/etc/passwd", "a\x00b", "", " ", ".hidden", "a" * 41, "a\nb", None, ["cat"]]
)
def test_no_word_leads_out_of_the_folder(client, gallery, tmp_path, word):
    answer = client.post("/api/gallery", json={"sketch": sketch_record(sketch_of()), "word": word})
    assert answer.status_code == 400 and "word" in answer.json()["error"]
    assert list(tmp_path.iterdir()) == []


def test_names_are_made_by_the_server(client, gallery):
    names = {keep(client) for _ in range(5)}
    assert len(names) == 5
    assert all(re.fullmatch(r"\d{8}-\d{6}-\d{6}-[0-9a-f]{8}", name) for name in names)
    assert (
        client.post("/api/gallery", json={"sketch": sketch_record(sketch_of()), "word": "x", "name": "y"}).status_code
        == 400
    )


def test_files_of_others_are_not_shown_and_damaged_ones_are_counted(client, gallery):
    name = keep(client)
    (gallery / "private.ndjson").write_text((gallery / f"{name}.ndjson").read_text())
    (gallery / "99990101-000000-000000-00000000.ndjson").write_text("nonsense")
    assert [each["name"] for each in client.get("/api/gallery").json()["drawings"]] == [name]
    assert client.get("/health").json()["counts"]["damaged"] == 1


def test_a_drawing_is_taken_down_and_hung_again(client, gallery, tmp_path):
    """What lies aside is shown as such, and the commands that import a folder pass it over."""
    first = keep(client, "snail")
    cats = [keep(client, "cat", seed) for seed in range(1, 11)]
    for _ in range(2):
        answer = client.delete(f"/api/gallery/{first}")
        assert (answer.status_code, answer.json()) == (200, {"name": first, "hung": False})
    assert words_of(client) == (["cat"] * len(cats), ["snail"])
    output_of(data, "import", gallery, "-o", tmp_path / "store", "--json")
    assert list(Store(tmp_path / "store").categories) == ["cat"]
    assert client.put(f"/api/gallery/{first}").json() == {"name": first, "hung": True}
    assert words_of(client) == (["cat"] * len(cats) + ["snail"], [])
    np.testing.assert_allclose(read(gallery / f"{first}.ndjson").points, as_kept(0), atol=0.02)


def words_of(client):
    """The names of what hangs and of what lies aside."""
    answer = client.get("/api/gallery").json()
    return tuple([each["word"] for each in answer[place]] for place in ("drawings", "aside"))


@pytest.mark.parametrize("name", ["20200101-000000-000000-00000000", "private", "..%2f..%2fetc", "private.ndjson"])
def test_only_drawings_of_the_gallery_are_moved(client, gallery, name):
    keep(client)
    (gallery / "private.ndjson").write_text("mine")
    for ask in (client.delete, client.put):
        assert ask(f"/api/gallery/{name}").status_code in (400, 404)
    assert (gallery / "private.ndjson").read_text() == "mine" and len(list(gallery.iterdir())) == 2


def test_in_a_closed_gallery_drawings_wait_until_somebody_at_the_server_s_own_machine_hangs_them(app):
    with two_clients(app(visitors=Visitors(gallery_open=False))) as (child, teacher):
        name = keep(child, "snail")
        assert child.get("/api/gallery").json() == {"drawings": [], "aside": [], "may_arrange": False}
        for ask in (child.put, child.delete):
            assert (answer := ask(f"/api/gallery/{name}")).status_code == 403 and "teacher" in answer.json()["error"]
        assert words_of(teacher) == ([], ["snail"]) and teacher.get("/api/gallery").json()["may_arrange"]
        assert teacher.put(f"/api/gallery/{name}").status_code == 200
        assert words_of(child) == (["snail"], [])
        answer = teacher.post("/api/gallery", json={"sketch": sketch_record(sketch_of()), "word": "cat"})
        assert answer.json()["hung"] and words_of(child) == (["cat", "snail"], [])


@contextmanager
def two_clients(application):
    """A client at another device and one at the server's own machine."""
    with TestClient(application, f"http://{HOST}", client=("192.0.2.7", 5000)) as child:
        yield child, TestClient(application, f"http://{HOST}", client=("::ffff:127.0.0.1", 5000))


def test_what_lies_aside_counts_as_kept(serving, bundle):
    client = serving(Completer(bundle), kept=1)
    client.delete(f"/api/gallery/{keep(client)}")
    answer = client.post("/api/gallery", json={"sketch": sketch_record(sketch_of("circle")), "word": "circle"})
    assert (answer.status_code, answer.json()["limit"]) == (507, "kept")


def test_spaces_around_a_name_are_no_part_of_it(client):
    keep(client, " Mia's cat! ")
    assert words_of(client) == (["Mia's cat!"], [])


def test_a_full_gallery_says_so(serving, bundle):
    client = serving(Completer(bundle), kept=2)
    for _ in range(2):
        keep(client)
    answer = client.post("/api/gallery", json={"sketch": sketch_record(sketch_of()), "word": "circle"})
    assert answer.status_code == 507 and "at most 2" in answer.json()["error"]


def test_a_gallery_that_cannot_be_made_is_told(client, gallery):
    gallery.write_text("a file is in the way")
    answer = client.post("/api/gallery", json={"sketch": sketch_record(sketch_of()), "word": "circle"})
    assert answer.status_code == 400 and "made" in answer.json()["error"]
