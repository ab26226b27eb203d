"""What the bar is told that plays what matters of one track after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from explanations.player.data import MixerData
from lemons_utils import SAMPLE_RATE, ParameterError


@dataclass(frozen=True)
class MedleyData:
    """The state of the medley.

    Parameters
    ----------
    on : bool
        Whether it plays, or waits for the next track.
    place : int
        Of the track that the page shows, from 1 on; 0 where it is none of them.
    count : int
        How many tracks there are.
    title : str
        Of the track that the page shows.
    words : str
        What to say besides, e.g. that a track was skipped.
    """

    on: bool
    place: int
    count: int
    title: str
    words: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.place <= self.count:
            raise ParameterError(f"track {self.place} of {self.count} cannot be")

    def to_json(self) -> dict[str, Any]:
        """Write it as the browser reads it."""
        return {"kind": "medley", **vars(self), "sample_rate": SAMPLE_RATE}


@dataclass(frozen=True)
class AheadData:
    """The mixer of the next track, whose audio and tables are loaded before it is shown."""

    mixer: MixerData

    def to_json(self) -> dict[str, Any]:
        """Write it as the browser reads it."""
        mixer = self.mixer.to_json()
        return {"kind": "ahead", **{key: mixer[key] for key in ("stems", "tables", "sample_rate")}}
