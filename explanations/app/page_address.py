"""What a viewer has chosen, and the parameters of the link that reproduces it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from urllib.parse import urlencode

from audiolime.components import KINDS
from explanations.app.own_files import NAME as OWN_FILES


@dataclass(frozen=True)
class Choice:
    """All that a link holds; the names of the fields are its parameters.

    Parameters
    ----------
    listener : str
        `Person.key`, or empty.
    catalogue : str
        The catalogue of the recommended tracks, or empty for the listener's own.
    track : str
        `track_id`, or empty.
    type : str
        One of `audiolime.components.KINDS`.
    mask : str
        The mask that the mixer plays, from `explanations.player.encode_mask`; empty for all.
    """

    listener: str = ""
    catalogue: str = ""
    track: str = ""
    type: str = "time_source"
    mask: str = ""

    def changed(self, **changes: str) -> Choice:
        """Return another choice, without the parts that the changes make void.

        Another listener resets the catalogue, unless that is the own files; another catalogue
        resets the track; another explanation resets the mask. What is given is kept.
        """
        new = replace(self, **changes)
        if new.listener != self.listener and new.catalogue != OWN_FILES:
            new = replace(
                new, catalogue=changes.get("catalogue", ""), track=changes.get("track", "")
            )
        if new.catalogue != self.catalogue and "track" not in changes:
            new = replace(new, track="")
        if new != self:
            new = replace(new, mask=changes.get("mask", ""))
        return new


def read_address(parameters: Mapping[str, str]) -> Choice:
    """Read the parameters of a link; missing ones and an unknown type become the default."""
    values = {field.name: parameters.get(field.name, field.default) for field in fields(Choice)}
    choice = Choice(**{name: str(value)[:200] for name, value in values.items()})
    return choice if choice.type in KINDS else replace(choice, type=Choice.type)


def write_address(choice: Choice) -> dict[str, str]:
    """Return the parameters of a link, in a fixed order, without empty ones."""
    return {name: value for name, value in asdict(choice).items() if value}


def link(page_url: str, choice: Choice) -> str:
    """Return the link that reproduces a choice."""
    return f"{page_url.split('?')[0].rstrip('/')}/?{urlencode(write_address(choice))}"
