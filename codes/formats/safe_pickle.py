"""Read arrays of arrays from pickle bytes, without pickle.

numpy stores an array of arrays as a pickle, and a pickle is a program that may call anything. This module interprets
the few instructions that numpy writes (Python 2 and 3, protocols 2 to 4). It calls nothing: names stand for themselves,
and an array is its shape, type and bytes until all three have been checked. Every length is compared with what is
really there before memory is taken, and steps, stack, memo and tuples are bounded.

This module knows bytes. It knows no files and no sketches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS_PER_ITEM = 64
MEMOS_PER_ITEM = 16
ALLOWANCE = 4096
MAX_TUPLE = 16
MAX_BYTES = 1 << 28
MAX_DIMENSIONS = 3

NUMBER_TYPES = frozenset({"i1", "i2", "i4", "i8", "f2", "f4", "f8"})
OBJECT_TYPES = frozenset({"O", "O4", "O8"})


class NotArrays(ValueError):
    """Report bytes that are no pickled array of arrays, or a dangerous one."""


class _Name(Enum):
    """List what a pickled array may name; a name is never looked up, it only says how to go on."""

    ARRAY_MAKER = "_reconstruct"
    ARRAY = "ndarray"
    TYPE = "dtype"
    ENCODE = "encode"


_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): _Name.ARRAY_MAKER,
    ("numpy._core.multiarray", "_reconstruct"): _Name.ARRAY_MAKER,
    ("numpy", "ndarray"): _Name.ARRAY,
    ("numpy", "dtype"): _Name.TYPE,
    ("_codecs", "encode"): _Name.ENCODE,
}


# No repr and no equality: both would follow the cycles that a hostile file may hold.
@dataclass(slots=True, repr=False, eq=False)
class _Type:
    """Hold a type as the file gives it, unchecked."""

    code: str
    order: str = "="


@dataclass(slots=True, repr=False, eq=False)
class _Array:
    """Hold an array as the file gives it, unchecked; the content of an object array is a list of others."""

    shape: tuple[int, ...] = ()
    kind: _Type | None = None
    fortran: bool = False
    content: bytes | list[_Array] = b""


def object_array(data: bytes, size: int) -> NDArray[np.object_]:
    """Return the object array in ``data``, whose items are arrays of numbers; ``size`` is how many are expected.

    Raises:
        NotArrays: the bytes hold anything else.
    """
    array = _Interpreter(data, size).run()
    items = array.content
    if not isinstance(array.kind, _Type) or array.kind.code not in OBJECT_TYPES or not isinstance(items, list):
        raise NotArrays("it holds no list of arrays")
    if len(items) != size or math.prod(array.shape) != size:
        raise NotArrays(f"it promises {size} arrays and holds {len(items)}")
    if sum(len(item.content) for item in items) > MAX_BYTES:
        raise NotArrays(f"its arrays take more than {MAX_BYTES} bytes")
    result = np.empty(size, dtype=object)
    for index, item in enumerate(items):
        result[index] = _numbers(item)
    return result.reshape(array.shape)


def is_shape(shape: Any) -> bool:
    """Return true for a tuple of at most three sizes, none of them too large."""
    if not isinstance(shape, tuple) or len(shape) > MAX_DIMENSIONS:
        return False
    return all(type(side) is int and 0 <= side <= MAX_BYTES for side in shape)


def number_type(code: str, order: str) -> np.dtype[Any]:
    """Return the type that numpy writes as ``i2``, ``f4``, ... with its byte order.

    Raises:
        NotArrays: it is no type of plain numbers.
    """
    if code not in NUMBER_TYPES or order not in ("<", ">", "=", "|"):
        raise NotArrays(f"its numbers are of type {order + code!r}; taken are {', '.join(sorted(NUMBER_TYPES))}")
    return np.dtype(order + code)


def numbers(content: bytes, shape: tuple[int, ...], kind: np.dtype[Any], fortran: bool) -> NDArray[Any]:
    """Return a new array of these bytes, in this machine's byte order.

    Raises:
        NotArrays: there are more or fewer bytes than the shape says.
    """
    if math.prod(shape) * kind.itemsize != len(content):
        raise NotArrays(f"an array of shape {shape} does not have {len(content)} bytes")
    view: NDArray[Any] = np.ndarray(shape, kind, buffer=content, order="F" if fortran else "C")
    return view.astype(kind.newbyteorder("="), order="C")


def _numbers(item: _Array) -> NDArray[Any]:
    if not isinstance(item.kind, _Type) or not isinstance(item.content, bytes):
        raise NotArrays("it holds something other than arrays of numbers")
    return numbers(item.content, item.shape, number_type(item.kind.code, item.kind.order), item.fortran)


class _Interpreter:
    """Run the stack machine of pickle, cut down to what numpy writes."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data = data
        self.position = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.max_stack = size + ALLOWANCE
        self.max_memo = MEMOS_PER_ITEM * size + ALLOWANCE
        self.max_steps = STEPS_PER_ITEM * size + ALLOWANCE

    def run(self) -> _Array:
        instructions = _INSTRUCTIONS
        for _ in range(self.max_steps):
            code = self.take(1)[0]
            if code == _STOP:
                return self.result()
            instruction = instructions.get(code)
            if instruction is None:
                raise NotArrays(f"it holds the pickle instruction {bytes([code])!r}, which no array needs")
            instruction(self)
            if len(self.stack) > self.max_stack or len(self.memo) > self.max_memo:
                break
        raise NotArrays("its pickle is longer than its arrays need")

    def result(self) -> _Array:
        value = self.pop()
        if self.stack or not isinstance(value, _Array):
            raise NotArrays("it is no pickled array")
        return value

    def take(self, count: int) -> bytes:
        taken = self.data[self.position : self.position + count]
        if len(taken) < count:
            raise NotArrays("its pickle ends too early")
        self.position += count
        return taken

    def take_int(self, count: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(count), "little", signed=signed)

    def take_line(self) -> str:
        end = self.data.find(b"\n", self.position, self.position + 200)
        if end < 0:
            raise NotArrays("its pickle ends too early")
        line = self.take(end + 1 - self.position)
        return line[:-1].decode("latin-1")

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise NotArrays("its pickle takes more than it has")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise NotArrays("its pickle takes more than it has")
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def mark(self) -> None:
        self.marks.append(len(self.stack))
        if len(self.marks) > MAX_TUPLE:
            raise NotArrays("its pickle is nested too deeply")

    def push_bytes(self, width: int) -> None:
        self.stack.append(self.take(self.take_int(width)))

    def push_text(self, width: int) -> None:
        try:
            self.stack.append(self.take(self.take_int(width)).decode("utf-8"))
        except UnicodeDecodeError as error:
            raise NotArrays("its pickle has text that is not UTF-8") from error

    def push_long(self) -> None:
        width = self.take_int(1)
        if width > 8:
            raise NotArrays("its pickle has an absurdly large number")
        self.stack.append(self.take_int(width, signed=True))

    def push_tuple(self, items: list[Any]) -> None:
        nested = any(type(item) is tuple and any(type(inner) is tuple for inner in item) for item in items)
        if nested or len(items) > MAX_TUPLE:
            raise NotArrays("its pickle is nested too deeply")
        self.stack.append(tuple(items))

    def push_tuple_of(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self.push_tuple(items[::-1])

    def push_name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise NotArrays("it is no pickled array")
        if (module, name) not in _NAMES:
            raise NotArrays(f"it asks for {f'{module}.{name}'[:80]!r}, which no array needs")
        self.stack.append(_NAMES[module, name])

    def push_name_from_stack(self) -> None:
        name, module = self.pop(), self.pop()
        self.push_name(module, name)

    def put(self, index: int) -> None:
        if not self.stack:
            raise NotArrays("its pickle takes more than it has")
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise NotArrays("its pickle takes more than it has")
        self.stack.append(self.memo[index])

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1] if self.stack else None
        if not isinstance(target, list) or not all(isinstance(item, _Array) for item in items):
            raise NotArrays("it holds something other than arrays of numbers")
        target.extend(items)
        if len(target) > self.max_stack:
            raise NotArrays("it holds more arrays than it promises")

    def append_one(self) -> None:
        item = self.pop()
        self.append([item])

    def reduce(self) -> None:
        arguments, name = self.pop(), self.pop()
        if not isinstance(arguments, tuple) or not arguments:
            raise NotArrays("it is no pickled array")
        if name is _Name.ARRAY_MAKER and arguments[0] is _Name.ARRAY:
            self.stack.append(_Array())
        elif name is _Name.TYPE:
            self.stack.append(_Type(_text(arguments[0])))
        elif name is _Name.ENCODE:
            self.stack.append(_encoded(arguments[0]))
        else:
            raise NotArrays("it calls something that no array needs")

    def build(self) -> None:
        state = self.pop()
        target = self.stack[-1] if self.stack else None
        if not isinstance(state, tuple) or len(state) < 2:
            raise NotArrays("it is no pickled array")
        if isinstance(target, _Array) and len(state) == 5:
            _set_array(target, state)
        elif isinstance(target, _Type):
            target.order = _text(state[1])
        else:
            raise NotArrays("it is no pickled array")


def _set_array(target: _Array, state: tuple[Any, ...]) -> None:
    _, shape, kind, fortran, content = state
    if not is_shape(shape) or not isinstance(kind, _Type) or not isinstance(content, bytes | list):
        raise NotArrays("it is no pickled array")
    target.shape, target.kind, target.fortran, target.content = shape, kind, bool(fortran), content


def _text(value: Any) -> str:
    # Python 2 wrote such names as bytes.
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str) or len(value) > 8:
        raise NotArrays("it is no pickled array")
    return value


def _encoded(value: Any) -> bytes:
    if not isinstance(value, str):
        raise NotArrays("it is no pickled array")
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError as error:
        raise NotArrays("its pickle has bytes that are none") from error


_STOP = ord(".")

_INSTRUCTIONS: dict[int, Callable[[_Interpreter], Any]] = {
    0x80: lambda m: m.take(1),  # protocol
    0x95: lambda m: m.take(8),  # frame
    ord("("): _Interpreter.mark,
    ord("N"): lambda m: m.stack.append(None),
    0x88: lambda m: m.stack.append(True),
    0x89: lambda m: m.stack.append(False),
    ord("J"): lambda m: m.stack.append(m.take_int(4, signed=True)),
    ord("K"): lambda m: m.stack.append(m.take_int(1)),
    ord("M"): lambda m: m.stack.append(m.take_int(2)),
    0x8A: _Interpreter.push_long,
    ord("C"): lambda m: m.push_bytes(1),
    ord("B"): lambda m: m.push_bytes(4),
    0x8E: lambda m: m.push_bytes(8),
    ord("U"): lambda m: m.push_bytes(1),  # a string of Python 2
    ord("T"): lambda m: m.push_bytes(4),  # a string of Python 2
    0x8C: lambda m: m.push_text(1),
    ord("X"): lambda m: m.push_text(4),
    ord("c"): lambda m: m.push_name(m.take_line(), m.take_line()),
    0x93: _Interpreter.push_name_from_stack,
    ord(")"): lambda m: m.stack.append(()),
    0x85: lambda m: m.push_tuple_of(1),
    0x86: lambda m: m.push_tuple_of(2),
    0x87: lambda m: m.push_tuple_of(3),
    ord("t"): lambda m: m.push_tuple(m.pop_to_mark()),
    ord("]"): lambda m: m.stack.append([]),
    ord("a"): _Interpreter.append_one,
    ord("e"): lambda m: m.append(m.pop_to_mark()),
    ord("R"): _Interpreter.reduce,
    ord("b"): _Interpreter.build,
    0x94: lambda m: m.put(len(m.memo)),
    ord("q"): lambda m: m.put(m.take_int(1)),
    ord("r"): lambda m: m.put(m.take_int(4)),
    ord("h"): lambda m: m.get(m.take_int(1)),
    ord("j"): lambda m: m.get(m.take_int(4)),
}
