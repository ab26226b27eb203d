"""The browser half of the demo app: a waveform player, the what-if mixer and the medley.

All are one Streamlit component (canvas and WebAudio, no framework; only audio and tables are
fetched). Playing and switching never run the script again; the mixer's buttons
(`MixerData.actions`) do, and report the mask.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from explanations.player.data import (
    HeadData,
    Lane,
    MixerData,
    PairData,
    Resource,
    Span,
    WaveformData,
    decode_mask,
    encode_mask,
    heads_json,
    peaks,
)
from explanations.player.medley import AheadData, MedleyData
from explanations.player.share import share_page

__all__ = [
    "AheadData",
    "HeadData",
    "Lane",
    "MedleyData",
    "MixerData",
    "PairData",
    "Resource",
    "Span",
    "WaveformData",
    "decode_mask",
    "encode_mask",
    "heads_json",
    "load_ahead",
    "medley",
    "mixer",
    "peaks",
    "player",
    "share_page",
]


@dataclass(frozen=True)
class MixerResult:
    """The state of the mixer after the last report.

    Parameters
    ----------
    mask : str
        The mask that is heard, as `encode_mask` writes it.
    action : str
        Id of the button that was pressed just now, or empty.
    """

    mask: str
    action: str = ""


def mixer(data: MixerData, *, key: str, follow: bool = False, pick: int = 0) -> MixerResult:
    """Show the what-if mixer in a Streamlit page.

    Parameters
    ----------
    data : MixerData
        A run with the same data leaves the mixer alone, so that playback continues; another
        mask is set; any other change makes a new mixer.
    key : str
    follow : bool
        Report the mask by itself, a moment after the last switch. Every report runs the
        script again; without it only the buttons do.
    pick : int
        A number that another click on the track's name changes: then the page goes to the mixer.
    """
    changed = {"on_mask_change": _nothing} if follow else {}
    content = {**data.to_json(), "follow": follow, "pick": pick}
    result = _component()(key=key, data=content, on_action_change=_nothing, **changed)
    if action := result.get("action"):
        return MixerResult(mask=str(action["mask"]), action=str(action["id"]))
    return MixerResult(mask=str(result.get("mask") or data.mask))


def player(data: WaveformData, *, key: str) -> None:
    """Show a waveform player in a Streamlit page."""
    _component()(key=key, data=data.to_json())


def medley(data: MedleyData, *, key: str, on_action: Callable[[str, int], None]) -> None:
    """Show the bar that plays what matters of one track after another.

    Parameters
    ----------
    data : MedleyData
    key : str
    on_action : callable
        Called before the next run of the script with what the bar asks for ("start", "stop",
        "next", "previous", or "skip" where nothing of a track matters) and the place of the track
        from which it asks, counted from 1: the address may be older.
    """

    def act() -> None:
        import streamlit as st

        if action := st.session_state[key].get("action"):
            on_action(str(action["id"]), int(action["mask"]))

    _component()(key=key, data=data.to_json(), on_action_change=act)


def load_ahead(data: AheadData, *, key: str) -> None:
    """Load what the next mixer will ask for; nothing is seen of it."""
    _component()(key=key, data=data.to_json())


@functools.cache
def _component() -> Callable[..., Any]:
    import streamlit as st

    from explanations.player.bundle import script, style

    return st.components.v2.component("lemons.player", css=style(), js=script())


def _nothing() -> None:
    """Do nothing; Streamlit returns values only where a callback is registered."""
