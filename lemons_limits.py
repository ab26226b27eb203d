"""Limits on what a file from elsewhere may cost, and readers of text that keep them.

Whoever reads such a file checks its limit before it starts and says in one line what was exceeded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

from lemons_utils import DataError

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

# -- text --------------------------------------------------------------------------------------
MOST_BYTES_OF_HISTORY = 2 << 30
"""Bytes of an exported listening history, unpacked: some 2 million plays of Spotify's."""

LONGEST_LINE = 1 << 20
"""Bytes of a line of text, and of an object in a list of JSON."""


def parse_json(text: str | bytes, name: str) -> Any:
    """Return what a JSON text holds; a byte order mark at its start is ignored.

    Parameters
    ----------
    text : str, or bytes in UTF-8
    name : str
        What to call the text in an error message: the file, and perhaps the line.

    Raises
    ------
    DataError
        If it is no JSON in UTF-8, or nested deeper than Python's stack.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        return json.loads(text.removeprefix("\ufeff"))
    except RecursionError as error:
        raise DataError(f"{name} is nested too deep for JSON of this kind") from error
    except ValueError as error:  # UnicodeDecodeError is one
        raise DataError(f"{name} is no JSON: {error}") from error


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
        If a line is longer than `LONGEST_LINE`, or no UTF-8; with its number.
    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise DataError(
                f"{name}, line {number} is longer than {LONGEST_LINE:,} bytes: is it a text file?"
            )
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{name}, line {number} is no UTF-8: {error}") from error
