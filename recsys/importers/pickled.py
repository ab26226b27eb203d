"""Read texts, numbers, lists, dictionaries and NumPy arrays of pickles, and run nothing of theirs.

A pickle is a program that can name any function. Here the few operations that these values need
are carried out one by one, and the names of NumPy's functions are marks for an array: no code but
this module's runs, and whatever else a pickle asks for refuses it.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lemons_utils import DataError

MOST_BYTES = 1 << 24
"""Bytes of a pickle: the largest of the published splits has 180 kB."""

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MODULES = {
    f"numpy.{core}.{module}" for core in ("core", "_core") for module in ("multiarray", "numeric")
}
_FUNCTIONS = {
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    **{
        f"{module} {name}": name
        for module in _MODULES
        for name in ("_reconstruct", "scalar", "_frombuffer")
    },
}
_DTYPE = re.compile(r"U\d{1,4}|b1|i[1248]|u[1248]|f[248]")


class _RefusedError(ValueError):
    """What a pickle holds that is not read."""


@dataclass(frozen=True)
class _Name:
    """The name of a function of NumPy's, which is never called."""

    name: str


@dataclass
class _Call:
    """What a pickle would make by calling a function of NumPy's."""

    name: str
    arguments: tuple[Any, ...]
    state: Any = None


def read_pickle(path: Path) -> Any:
    """Return what a pickle holds: texts, numbers, lists, dictionaries and NumPy arrays of these.

    Parameters
    ----------
    path : Path
        A file of at most 16 MiB, of protocols 2 to 5.

    Returns
    -------
    the value, in which lists, tuples and dictionaries hold no others of their kind; arrays of
    objects are lists

    Raises
    ------
    DataError
        If the file is missing, too large, damaged or holds anything else, a table of pandas for
        one.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise DataError(f"{path} has {size:,} bytes, more than the {MOST_BYTES:,} of a split")
    try:
        return _plain(_value(path.read_bytes()))
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        why = str(error) if isinstance(error, _RefusedError) else "it is no pickle, or damaged"
        raise DataError(
            f"{path} is not read: {why}. A pickle can run any program, so only texts, numbers, "
            "lists, dictionaries and NumPy arrays are read: write it as a list of texts where it "
            "was made (docs/data-sets.md)"
        ) from error


# -- the operations ----------------------------------------------------------------------------
class _Stack(list[Any]):
    """The values of a pickle that is being read, and the places of its marks."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[int] = []

    def since_mark(self) -> list[Any]:
        return self.last(len(self) - self.marks.pop())

    def last(self, count: int) -> list[Any]:
        if count > len(self):
            raise IndexError
        place = len(self) - count
        values = self[place:]
        del self[place:]
        return values


def _value(content: bytes) -> Any:
    """Carry out the operations of a pickle."""
    stack, memo = _Stack(), dict[Any, Any]()
    for operation, argument, _ in pickletools.genops(content):
        match operation.name:
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                return stack.pop()
            case "MARK":
                stack.marks.append(len(stack))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case name:
                stack.append(_made(name, argument, stack))
    raise ValueError("no STOP")


def _made(name: str, argument: Any, stack: _Stack) -> Any:
    """Return what an operation puts on the stack in place of what it takes from there."""
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    if name in _LITERALS:
        return argument
    match name:
        case "EMPTY_LIST":
            return []
        case "EMPTY_DICT":
            return {}
        case "TUPLE":
            return (*stack.since_mark(),)
        case "TUPLE1" | "TUPLE2" | "TUPLE3":
            return (*stack.last(_TUPLES[name]),)
        case "APPEND" | "APPENDS":
            added = stack.last(1) if name == "APPEND" else stack.since_mark()
            target = _of_type(list, stack.pop())
            target.extend(added)
            return target
        case "SETITEM" | "SETITEMS":
            pairs = stack.last(2) if name == "SETITEM" else stack.since_mark()
            known = _of_type(dict, stack.pop())
            for key, value in zip(pairs[::2], pairs[1::2], strict=True):
                known[_of_type(str, key)] = value  # of a text: hashing tuples may nest too deep
            return known
        case "GLOBAL" | "STACK_GLOBAL":
            return _named(argument if name == "GLOBAL" else " ".join(stack.last(2)))
        case "REDUCE":
            function, arguments = stack.last(2)
            return _Call(_of_type(_Name, function).name, _of_type(tuple, arguments))
        case "BUILD":
            call, state = stack.last(2)
            _of_type(_Call, call).state = state
            return call
    raise _RefusedError(f"it asks for the operation {name}")


def _named(name: str) -> _Name:
    if name not in _FUNCTIONS:
        raise _RefusedError(f"it asks for {name.replace(' ', '.')[:100]}")
    return _Name(_FUNCTIONS[name])


def _of_type(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value


# -- arrays ------------------------------------------------------------------------------------
def _plain(value: Any) -> Any:
    """Return a value with arrays in place of the calls that would make them."""
    if isinstance(value, dict):
        return {key: _leaf(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [*map(_leaf, value)]
    return _leaf(value)


def _leaf(value: Any) -> Any:
    if isinstance(value, _Call):
        return _array(value)
    if isinstance(value, (str, bool, int, float)):
        return value
    raise _RefusedError(f"it holds something of type {type(value).__name__.strip('_').lower()}")


def _array(call: _Call) -> Any:
    match call:
        case _Call("_reconstruct", _, (_, shape, _Call("dtype", ("O8", *_), _), _, list(content))):
            if shape != (len(content),):
                raise ValueError("an array of objects is no list")
            return [*map(_leaf, content)]
        case _Call("_reconstruct", _, (_, shape, dtype, _, content)):
            is_fortran = call.state[3]
        case _Call("_frombuffer", (content, dtype, shape, order)):
            is_fortran = order == "F"
        case _Call("scalar", (dtype, content)):
            shape, is_fortran = (), False
        case _:
            raise _RefusedError(f"it calls {call.name}, which makes no array")
    array = np.frombuffer(content, dtype=_dtype(dtype))
    return array.reshape(shape, order="F" if is_fortran else "C")


def _dtype(call: Any) -> np.dtype[Any]:
    match call:
        case _Call("dtype", (str(code), *_), (_, "<" | ">" | "|" as order, *_)):
            if _DTYPE.fullmatch(code):
                return np.dtype(code).newbyteorder(order)
            raise _RefusedError(f"it holds an array of type {code[:20]}")
    raise ValueError("an array of no type")


def texts(value: Any) -> Iterator[str]:
    """Yield the texts of a list, or of an array with one axis, of texts.

    Raises
    ------
    TypeError
        If `value` is anything else.
    """
    for each in value if isinstance(value, list) else np.atleast_1d(value).tolist():
        yield _of_type(str, each)
