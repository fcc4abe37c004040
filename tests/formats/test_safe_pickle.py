"""Pickled arrays are read as pickle reads them, and hostile pickles are refused and never run."""

from __future__ import annotations

import os
import pickle
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from codes.formats.safe_pickle import NotArrays, object_array


def sketches(kind: str = "int16", count: int = 3) -> NDArray[np.object_]:
    array = np.empty(count, dtype=object)
    for index in range(count):
        array[index] = (np.arange(3 * (index + 2)).reshape(-1, 3) % 2).astype(kind)
    return array


def assert_equal(ours: NDArray[np.object_], theirs: NDArray[np.object_]) -> None:
    assert ours.shape == theirs.shape
    for a, b in zip(ours.flat, theirs.flat, strict=True):
        assert a.dtype == b.dtype.newbyteorder("=")
        assert a.flags.writeable
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "float16", "float32", "float64", ">i2", ">f4"])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_every_type_and_protocol_reads_as_pickle_reads_it(kind: str, protocol: int) -> None:
    array = sketches(kind)
    assert_equal(object_array(pickle.dumps(array, protocol), 3), array)


def test_arrays_of_arrays_of_two_dimensions_keep_their_shape() -> None:
    array = sketches(count=6).reshape(2, 3)
    assert_equal(object_array(pickle.dumps(array, 4), 6), array)


def test_columns_first_order_is_understood() -> None:
    array = sketches(count=1)
    array[0] = np.asfortranarray(array[0])
    assert_equal(object_array(pickle.dumps(array, 4), 1), array)


def test_the_same_array_twice_is_read_twice() -> None:
    array = sketches(count=2)
    array[1] = array[0]
    assert_equal(object_array(pickle.dumps(array, 4), 2), array)


def test_an_empty_list_is_read() -> None:
    assert object_array(pickle.dumps(np.empty(0, dtype=object), 4), 0).shape == (0,)


def python_2_pickle() -> bytes:
    """As numpy under Python 2 wrote it: names and data as byte strings, one sketch of two rows."""
    rows = np.array([[1, 2, 0], [3, 4, 1]], dtype="<i2")
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02"
    kind = b"cnumpy\ndtype\nq\x03U\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    inner_kind = b"h\x03U\x02i2K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    inner = b"h\x01h\x02K\x00\x85U\x01b\x87R(K\x01K\x02K\x03\x86" + inner_kind + b"\x89U\x0c" + rows.tobytes() + b"tb"
    return b"\x80\x02" + reconstruct + b"K\x00\x85U\x01b\x87R(K\x01K\x01\x85" + kind + b"\x89]" + inner + b"atb."


def test_python_2_files_are_read() -> None:
    (ours,) = object_array(python_2_pickle(), 1)
    assert ours.tolist() == [[1, 2, 0], [3, 4, 1]]
    theirs = pickle.loads(python_2_pickle(), encoding="latin1")
    np.testing.assert_array_equal(ours, theirs[0])


class Touch:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_code_in_a_pickle_never_runs(tmp_path: Path, protocol: int) -> None:
    array = sketches()
    array[1] = Touch(tmp_path / "ran")
    with pytest.raises(NotArrays):
        object_array(pickle.dumps(array, protocol), 3)
    assert not (tmp_path / "ran").exists()


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
TYPE = b"cnumpy\ndtype\n"


def array_of(shape: bytes, kind: bytes, content: bytes) -> bytes:
    """The instructions for one array."""
    maker = ARRAY + b"K\x00\x85C\x01b\x87R"
    return maker + b"(K\x01" + shape + TYPE + b"\x8c" + bytes([len(kind)]) + kind + b"\x85R\x89" + content + b"tb"


def holding(item: bytes) -> bytes:
    """A pickle of an object array with one item."""
    return b"\x80\x04" + array_of(b"K\x01\x85", b"O8", b"]" + item + b"a") + b"."


HUGE = b"\x8a\x08" + (10**12).to_bytes(8, "little")
TWELVE = b"C\x0c" + bytes(12)

HOSTILE = {
    "a name nobody needs": holding(b"cos\nsystem\nC\x01x\x85R"),
    "builtins": holding(b"cbuiltins\neval\nC\x01x\x85R"),
    "an attribute path": holding(b"\x8c\x05numpy\x8c\x0dndarray.tofile\x93"),
    "names that are no text": holding(b"]]\x93"),
    "a huge shape": holding(array_of(HUGE + b"\x85", b"i2", TWELVE)),
    "a huge shape that is empty": holding(array_of(b"K\x00" + HUGE + b"\x86", b"i2", b"C\x00")),
    "more than is there": holding(array_of(b"K\x02K\x04\x86", b"i2", TWELVE)),
    "less than is there": holding(array_of(b"K\x01K\x03\x86", b"i2", TWELVE)),
    "a negative shape": holding(array_of(b"J\xff\xff\xff\xff\x85", b"i2", TWELVE)),
    "a shape of flags": holding(array_of(b"\x88\x85", b"i1", b"C\x01a")),
    "objects that are bytes": holding(array_of(b"K\x01\x85", b"O8", b"C\x08" + bytes(8))),
    "numbers that are a list": holding(array_of(b"K\x01\x85", b"i2", b"]")),
    "records": holding(array_of(b"K\x01\x85", b"i2,i2", b"C\x04" + bytes(4))),
    "texts": holding(array_of(b"K\x01\x85", b"U3", TWELVE)),
    "dates": holding(array_of(b"K\x01\x85", b"M8", b"C\x08" + bytes(8))),
    "complex numbers": holding(array_of(b"K\x01\x85", b"c8", b"C\x08" + bytes(8))),
    "a type without a number": holding(array_of(b"K\x03\x85", b"", TWELVE)),
    "an item that is a number": holding(b"K\x01"),
    "an item that is a list": holding(b"]"),
    "itself": b"\x80\x04"
    + ARRAY
    + b"K\x00\x85C\x01b\x87Rq\x00(K\x01K\x01\x85"
    + TYPE
    + b"\x8c\x02O8\x85R\x89]h\x00atb.",
    "bytes beyond the end": b"\x80\x04\x8e" + b"\xff" * 8 + b".",
    "text beyond the end": b"\x80\x04X\xff\xff\xff\x7f.",
    "a number of a megabyte": b"\x80\x04\x8b\x00\x00\x10\x00" + bytes(1 << 20) + b".",
    "a memo without bottom": b"\x80\x04Nr\xff\xff\xff\xff.",
    "a memo that is empty": b"\x80\x04h\x05.",
    "nothing to take": b"\x80\x04R.",
    "no mark": b"\x80\x04t.",
    "a mark in the way": b"\x80\x04N(\x85.",
    "tuples in tuples": b"\x80\x04)" + b"\x85" * 3000 + b".",
    "marks in marks": b"\x80\x04" + b"(" * 3000 + b".",
    "doubling": b"\x80\x04)" + b"q\x00h\x00\x86" * 60 + b".",
    "lists without end": b"\x80\x04" + b"]" * 1_000_000 + b".",
    "notes without end": b"\x80\x04N" + b"\x94" * 1_000_000 + b".",
    "a call of an array": holding(array_of(b"K\x01\x85", b"i2", b"C\x02ab") + b")R"),
    "state for a name": b"\x80\x04" + TYPE + b"(K\x01K\x02tb.",
    "encoding an object": holding(b"c_codecs\nencode\n]\x85R"),
    "encoding what has no byte": holding(b"c_codecs\nencode\n\x8c\x03\xe2\x82\xac\x85R"),
    "text that is none": b"\x80\x04\x8c\x01\xff.",
    "a name without end": b"\x80\x04c" + b"a" * 1000,
    "nothing": b"",
    "something left over": holding(array_of(b"K\x01K\x03\x86", b"i1", b"C\x03abc"))[:-1] + b"N.",
    "an instance": b"\x80\x02(i__main__\nTouch\n.",
    "a persistent name": b"\x80\x04Pabc\n.",
    "an extension": b"\x80\x04\x82\x01.",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_pickles_are_refused_without_taking_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(NotArrays) as refused:
            object_array(data, 1)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("instruction", [b"\x85", b"]", b"\x94"], ids=["tuples", "lists", "notes"])
def test_a_promise_of_many_sketches_does_not_buy_memory(instruction: bytes) -> None:
    """One byte of pickle can make an object of sixty; each kind is bounded by more than the number of steps."""
    tracemalloc.start()
    try:
        with pytest.raises(NotArrays):
            object_array(b"\x80\x04)" + instruction * 1_000_000 + b".", 10_000)
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


def test_the_frame_of_the_hostile_pickles_is_valid() -> None:
    """Otherwise the tests above would pass for the wrong reason."""
    (rows,) = object_array(holding(array_of(b"K\x02K\x03\x86", b"i2", TWELVE)), 1)
    assert rows.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_small_file_that_repeats_a_large_array_is_refused() -> None:
    array = np.empty(3000, dtype=object)
    array[:] = [np.zeros((30_000, 3), dtype=np.int16)] * 3000
    with pytest.raises(NotArrays, match="its arrays take more than"):
        object_array(pickle.dumps(array, 4), 3000)


@pytest.mark.parametrize("size", [0, 2, 4, 400_000])
def test_a_header_that_promises_another_number_is_refused(size: int) -> None:
    with pytest.raises(NotArrays):
        object_array(pickle.dumps(sketches(), 4), size)


def test_every_truncation_is_refused() -> None:
    data = pickle.dumps(sketches(), 4)
    for end in range(len(data)):
        with pytest.raises(NotArrays):
            object_array(data[:end], 3)


@given(st.data())
@settings(max_examples=300)
def test_damaged_pickles_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    content = bytearray(pickle.dumps(sketches(), 4))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = object_array(bytes(content), 3)
    except NotArrays as error:
        assert str(error)
    else:
        assert [item.dtype.kind in "if" for item in read.flat] == [True] * 3


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(NotArrays):
        object_array(content, 3)


def test_reading_time_grows_with_the_number_of_sketches_and_not_with_its_square() -> None:
    """Sixteen times the sketches take about sixteen times as long; with a square in it, it would be 256 times."""
    assert reading_time(8000) < 48 * reading_time(500)


def reading_time(count: int) -> float:
    """Return the least processor time, in seconds, of three readings; what else the machine does is not in it."""
    array = np.empty(count, dtype=object)
    array[:] = [np.zeros((5, 3), dtype=np.int16) for _ in range(count)]
    data = pickle.dumps(array, 4)
    times = []
    for _ in range(3):
        start = time.process_time()
        assert len(object_array(data, count)) == count
        times.append(time.process_time() - start)
    return min(times)
