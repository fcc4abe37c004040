"""Files are written as a whole or not at all."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest
import torch

from codes.checkpoints.tensors import save_tensors
from codes.errors import BadFile
from codes.formats.files import atomic_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_file_takes_its_place_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.txt") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(error), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    sentence = r"a\.txt: cannot be written \(no space left on device\)$"
    with pytest.raises(BadFile, match=sentence), atomic_path(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert names(tmp_path) == []


def test_an_oserror_of_a_library_is_raised_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot write mode"), atomic_path(tmp_path / "a.txt"):
        raise OSError("cannot write mode")


def test_a_missing_folder_is_made_and_leaves_nothing_where_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError), atomic_path(tmp_path / "new" / "deep" / "a.txt"):
        raise ValueError
    assert names(tmp_path) == []
    with atomic_path(tmp_path / "new" / "deep" / "a.txt") as temporary:
        temporary.write_text("here")
    assert (tmp_path / "new" / "deep" / "a.txt").read_text() == "here"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadFile, match="file is no folder"), atomic_path(tmp_path / "file" / "deep" / "a.txt"):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("umask", [0o022, 0o027])
def test_a_file_has_the_mode_of_any_other_whatever_writes_it(tmp_path: Path, umask: int) -> None:
    """Weights were written by a library that kept them from all but their owner, so a bundle could not be shared."""
    before = os.umask(umask)
    try:
        (tmp_path / "plain").touch()
        save_tensors(tmp_path / "weights.safetensors", {"w": torch.zeros(2)}, {})
        with atomic_path(tmp_path / "private.txt") as temporary:
            temporary.write_text("mine")
            temporary.chmod(0o600)
    finally:
        os.umask(before)
    assert {oct(path.stat().st_mode) for path in tmp_path.iterdir()} == {oct((tmp_path / "plain").stat().st_mode)}


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="it is a folder"), atomic_path(tmp_path):
        pytest.fail("the block must not run")


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadFile, match="no ordinary file"), atomic_path(tmp_path / "pipe"):
        pytest.fail("the block must not run")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the root user may write anywhere")
def test_a_folder_without_permission_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BadFile, match="is read-only"), atomic_path(tmp_path / "a.txt"):
        pytest.fail("the block must not run")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    with atomic_path(tmp_path / "link.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_an_error_about_a_file_passes_from_process_to_process() -> None:
    """A pool whose worker raised it was broken, because it could not be built again from its message alone."""
    copy = pickle.loads(pickle.dumps(BadFile("a.npz", "is damaged")))
    assert isinstance(copy, BadFile) and str(copy) == "a.npz: is damaged"
    assert (copy.path, copy.reason) == (Path("a.npz"), "is damaged")
