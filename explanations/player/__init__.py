"""The browser half of the demo app: a waveform player and the what-if mixer.

Both are one Streamlit component (canvas and WebAudio, no framework; only audio and tables are
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
from explanations.player.share import share_page

__all__ = [
    "HeadData",
    "Lane",
    "MixerData",
    "PairData",
    "Resource",
    "Span",
    "WaveformData",
    "decode_mask",
    "encode_mask",
    "heads_json",
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


def mixer(data: MixerData, *, key: str, follow: bool = False) -> MixerResult:
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
    """
    changed = {"on_mask_change": _nothing} if follow else {}
    content = {**data.to_json(), "follow": follow}
    result = _component()(key=key, data=content, on_action_change=_nothing, **changed)
    if action := result.get("action"):
        return MixerResult(mask=str(action["mask"]), action=str(action["id"]))
    return MixerResult(mask=str(result.get("mask") or data.mask))


def player(data: WaveformData, *, key: str) -> None:
    """Show a waveform player in a Streamlit page."""
    _component()(key=key, data=data.to_json())


@functools.cache
def _component() -> Callable[..., Any]:
    import streamlit as st

    from explanations.player.bundle import script, style

    return st.components.v2.component("lemons.player", css=style(), js=script())


def _nothing() -> None:
    """Do nothing; Streamlit returns values only where a callback is registered."""
