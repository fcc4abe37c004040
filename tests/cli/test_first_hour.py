"""What newcomers tried with sketches at the command line, off the printed path; docs/first-hour.md has the list."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from codes.cli.main import draw_client, halfdrawn, train_or_test
from codes.cli.main import predict_client as main
from codes.cli.output import Figures, figures_sheet, looks_finished
from codes.formats import npz
from codes.formats.registry import read, write
from codes.formats.streams import suffix_of
from codes.inference.options import Completion, Route
from codes.strokes.sheet import sheet_svg
from codes.strokes.stroke3 import Sketch, sketch_from_polylines
from tests.support.running import error_of, output_of, run
from tests.support.worlds import CATEGORIES, doodles, sketch_of, tiny_bundle

ROOT = Path(__file__).parents[2]
HALF = [np.array([[10.0, 10.0], [60.0, 12.0], [62.0, 70.0]]), np.array([[20.0, 30.0], [25.0, 40.0]])]


@pytest.fixture
def half(tmp_path, monkeypatch):
    """A sketch, ``half.svg`` in the current folder."""
    monkeypatch.chdir(tmp_path)
    write("half.svg", sketch_from_polylines(HALF))
    return Path("half.svg")


@pytest.fixture
def model(bundle):
    return ["-m", bundle.folder]


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line as a shell does; ``predict_client`` stands for the script."""
    script = shlex.join([sys.executable, str(ROOT / "predict_client.py")])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("predict_client", script)],
        capture_output=True, env=environment, timeout=200, check=False,
    )  # fmt: skip


def test_classify_only_recognises_in_the_scripts_and_in_halfdrawn(half, model):
    for group in (main, halfdrawn):
        (result,) = json.loads(output_of(group, "classify", half, *model, "--json"))["results"]
        assert set(result) == {"file", "category", "decision", "known_score", "probabilities"}
    only = json.loads(output_of(main, "classify", half, *model, "--json", "--only", "Squares, ZIG ZAG"))["results"][0]
    assert set(only["probabilities"]) == {"square", "zigzag"}
    assert "--top does nothing with --json" in error_of(main, "classify", half, *model, "--json", "--top", 2)


def test_without_a_file_to_write_nothing_is_drawn_and_it_is_said_how(half, model, monkeypatch):
    monkeypatch.setattr("codes.inference.completer.Completer.finish", lambda *some: pytest.fail("it was drawn"))
    text = output_of(main, "complete", half, *model)
    (hint,) = re.findall(r"^Nothing is drawn yet: add (.*) to see it finished\.$", text, flags=re.MULTILINE)
    assert hint.startswith("-o finished-") and text.startswith("half.svg: ")


def test_the_hint_works_as_printed(half, model, tmp_path):
    """Also where nothing is recognised: then it names the nearest category."""
    strict = ["-m", tiny_bundle(tmp_path / "strict", {"known": 1.0, "sure": 0.5}).folder]
    for which, code in ((model, 0), (strict, 1)):
        result = run(main, "complete", half, *which)
        assert result.exit_code == code
        (hint,) = re.findall(r"add (.*) to see", result.stdout)
        text = output_of(main, "complete", half, *which, *shlex.split(hint), "--max-points", 5)
        assert (tmp_path / text.splitlines()[-1].removeprefix("written: ")).exists()


@pytest.mark.parametrize("name", ["Circle", "CIRCLES", " circle ", "the circle"])
def test_case_spaces_and_number_do_not_matter_wherever_a_category_is_named(half, model, name):
    drawing = ["-n", 1, "--max-points", 3, "--candidates", 1, "--json"]
    (result,) = json.loads(output_of(main, "complete", half, *model, "-c", name, *drawing))["results"]
    assert result["completions"][0]["category"] == "circle"
    (result,) = json.loads(output_of(main, "complete", half, *model, "--only", f"{name},square", *drawing))["results"]
    assert set(result["probabilities"]) == {"circle", "square"}
    for words in (["sample", name], ["reconstruct", half, "-c", name], ["interpolate", half, half, "-c", name]):
        drawing = ["--max-points", 3, "--candidates", 1, "--json"]
        for sketch in json.loads(output_of(draw_client, *words, *model, *drawing))["sketches"]:
            assert sketch["category"] == "circle"


def test_another_word_is_suggested_and_not_taken(half):
    for words in ([main, "complete", half, "-o", "x.svg", "-c", "bike"], [main, "classify", half, "--only", "bike"],
                  [draw_client, "sample", "bike", "-o", "x.svg"]):  # fmt: skip
        assert "no category 'bike'; did you mean 'bicycle'? draw_client.py list shows all" in error_of(*words)


def test_one_bad_file_of_many_does_not_stop_the_rest(half, model):
    Path("broken.svg").write_text("<svg")
    result = run(main, "complete", "broken.svg", half, "missing.svg", *model, "-n", 1, "-o", "done.svg")
    assert result.exit_code == 2
    assert [line.split(": ")[1] for line in result.stderr.splitlines() if line.startswith("Error")] == [
        "broken.svg", "missing.svg",
    ]  # fmt: skip
    assert len(read("done.svg")) > len(read(half))
    answer = json.loads(run(main, "classify", "broken.svg", half, *model, "--json").stdout)
    assert [each["file"] for each in answer["results"]] == ["half.svg"]
    assert [each["file"] for each in answer["errors"]] == ["broken.svg"]
    assert run(main, "complete", "missing.svg", *model, "-o", "none.svg").exit_code == 2
    assert not Path("none.svg").exists()


def test_a_folder_is_all_sketches_in_it_sorted(half, model):
    Path("many/deep").mkdir(parents=True)
    for name in ("many/b.svg", "many/a.json", "many/deep/c.svg"):
        write(name, read(half))
    Path("many/notes.txt").write_text("no sketch")
    for command in ("classify", "complete"):
        answer = json.loads(output_of(main, command, "many", *model, "--json", *["-n", 1] * (command == "complete")))
        assert [each["file"] for each in answer["results"]] == ["many/a.json", "many/b.svg", "many/deep/c.svg"]
    Path("empty").mkdir()
    result = run(main, "complete", "empty", half, *model)
    assert result.exit_code == 2 and "empty: the folder holds no file that can be read" in result.stderr


@pytest.mark.parametrize("suffix", [".svg", ".json", ".ndjson", ".npz"])
def test_standard_input_is_read_in_any_format(half, model, suffix):
    write(f"piped{suffix}", read(half))
    content = Path(f"piped{suffix}").read_bytes()
    assert suffix_of(content) == suffix
    words = ["classify", "-", *map(str, model), "--json"]
    expected = json.loads(output_of(main, "classify", f"piped{suffix}", *model, "--json"))["results"][0]
    for more in ([], ["--from", suffix[1:]]):
        result = CliRunner().invoke(main, [*words, *more], input=content, catch_exceptions=False)
        (found,) = json.loads(result.stdout)["results"]
        assert found == {**expected, "file": "standard input"}


@pytest.mark.parametrize(("content", "part"), [(b"", "is empty"), (b"\x00\x01", "cannot be told"), (b"<svg", "no SVG")])
def test_bad_standard_input_is_one_sentence(half, model, content, part):
    result = CliRunner().invoke(main, ["classify", "-", *map(str, model)], input=content, catch_exceptions=False)
    assert result.exit_code == 2 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: standard input: ") and part in line


def test_standard_output_is_the_picture_alone(half, model):
    words = ["complete", half, *model, "-n", 1, "-o", "-"]
    result = run(main, *words)
    assert result.stdout.startswith("<svg") and "half.svg: " in result.stderr
    output_of(main, *words[:-1], "same.svg")
    assert result.stdout_bytes == Path("same.svg").read_bytes()
    with Image.open(BytesIO(run(main, *words, "--to", "png").stdout_bytes)) as picture:
        assert max(picture.size) == 512
    drawn = run(draw_client, "sample", "circle", *model, "-n", 2, "-o", "-", "--to", "ndjson")
    assert len(drawn.stdout.splitlines()) == 2


def test_what_one_command_writes_another_reads(half, model):
    flags = shlex.join(map(str, model))
    done = shell(f"predict_client complete half.svg {flags} -n 1 -o - | predict_client classify - {flags}")
    assert done.returncode == 0 and b"standard input: " in done.stdout, done.stderr


def test_an_output_makes_its_folder_and_never_overwrites_an_input_unasked(half, model):
    output_of(main, "complete", half, *model, "-n", 1, "-o", "new/deep/done.svg")
    assert Path("new/deep/done.svg").exists()
    before = half.read_bytes()
    for words in (
        [main, "complete", half, "-n", 1],
        [main, "complete", ".", "-n", 1],
        [draw_client, "reconstruct", half],
    ):
        assert "would be overwritten" in error_of(*words, *model, "-o", "new/../half.svg")
    npz.write_splits(Path("set.npz"), {"test": doodles(2)})
    kept = Path("set.npz").read_bytes()
    assert "would be overwritten" in error_of(main, "data", "set.npz", *model, "-o", "./set.npz")
    sheet = error_of(train_or_test, "data", "look", half, "-o", half)
    assert sheet.endswith("half.svg: is read, and would be overwritten; name another file")
    assert (half.read_bytes(), Path("set.npz").read_bytes()) == (before, kept)
    output_of(main, "complete", half, *model, "-n", 1, "-o", half, "--force")
    assert half.read_bytes() != before


def test_temperature_0_draws_one_drawing_whatever_the_seed(half, model):
    for seed in (0, 5):
        output_of(main, "complete", half, *model, "--temperature", 0, "--seed", seed, "-o", f"{seed}.svg")
    assert Path("0.svg").read_bytes() == Path("5.svg").read_bytes()
    output_of(draw_client, "reconstruct", half, *model, "--temperature", 0, "-o", "again.svg")
    output_of(draw_client, "sample", "circle", *model, "--temperature", 0, "-n", 2, "-o", "two.svg")


def test_nine_variations_are_three_rows_of_three_beside_the_input_and_a_stranger_knows_what_is_what(half, model):
    output_of(main, "complete", half, *model, "--max-points", 20, "--candidates", 1, "-o", "sheet.svg")
    text = Path("sheet.svg").read_text()
    legend, *captions = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    assert legend == "black: drawn, red: added, %: how sure"
    assert captions[0].endswith("half.svg")
    assert len(captions) == 10 and all(re.match(rf"({'|'.join(CATEGORIES)}) \d+%", each) for each in captions[1:])
    corners = re.findall(r'<svg x="(\d+)" y="(\d+)"', text)
    assert len({x for x, _ in corners}) == 4 and len({y for _, y in corners}) == 3
    assert [x for x, _ in corners].count(corners[0][0]) == 1


def test_what_is_not_recognised_stands_on_the_sheet_without_drawings():
    """As the examples of the repository do, one of which is none of the categories."""
    known, unknown = (Figures(name, sketch_of(), made) for name, made in (("a.svg", finished()), ("b.svg", [])))
    text = sheet_svg(figures_sheet([known, unknown]))
    captions = re.findall(r"<text[^>]*>([^<]*)</text>", text)[1:]
    assert captions[0] == "a.svg"
    assert captions[-1].startswith("none of these: b")


def finished() -> list[Completion]:
    sketch = sketch_of()
    route = Route("circle", {"circle": 1.0}, "known", 0.0)
    return [Completion(replace(sketch, prefix_rows=1), "circle", 1.0, route, True, 0.0)] * 2


def test_several_categories_have_rows_of_their_own(half, model):
    words = ["--top", 2, "-n", 3, "--max-points", 20, "--candidates", 1]
    output_of(main, "complete", half, *model, *words, "-o", "sheet.svg")
    corners = re.findall(r'<svg x="\d+" y="(\d+)" [^>]*>\s*<title>(\w+)', Path("sheet.svg").read_text())
    assert sorted(map(corners.count, set(corners))) == [3, 3]


def finished_by(rows: list[list[float]], ended: bool = True) -> Completion:
    """A square, and what was added to it."""
    square = [[100, 0, 0], [0, 100, 0], [-100, 0, 0], [0, -100, 1]]
    sketch = Sketch(np.array(square + rows, dtype=float), prefix_rows=4)
    return Completion(sketch, "square", 0.9, Route("square", {"square": 0.9}, "known", 0.0), ended, 0.0)


def test_a_sketch_to_which_hardly_anything_is_added_looks_finished(half, tmp_path):
    nothing, little, much = map(finished_by, ([], [[50, 50, 0], [30, 0, 1]], [[50, 50, 0], [80, 0, 1]]))
    assert looks_finished([nothing]) and looks_finished([little]) and looks_finished([nothing, little, much])
    assert not looks_finished([much]) and not looks_finished([much, little, much]) and not looks_finished([])
    assert not looks_finished([nothing, finished_by([], ended=False)])
    terse = ["-m", tiny_bundle(tmp_path / "terse", down=-50.0, up=-50.0, end=50.0).folder]
    text = output_of(main, "complete", half, *terse, "-n", 2, "-o", "sheet.svg")
    assert ", looks finished already" in text.splitlines()[0]
    assert Path("sheet.svg").read_text().count(">looks finished: half.svg</text>") == 1
    endless = ["-m", tiny_bundle(tmp_path / "endless", down=50.0, up=-50.0, end=-50.0).folder]
    assert "looks finished" not in output_of(main, "complete", half, *endless, "-n", 2, "-o", "sheet.svg")


@pytest.mark.parametrize("name", ["a  b.svg", "-half.svg", "h\nalf.svg", "half.tar.SVG", "hé 猫.svg", b"bad\xff.svg"])
def test_odd_names_of_files_are_read_written_and_shown(half, model, name):
    path = Path(os.fsdecode(name))
    path.write_bytes(half.read_bytes())
    for encoding in ("utf-8", "ascii"):
        runner = CliRunner(charset=encoding)
        words = [*map(str, model), "-n", "2", "--max-points", "5", "-o", f"out-{path.name}"]
        result = runner.invoke(main, ["complete", *words, "--", str(path)], catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
    if str(path).lower().endswith(".svg"):
        assert Path(f"out-{path.name}").stat().st_size > 500


def test_a_closed_pipe_is_no_traceback(half, model):
    many = " ".join(["half.svg"] * 300)
    done = shell(f"predict_client classify {many} {shlex.join(map(str, model))} | head -n 1")
    assert done.stdout.startswith(b"half.svg: ") and done.stderr == b""
    done = shell(f"predict_client complete half.svg {shlex.join(map(str, model))} -n 9 -o - --to png | head -c 4")
    assert done.stdout == b"\x89PNG" and b"Traceback" not in done.stderr


@pytest.mark.parametrize("columns", ["20", "40", "80"])
def test_bars_fit_the_terminal(half, model, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    rows = [line for line in output_of(main, "classify", half, *model).splitlines() if line.startswith("  ")]
    assert len(rows) == 3 and max(map(len, rows)) <= int(columns)


@pytest.mark.parametrize(("no_color", "bold"), [("", True), ("1", False)])
def test_no_color_is_kept(half, model, monkeypatch, no_color, bold):
    monkeypatch.setenv("NO_COLOR", no_color)
    words = ["classify", str(half), *map(str, model)]
    assert ("\x1b[" in CliRunner().invoke(main, words, color=True).stdout) == bold


@pytest.mark.parametrize("command", ["classify half.svg", "complete half.svg -n 1 -o -"])
def test_a_full_disk_behind_standard_output_is_one_sentence(half, model, command):
    done = shell(f"predict_client {command} {shlex.join(map(str, model))} > /dev/full")
    assert done.returncode == 2 and b"Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == b"Error: standard output cannot be written (no space left on device)"


@pytest.mark.parametrize(("name", "part"), [("missing", "there is no such file"), ("a" * 300, "file name too long")])
def test_a_name_of_which_there_is_nothing_is_one_sentence(half, model, name, part):
    result = run(main, "classify", name, half, *model)
    assert result.exit_code == 2 and "half.svg: " in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {name}: ") and part in line
