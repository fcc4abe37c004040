"""Download Quick, Draw!'s official files: whole, checked, and resumed where a connection broke.

This module knows HTTP and where the files are. It knows nothing of sketches.

A file on its way is ``NAME.part``. It gets its name once it is complete, so a file with its name is never downloaded
again. docs/design.md says which libraries were tried in place of this module.
"""

from __future__ import annotations

import http.client
import re
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from tqdm import tqdm

from codes.data.quickdraw import categories, is_category_name, unknown_category
from codes.errors import BadFile, BadOption
from codes.formats.files import disk_errors_of
from codes.progress import progress

OFFICIAL = "https://storage.googleapis.com/quickdraw_dataset"
CHUNK = 1 << 18
TIMEOUT = 30.0
RETRIABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})

DownloadKind = Literal["sketchrnn", "simplified"]


@dataclass(frozen=True)
class RemoteFile:
    """Name one file of the data set.

    Attributes:
        category: the name of what it shows.
        kind: ``sketchrnn`` for ``.npz`` with splits, ``simplified`` for ``.ndjson``.
        full: take all drawings of the category, not 75 000 at most. Only for ``.npz``, since ``.ndjson`` have all.
        base: the address of the data set, or of a mirror.

    Raises:
        BadOption: the category is unknown or cannot name a file, options contradict each other, or the address is not
            http(s).
    """

    category: str
    kind: DownloadKind = "sketchrnn"
    full: bool = False
    base: str = OFFICIAL

    def __post_init__(self) -> None:
        if self.full and self.kind != "sketchrnn":
            raise BadOption("--full is for --kind sketchrnn; the simplified files hold all drawings anyway")
        if urlsplit(self.base).scheme not in ("http", "https"):
            raise BadOption(f"{self.base}: files are fetched from http:// or https:// addresses only")
        unknown = self.base == OFFICIAL and self.category not in categories()
        if unknown or not is_category_name(self.category):
            raise unknown_category(self.category)

    @property
    def name(self) -> str:
        """Return the name of the file."""
        if self.kind == "simplified":
            return f"{self.category}.ndjson"
        return f"{self.category}.full.npz" if self.full else f"{self.category}.npz"

    @property
    def url(self) -> str:
        """Return the address of the file."""
        folder = "sketchrnn" if self.kind == "sketchrnn" else "full/simplified"
        return f"{self.base.rstrip('/')}/{folder}/{quote(self.name)}"


@dataclass(frozen=True)
class RetryPolicy:
    """Say how often to try again after a connection broke, and how long to wait.

    Attributes:
        tries: number of tries in a row without a new byte after which the download fails.
        seconds: time before the second try; doubled before each further one.
    """

    tries: int = 5
    seconds: float = 1.0


@dataclass(frozen=True)
class DownloadResult:
    """Name a file that is here now; ``fetched`` is false if it was here before."""

    path: Path
    size: int
    fetched: bool


def download(remote: RemoteFile, folder: Path, retry: RetryPolicy | None = None) -> DownloadResult:
    """Download a file into a folder, resuming where an earlier attempt stopped.

    Raises:
        BadFile: the server does not have it, the connection keeps breaking (what came is kept), the content is damaged
            or of the wrong kind (nothing is kept), or the disk fails.
        BadOption: the server does not know the category.
    """
    target = folder / remote.name
    with disk_errors_of(target, "written"):
        if target.exists():
            return DownloadResult(target, target.stat().st_size, fetched=False)
        folder.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        _fetch(remote, part, retry or RetryPolicy())
        _check(part, target)
        part.replace(target)
        return DownloadResult(target, target.stat().st_size, fetched=True)


class _ConnectionBroken(Exception):
    """Report that the connection ended too early, or that the server could not answer just now."""


def _fetch(remote: RemoteFile, part: Path, retry: RetryPolicy) -> None:
    """Try until the file is complete, or until it no longer grows."""
    failures, largest = 0, _size(part)
    while True:
        try:
            return _attempt(remote, part)
        except _ConnectionBroken as error:
            failures = 0 if _size(part) > largest else failures + 1
            largest = max(largest, _size(part))
            if failures >= retry.tries:
                raise _download_error(remote, part, error) from error
            tqdm.write(f"{remote.name}: {error}; trying again", file=sys.stderr)
        time.sleep(retry.seconds * 2 ** max(failures - 1, 0))


def _download_error(remote: RemoteFile, part: Path, error: _ConnectionBroken) -> BadFile:
    """Return the error that ends a download, with what is kept of it."""
    kept = _size(part)
    rest = f"; the first {kept} bytes are kept in {part.name}, and the same command goes on from there" if kept else ""
    return BadFile(remote.url, f"cannot be fetched ({error}){rest}")


def _attempt(remote: RemoteFile, part: Path) -> None:
    """Request what is still missing, once."""
    try:
        with _response(remote, offset=_size(part)) as response:
            start, total = _content_range(response, part)
            _receive(response, part, start, total)
    except HTTPError as refusal:
        with refusal:
            _handle_refusal(refusal, remote, part)
            return
    if total is not None and _size(part) < total:
        raise _ConnectionBroken(f"{_size(part)} of {total} bytes came")


@contextmanager
def _response(remote: RemoteFile, offset: int) -> Iterator[Any]:
    """Yield the server's response from ``offset`` on; a failure before its first byte is a broken connection."""
    headers = {"User-Agent": "halfdrawn", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        response = _opener().open(Request(remote.url, headers=headers), timeout=TIMEOUT)
    except HTTPError:
        raise
    except URLError as error:
        raise _ConnectionBroken(str(error.reason)) from error
    except (http.client.HTTPException, OSError) as error:
        raise _ConnectionBroken(str(error) or type(error).__name__) from error
    with response:
        yield response


def _opener() -> OpenerDirector:
    """Return an opener of http and https only; the default one also opens local files and ftp."""
    opener = OpenerDirector()
    handlers = (ProxyHandler, HTTPHandler, HTTPSHandler, HTTPRedirectHandler, HTTPDefaultErrorHandler)
    for handler in (*handlers, HTTPErrorProcessor, UnknownHandler):
        opener.add_handler(handler())
    return opener


def _content_range(response: Any, part: Path) -> tuple[int, int | None]:
    """Return where in the file the response begins, and how long the file is, if the server says."""
    length = response.headers.get("Content-Length", "")
    if response.status != 206:
        return 0, int(length) if length.isdecimal() else None
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", "").strip())
    if found and int(found[1]) == _size(part):
        return int(found[1]), int(found[2])
    part.unlink(missing_ok=True)
    raise _ConnectionBroken("the server sent another part of the file than was asked for")


def _receive(response: Any, part: Path, start: int, total: int | None) -> None:
    """Write what comes. A server may answer a request for the rest with the whole file, which then starts over."""
    name = part.name.removesuffix(".part")
    bar: tqdm[Any] = progress(total=total, initial=start, unit="B", unit_scale=True, unit_divisor=1024, desc=name)
    with part.open("ab" if start else "wb") as file, bar:
        for chunk in _chunks(response):
            file.write(chunk)
            bar.update(len(chunk))


def _chunks(response: Any) -> Iterator[bytes]:
    while True:
        try:
            chunk: bytes = response.read1(CHUNK)
        except (http.client.HTTPException, OSError) as error:
            raise _ConnectionBroken(str(error) or type(error).__name__) from error
        if not chunk:
            return
        yield chunk


def _handle_refusal(refusal: HTTPError, remote: RemoteFile, part: Path) -> None:
    """Raise what an error status means; return only if the file is complete as it is."""
    if refusal.code == 416:
        _handle_range_refusal(refusal.headers.get("Content-Range", ""), part)
    elif refusal.code in RETRIABLE_STATUSES:
        raise _ConnectionBroken(f"the server says {refusal.code} {refusal.reason}")
    elif refusal.code in (403, 404, 410) and remote.category not in categories():
        raise unknown_category(remote.category)
    else:
        raise BadFile(remote.url, f"cannot be fetched (the server says {refusal.code} {refusal.reason})")


def _handle_range_refusal(content_range: str, part: Path) -> None:
    """Return if what we have is the whole file; otherwise it belongs to another file, and is thrown away."""
    if content_range.strip() == f"bytes */{_size(part)}":
        return
    part.unlink()
    raise _ConnectionBroken("what was here is longer than the file")


def _check(part: Path, target: Path) -> None:
    """Throw away what cannot be the file, whatever the server called it."""
    valid = _is_archive(part) if target.suffix == ".npz" else _is_lines(part)
    if not valid:
        part.unlink()
        kind = "a zip archive" if target.suffix == ".npz" else "lines of JSON"
        raise BadFile(target, f"what the server sent is not {kind}, or is damaged; nothing was kept")


def _is_archive(path: Path) -> bool:
    """Return true if every member of the archive has the length and the checksum that the archive says."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        return False


def _is_lines(path: Path) -> bool:
    """Return true if the file begins and ends as lines of JSON objects do."""
    with path.open("rb") as file:
        first = file.read(1)
        file.seek(-min(_size(path), 2), 2)
        return first == b"{" and file.read().rstrip().endswith(b"}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
