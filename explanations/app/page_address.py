"""What a viewer has chosen, and how the address bar says it: a link reproduces the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from urllib.parse import urlencode

from explanations.app.own_files import NAME as OWN_FILES
from explanations.store import TYPES


@dataclass(frozen=True)
class Choice:
    """Everything that a link has to say.

    Parameters
    ----------
    listener : str
        `Person.key`, or empty.
    catalogue : str
        Where recommendations come from, or empty for the listener's own.
    track : str
        `track_id`, or empty.
    type : str
        One of `explanations.store.TYPES`.
    mask : str
        What the mixer plays, as `explanations.player.encode_mask` writes it; empty for all.
    """

    listener: str = ""
    catalogue: str = ""
    track: str = ""
    type: str = "time_source"
    mask: str = ""

    def changed(self, **changes: str) -> Choice:
        """Choose something else; what hangs on it is chosen anew.

        A listener brings their own catalogue, unless it is a file of one's own that they listen
        to; a catalogue has other tracks; another explanation has another mask.
        """
        new = replace(self, **changes)
        if new.listener != self.listener and new.catalogue != OWN_FILES:
            new = replace(new, catalogue=changes.get("catalogue", ""), track="")
        if new.catalogue != self.catalogue and "track" not in changes:
            new = replace(new, track="")
        what = (new.listener, new.catalogue, new.track, new.type)
        if what != (self.listener, self.catalogue, self.track, self.type):
            new = replace(new, mask=changes.get("mask", ""))
        return new


def read_address(parameters: Mapping[str, str]) -> Choice:
    """Read the parameters of a link; what it does not say, or says wrongly, is the default."""
    known = {field.name: parameters.get(field.name, field.default) for field in fields(Choice)}
    choice = Choice(**{name: str(value)[:200] for name, value in known.items()})
    if choice.type not in TYPES:
        choice = Choice(**{**asdict(choice), "type": Choice().type})
    return choice


def write_address(choice: Choice) -> dict[str, str]:
    """Write the parameters of a link: what is chosen, in a fixed order."""
    return {name: value for name, value in asdict(choice).items() if value}


def link(page_url: str, choice: Choice) -> str:
    """Make the link that reproduces a choice."""
    return f"{page_url.split('?')[0].rstrip('/')}/?{urlencode(write_address(choice))}"
