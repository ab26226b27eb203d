"""The built-in catalogue: a band simulated in NumPy, and seven listeners.

`compose(seed)` makes all decisions about a song, `dataclasses.replace` changes one of them,
`render(song)` plays the song as five stems, `stems_of(catalogue, track_id)` plays a recorded track
again, and `true_taste(user_name, song)` tells whether a listener likes it.
"""

from __future__ import annotations

from typing import Any

from lemons_processes import on_demand

_NAMES = {
    "listeners": ("LISTENERS", "true_taste"),
    "recording": ("LABELS", "record", "record_demo", "record_fresh"),
    "band": ("mix", "render"),
    "takes": ("stems", "stems_of"),
    "song": ("STEMS", "Song", "compose"),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, since the band's libraries take a second to load."""
    return on_demand(__name__, _MODULE_OF, name)
