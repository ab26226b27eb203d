"""Limits on what a file from elsewhere may cost, and readers of text and JSON that keep them.

Whoever reads such a file checks its limit before it starts and says in one line what was exceeded.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

from lemons_utils import DataError, first_line

# -- audio -------------------------------------------------------------------------------------
SAMPLE_RATES = (1_000, 768_000)
"""Lowest and highest sample rate of an audio file [Hz]."""

MOST_CHANNELS = 64
"""Channels of an audio file."""

MOST_SAMPLES = 1 << 32
"""Samples, over all channels, that are decoded of one file: 6 h of stereo at 96 kHz."""

MOST_SAMPLES_IN_MEMORY = 1 << 28
"""Samples, over all channels, that are returned as one array: 50 min of stereo at 44.1 kHz."""

LONGEST_TRACK_S = 4 * 3600.0
"""Duration of a track, or of an excerpt of a file [s]."""

# -- listening histories, JSON, arrays ---------------------------------------------------------
MOST_BYTES_OF_HISTORY = 1 << 30
"""Bytes of an exported listening history, unpacked."""

MOST_PLAYS = 3_000_000
"""Lines of a file of plays, or objects in its list: 400 a day for 20 years."""

MOST_BYTES_OF_JSON = 1 << 26
"""Bytes of a file of JSON that the commands have written, or a person has changed."""

MOST_BYTES_OF_ARRAYS = 1 << 30
"""Bytes of an array in an archive: the tables of 10 stems; those of 5 take a megabyte."""

LONGEST_LINE = 1 << 20
"""Characters of a line of text, and of an object in a list of JSON."""

CHECKSUM = "checksum"
"""The name of an object's checksum among its values: `with_checksum`."""

T = TypeVar("T")

_CHUNK = 1 << 16
_SPACE = re.compile(r"[ \t\n\r]*")


# -- readers -----------------------------------------------------------------------------------
def parse_json(text: str, name: str) -> Any:
    """Return what a JSON text holds; a byte order mark at its start is ignored.

    Parameters
    ----------
    text : str
    name : str
        What to call the text in an error message: the file, and perhaps the line.

    Raises
    ------
    DataError
        If it is no JSON, or nested deeper than Python's stack.
    """
    text = text.removeprefix("\ufeff")
    with _json_errors(name):
        return json.loads(text)


def read_json(path: Path, kind: type[T], what: str) -> T:
    """Read a file of JSON that holds a value of a type; see `decode_json`.

    Parameters
    ----------
    path : Path
    kind : type
    what : str
        What the file should be, for the error message: "model card".

    Raises
    ------
    DataError
        Also if the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES_OF_JSON + 1)
    except OSError as error:
        raise DataError(f"{path} is no {what}: {error.strerror}") from error
    return decode_json(data, kind, str(path), what)


_PREPARED: set[object] = set()
_PREPARING = threading.Lock()


def _prepare(kind: object) -> None:
    """Let msgspec read a type, in one thread at a time.

    It notes what it knows of a class at that class before it has read the types of all fields.
    Another thread that meets half of these notes ends the process (SIGSEGV, msgspec 0.22.0).
    """
    import msgspec

    if kind not in _PREPARED:
        with _PREPARING:
            msgspec.json.Decoder(kind)
        _PREPARED.add(kind)


def decode_json(data: bytes, kind: type[T], name: str, what: str = "JSON of its kind") -> T:
    """Return the value of a type that JSON holds; numbers are finite.

    Parameters
    ----------
    data : bytes
        At most `MOST_BYTES_OF_JSON`; a byte order mark at its start is ignored.
    kind : type
        A dataclass, a `TypedDict`, a container such as `dict[str, int]`, or `Any`.
    name, what : str
        The file and what it should be, for the error message.

    Raises
    ------
    DataError
        If it is no JSON, or holds something else.
    """
    import msgspec

    if len(data) > MOST_BYTES_OF_JSON:
        raise DataError(f"{name} is larger than {MOST_BYTES_OF_JSON:,} bytes")
    _prepare(kind)
    try:
        return msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8), type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DataError(f"{name} is no {what}: {first_line(error)}") from error


def convert_json(value: object, kind: type[T], name: str, what: str = "JSON of its kind") -> T:
    """Return what JSON held as a value of a type; see `decode_json`.

    Raises
    ------
    DataError
        If it is of another type.
    """
    import msgspec

    _prepare(kind)
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise DataError(f"{name} is no {what}: {first_line(error)}") from error


def with_checksum(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object of JSON with a checksum of everything else in it."""
    return {**content, CHECKSUM: _checksum(content)}


def without_checksum(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object of JSON without its checksum.

    Raises
    ------
    DataError
        If it has none, or has changed since `with_checksum` wrote it.
    """
    rest = {key: value for key, value in content.items() if key != CHECKSUM}
    if content.get(CHECKSUM) != _checksum(rest):
        raise DataError(f"{name} has changed: it has the checksum of other content, or none")
    return rest


def _checksum(content: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        return ""
    return hashlib.sha256(text.encode()).hexdigest()


def lines(file: IO[bytes], name: str) -> Iterator[str]:
    """Yield the lines of a text file with their ends; a byte order mark at the start is dropped.

    Parameters
    ----------
    file : binary file
    name : str
        What to call the file in an error message.

    Raises
    ------
    DataError
        If a line is longer than `LONGEST_LINE`, or no UTF-8; with its number. If there are more
        than `MOST_PLAYS`.
    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise DataError(f"{name}, line {number} is longer than {LONGEST_LINE:,} bytes")
        _check_count(number, name)
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{name}, line {number} is no UTF-8: {error}") from error


def json_list(file: IO[bytes], name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file that holds one JSON list, in the memory that one of them takes.

    Parameters and errors are those of `lines`.
    """
    text = _Text(file, name)
    if text.next_mark() != "[":
        raise DataError(f"{name} must hold a JSON list of objects")
    text.skip()
    number = 0
    while (mark := text.next_mark()) != "]":
        number += 1
        _check_count(number, name)
        if number > 1:
            if mark != ",":
                raise DataError(f"{name} is no JSON: expected a comma after object {number - 1}")
            text.skip()
            mark = text.next_mark()
        if mark != "{":
            reason = "it must hold a JSON list of objects" if mark else "it ends too early"
            raise DataError(f"{name}, object {number} is no JSON object: {reason}")
        yield text.value(f"{name}, object {number}")
    text.skip()
    if text.next_mark():
        raise DataError(f"{name} is no JSON: something follows the list")


class _Text:
    """The text of a file that is read as far as it is needed."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at = "", 0

    def next_mark(self) -> str:
        """Return the next character that is no blank, without passing it; "" at the end."""
        while True:
            if blank := _SPACE.match(self._text, self._at):
                self._at = blank.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read():
                return ""

    def skip(self) -> None:
        self._at += 1

    def value(self, name: str) -> Any:
        """Return the value that begins here, and pass it."""
        while True:
            try:
                with _json_errors(name):
                    value, self._at = _DECODER.raw_decode(self._text, self._at)
                    return value
            except DataError:
                if len(self._text) - self._at > LONGEST_LINE or not self._read():
                    raise

    def _read(self) -> bool:
        chunk = self._file.read(_CHUNK)
        try:
            more = self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise DataError(f"{self._name} is no UTF-8: {error}") from error
        self._text, self._at = self._text[self._at :] + more, 0
        return bool(chunk)


_DECODER = json.JSONDecoder()


@contextlib.contextmanager
def _json_errors(name: str) -> Iterator[None]:
    try:
        yield
    except RecursionError as error:
        raise DataError(f"{name} is no JSON of this kind: nested too deep") from error
    except ValueError as error:
        raise DataError(f"{name} is no JSON: {error}") from error


def _check_count(number: int, name: str) -> None:
    if number > MOST_PLAYS:
        raise DataError(f"{name} holds more than {MOST_PLAYS:,} plays: divide it")
