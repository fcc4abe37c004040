"""Files are downloaded whole or not at all, also when connections break. The server is a thread of the test."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from codes.data.download import OFFICIAL, RemoteFile, RetryPolicy, download
from codes.errors import BadFile, BadOption
from codes.formats import npz
from codes.strokes.stroke3 import LIFT

QUICK = RetryPolicy(tries=3, seconds=0.001)


class Site:
    """Hold what the server has, how it fails, and what it was asked.

    ``cuts`` are the numbers of bytes after which the next answers break off. ``hide_length`` leaves out
    Content-Length, ``add_to_length`` makes it wrong, ``codes`` are error codes for the next answers.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.ranges = True
        self.cuts: list[int] = []
        self.codes: list[int] = []
        self.add_to_length = 0
        self.hide_length = False
        self.wrong_start = 0
        self.moved_to = ""
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.asked.append((handler.path, wanted))
        content = self.files.get(handler.path)
        if self.codes or content is None or self.moved_to:
            code = 302 if self.moved_to else self.codes.pop(0) if self.codes else 404
            return self._head(handler, code, {"Location": self.moved_to, "Content-Length": "0"})
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.ranges else 0
        if wanted and self.ranges and start >= len(content):
            return self._head(handler, 416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
        return self._send(handler, content, start)

    def _send(self, handler: BaseHTTPRequestHandler, content: bytes, start: int) -> None:
        start = max(start - self.wrong_start, 0)
        headers = {} if self.hide_length else {"Content-Length": str(len(content) - start + self.add_to_length)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._head(handler, 206 if start else 200, headers)
        handler.wfile.write(content[start:][: self.cuts.pop(0) if self.cuts else None])

    def _head(self, handler: BaseHTTPRequestHandler, code: int, headers: dict[str, str]) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}"
        yield site
        server.shutdown()
        thread.join()


@pytest.fixture
def archive(tmp_path) -> bytes:
    points = np.random.default_rng(0).integers(-99, 99, (400, 50, 3)).astype(np.int16)
    points[:, :, LIFT] = 0
    npz.write_splits(tmp_path / "made.npz", {"train": list(points), "valid": [], "test": []})
    return (tmp_path / "made.npz").read_bytes()


@pytest.fixture
def site(archive, monkeypatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as site:
        site.files["/sketchrnn/cat.npz"] = archive
        yield site


def fetch(site: Site, folder: Path, name: str = "cat", **options):
    return download(RemoteFile(name, base=site.url, **options), folder, QUICK)


def ranges(site: Site) -> list[str | None]:
    return [wanted for _, wanted in site.asked]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_is_not_fetched_twice(site, archive, tmp_path):
    folder = tmp_path / "new" / "folder"
    outcome = fetch(site, folder)
    assert (outcome.path, outcome.size, outcome.fetched) == (folder / "cat.npz", len(archive), True)
    assert outcome.path.read_bytes() == archive
    assert names(folder) == ["cat.npz"]
    assert not fetch(site, folder).fetched
    assert len(site.asked) == 1


def test_a_broken_download_resumes_where_it_stopped(site, archive, tmp_path, capsys):
    site.cuts = [10_000, 25_000]
    assert fetch(site, tmp_path / "f").path.read_bytes() == archive
    assert ranges(site) == [None, "bytes=10000-", "bytes=35000-"]
    assert f"10000 of {len(archive)} bytes came; trying again" in capsys.readouterr().err


def test_a_later_call_resumes_where_an_earlier_one_gave_up(site, archive, tmp_path):
    site.cuts = [10_000, 0, 0, 0]
    with pytest.raises(BadFile, match=r"the first 10000 bytes are kept in cat\.npz\.part, and the same command"):
        fetch(site, tmp_path / "f")
    assert names(tmp_path / "f") == ["cat.npz.part"]
    site.asked.clear()
    assert fetch(site, tmp_path / "f").path.read_bytes() == archive
    assert ranges(site) == ["bytes=10000-"]
    assert names(tmp_path / "f") == ["cat.npz"]


def test_it_does_not_give_up_while_bytes_arrive(site, archive, tmp_path):
    step = len(archive) // 12
    site.cuts = [step] * 10
    assert fetch(site, tmp_path / "f").path.read_bytes() == archive
    assert len(site.asked) == 11


def test_a_server_without_ranges_starts_over(site, archive, tmp_path):
    site.ranges, site.cuts = False, [10_000]
    assert fetch(site, tmp_path / "f").path.read_bytes() == archive
    assert ranges(site) == [None, "bytes=10000-"]


def test_a_server_without_ranges_that_always_breaks_is_given_up(site, tmp_path):
    site.ranges, site.cuts = False, [10_000, 9_000, 10_000, 9_000, 10_000, 9_000]
    with pytest.raises(BadFile, match="cannot be fetched"):
        fetch(site, tmp_path / "f")
    assert len(site.asked) == 1 + QUICK.tries


def test_a_complete_part_only_gets_its_name(site, archive, tmp_path):
    (tmp_path / "cat.npz.part").write_bytes(archive)
    assert fetch(site, tmp_path).path.read_bytes() == archive
    assert ranges(site) == [f"bytes={len(archive)}-"]


def test_a_part_that_is_too_long_is_thrown_away(site, archive, tmp_path):
    (tmp_path / "cat.npz.part").write_bytes(archive + b"more")
    assert fetch(site, tmp_path).path.read_bytes() == archive
    assert ranges(site) == [f"bytes={len(archive) + 4}-", None]


def test_a_part_of_another_file_is_found_by_its_checksums(site, archive, tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "cat.npz.part").write_bytes(bytes(10_000))
    with pytest.raises(BadFile, match="not a zip archive, or is damaged; nothing was kept"):
        fetch(site, folder)
    assert names(folder) == []
    assert fetch(site, folder).path.read_bytes() == archive


def test_another_part_than_the_one_asked_for_is_not_appended(site, archive, tmp_path):
    site.cuts, site.wrong_start = [10_000], 100
    assert fetch(site, tmp_path / "f").path.read_bytes() == archive
    assert ranges(site) == [None, "bytes=10000-", None]


def test_a_length_that_is_never_reached_is_reported(site, archive, tmp_path):
    site.add_to_length, site.ranges = 7, False
    with pytest.raises(BadFile, match=f"{len(archive)} of {len(archive) + 7} bytes came"):
        fetch(site, tmp_path / "f")
    assert names(tmp_path / "f") == ["cat.npz.part"]


def test_a_length_that_the_server_corrects_is_accepted(site, archive, tmp_path):
    """Asked for the rest, it says that there is none, so what came is the file."""
    site.add_to_length = 7
    assert fetch(site, tmp_path / "f").path.read_bytes() == archive
    assert ranges(site) == [None, f"bytes={len(archive)}-"]


def test_a_length_that_is_too_small_leaves_no_half_file(site, tmp_path):
    site.add_to_length = -1000
    with pytest.raises(BadFile, match="nothing was kept"):
        fetch(site, tmp_path / "f")
    assert names(tmp_path / "f") == []


def test_a_server_that_says_no_length_is_checked_by_content(site, archive, tmp_path):
    site.hide_length = True
    assert fetch(site, tmp_path / "f").path.read_bytes() == archive
    site.cuts = [10_000]
    with pytest.raises(BadFile, match="nothing was kept"):
        fetch(site, tmp_path / "g")
    assert names(tmp_path / "g") == []


@pytest.mark.parametrize("content", [b"<html>log in first</html>", b"", b"PK\x05\x06" + bytes(10)])
def test_what_is_no_archive_is_not_kept(site, content, tmp_path):
    site.files["/sketchrnn/cat.npz"] = content
    with pytest.raises(BadFile, match=r"cat\.npz: what the server sent is not a zip archive"):
        fetch(site, tmp_path / "f")
    assert names(tmp_path / "f") == []


def test_simplified_files_are_lines_of_json(site, tmp_path):
    lines = b'{"word":"alarm clock","drawing":[[[0,1],[0,1]]]}\n' * 3
    site.files["/full/simplified/alarm%20clock.ndjson"] = lines
    site.files["/full/simplified/cat.ndjson"] = b"<html>\n"
    outcome = fetch(site, tmp_path / "f", "alarm clock", kind="simplified")
    assert (outcome.path.name, outcome.path.read_bytes()) == ("alarm clock.ndjson", lines)
    with pytest.raises(BadFile, match="not lines of JSON"):
        fetch(site, tmp_path / "f", kind="simplified")
    assert names(tmp_path / "f") == ["alarm clock.ndjson"]


def test_an_unknown_category_names_its_neighbours(site, tmp_path):
    with pytest.raises(BadOption, match=r"no category 'bycicle'; did you mean .*'bicycle'"):
        fetch(site, tmp_path / "f", "bycicle")
    assert names(tmp_path / "f") == []


def test_a_known_category_that_is_missing_on_the_server_is_reported(site, tmp_path):
    with pytest.raises(BadFile, match=r"sun\.npz: cannot be fetched \(the server says 404"):
        fetch(site, tmp_path / "f", "sun")


def test_a_busy_server_is_asked_again(site, archive, tmp_path):
    site.codes = [503, 429]
    assert fetch(site, tmp_path / "f").path.read_bytes() == archive


def test_a_server_that_stays_busy_or_forbids_is_reported(site, tmp_path):
    site.codes = [500] * QUICK.tries
    with pytest.raises(BadFile, match="the server says 500"):
        fetch(site, tmp_path / "f")
    site.codes = [401, 401]
    with pytest.raises(BadFile, match="the server says 401"):
        fetch(site, tmp_path / "f")
    assert site.codes == [401]


def test_a_missing_server_is_reported(tmp_path):
    with serving() as gone:
        pass
    with pytest.raises(BadFile, match="cannot be fetched"):
        fetch(gone, tmp_path / "f")


def test_a_redirect_to_a_local_file_is_refused(site, tmp_path):
    secret = tmp_path / "secret.npz"
    secret.write_text("secret")
    site.moved_to = secret.as_uri()
    with pytest.raises(BadFile, match="cannot be fetched"):
        fetch(site, tmp_path / "f")
    assert names(tmp_path / "f") == []


def test_a_disk_error_is_reported_and_not_tried_again(site, tmp_path):
    (tmp_path / "f").write_text("a file where the folder should be")
    with pytest.raises(BadFile, match="cannot be written"):
        fetch(site, tmp_path / "f")
    assert site.asked == []


def test_addresses_are_the_official_ones():
    assert RemoteFile("alarm clock").url == f"{OFFICIAL}/sketchrnn/alarm%20clock.npz"
    assert RemoteFile("cat", full=True).url == f"{OFFICIAL}/sketchrnn/cat.full.npz"
    assert RemoteFile("cat", "simplified").url == f"{OFFICIAL}/full/simplified/cat.ndjson"


@pytest.mark.parametrize("base", ["ftp://x", "file:///etc", "/etc", "localhost:80"])
def test_other_addresses_than_http_are_refused(base):
    with pytest.raises(BadOption, match="http"):
        RemoteFile("cat", base=base)


@pytest.mark.parametrize("name", ["../cat", "a/b", "", ".x"])
def test_a_category_cannot_leave_the_folder(name):
    with pytest.raises(BadOption, match="no category"):
        RemoteFile(name, base="http://127.0.0.1")


def test_unknown_names_are_refused_before_google_is_asked():
    with pytest.raises(BadOption, match="did you mean 'snowman'"):
        RemoteFile("snowmann")


def test_full_and_simplified_together_are_refused():
    with pytest.raises(BadOption, match="hold all drawings anyway"):
        RemoteFile("cat", "simplified", full=True)
