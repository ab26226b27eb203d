"""Ways to damage a file: changed bits, cuts, and nonsense put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WORDS = (
    *(b"NaN", b"null", b"true", b"-1", b"1e999", b"1000000000000", b'"text"', b"[]", b"{}"),
    *(b"[" * 2000, b"\xef\xbb\xbf", b"\xff\xfe", b"\0" * 64, b'{"a":' * 500, b",", b'"', b"\n"),
    *(b"../../etc/passwd", b"PK\x03\x04", b"PAR1", b"\x93NUMPY", b"cos\nsystem\n(S'x'\ntR."),
    *(b"", b"\x80", b"\xff" * 8, b"\r\n", b"1970-01-01", b"-0.0", b"0x10", b"\t"),
)
"""What is put into files."""

WAYS = ("cut", "remove", "repeat", "insert", "replace", "flip")
LENGTHS = (1, 4, 30, 1000)
"""Numbers of bytes that are removed, repeated or replaced at once."""


@dataclass(frozen=True)
class Edit:
    """One damage.

    Parameters
    ----------
    way : str
        One of `WAYS`.
    place : float in [0, 1)
        Where, as a share of the file.
    length : int
        Of how many bytes.
    word : bytes
        What is put in, where something is; a bit of its first byte's number is flipped.
    """

    way: str
    place: float
    length: int = 1
    word: bytes = b""

    def apply(self, content: bytes) -> bytes:
        """Return damaged content."""
        at = int(self.place * len(content))
        before, part, after = (
            content[:at],
            content[at : at + self.length],
            content[at + self.length :],
        )
        if self.way == "flip":
            bit = 1 << (self.word or b"\0")[0] % 8
            return before + bytes(each ^ bit for each in part[:1]) + part[1:] + after
        if self.way == "cut":
            return before
        middle = {
            "remove": b"",
            "repeat": part + part,
            "insert": self.word + part,
            "replace": self.word,
        }
        return before + middle[self.way] + after


def damaged(content: bytes, edits: Sequence[Edit]) -> bytes:
    """Apply damage after damage."""
    for edit in edits:
        content = edit.apply(content)
    return content


def random_edits(rng: np.random.Generator) -> list[Edit]:
    """Draw one to four damages."""
    return [
        Edit(
            WAYS[rng.integers(len(WAYS))],
            float(rng.random()),
            LENGTHS[rng.integers(len(LENGTHS))],
            WORDS[rng.integers(len(WORDS))] if rng.random() < 0.7 else rng.bytes(4),
        )
        for _ in range(rng.integers(1, 5))
    ]


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """Change one bit."""
    return Edit("flip", float(rng.random()), word=rng.bytes(1)).apply(content)
