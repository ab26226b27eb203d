"""The built-in catalogue: a small band written in NumPy, and seven listeners.

`compose(seed)` decides everything about a song, `dataclasses.replace` changes one decision,
`render(song)` plays it as five stems, `stems_of(catalogue, track_id)` plays a recorded track
again, `true_taste(user_name, song)` says who likes it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recsys.demo.band import mix as mix
    from recsys.demo.band import render as render
    from recsys.demo.listeners import LISTENERS as LISTENERS
    from recsys.demo.listeners import true_taste as true_taste
    from recsys.demo.recording import LABELS as LABELS
    from recsys.demo.recording import record as record
    from recsys.demo.recording import record_demo as record_demo
    from recsys.demo.recording import record_fresh as record_fresh
    from recsys.demo.song import STEMS as STEMS
    from recsys.demo.song import Song as Song
    from recsys.demo.song import compose as compose
    from recsys.demo.takes import stems as stems
    from recsys.demo.takes import stems_of as stems_of

_HOMES = {
    "listeners": ("LISTENERS", "true_taste"),
    "recording": ("LABELS", "record", "record_demo", "record_fresh"),
    "band": ("mix", "render"),
    "takes": ("stems", "stems_of"),
    "song": ("STEMS", "Song", "compose"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load what is asked for; the band's libraries load with it."""
    if name not in _HOME:
        raise AttributeError(f"recsys.demo has no {name!r}")
    return getattr(import_module(f"recsys.demo.{_HOME[name]}"), name)
