"""Explanations in a notebook: as HTML with players, as a table, as a picture, as a file."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lemons_utils import ParameterError, write_beside

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MOST_INLINE = 3_000_000
"""Bytes of audio that a page may have inside, as text."""

FOR, AGAINST = (217, 138, 31), (27, 108, 168)
"""Colours of weights that speak for and against a prediction."""

Sound = tuple[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Shown:
    """What there is to show of an explanation.

    Parameters
    ----------
    title : str
    facts : tuple of (name, text)
    names : tuple of str
        Of the components.
    spans : tuple of (start, end) [s]
        Where each component begins and ends.
    weights : tuple of float
    further : dict of name to numbers
        Further columns of the table.
    notes : tuple of str
        Sentences below the map.
    sounds : callable
        Returns what can be heard, with a label each; none if there is no audio.
    sample_rate : int [Hz]
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    spans: tuple[tuple[float, float], ...]
    weights: tuple[float, ...]
    further: dict[str, Sequence[float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sounds: Callable[[], Sequence[Sound]] = tuple
    sample_rate: int = 16_000

    @property
    def order(self) -> list[int]:
        """Components, the largest weight first."""
        return sorted(range(len(self.weights)), key=lambda i: (-self.weights[i], i))

    def as_list(self) -> list[tuple[str, float]]:
        """Names and weights, the largest first."""
        return [(self.names[i], self.weights[i]) for i in self.order]

    def to_dataframe(self) -> pd.DataFrame:
        """One row for every component, the largest weight first."""
        import pandas as pd

        columns: dict[str, Any] = {
            "component": self.names,
            "start_s": [start for start, _ in self.spans],
            "end_s": [end for _, end in self.spans],
            "weight": self.weights,
            **self.further,
        }
        return pd.DataFrame(columns).iloc[self.order].reset_index(drop=True)

    def plot(self) -> Figure:
        """Draw the weights as bars, the largest on top."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 1 + 0.22 * len(self.weights)), layout="constrained")
        axes = figure.subplots()
        values = [self.weights[i] for i in self.order]
        colours = [np.array(FOR if value > 0 else AGAINST) / 255 for value in values]
        axes.barh(range(len(values)), values, color=colours)
        axes.set_yticks(range(len(values)), [self.names[i] for i in self.order])
        axes.invert_yaxis()
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set(xlabel="weight", title=self.title)
        axes.spines[["top", "right"]].set_visible(False)
        return figure

    def save(self, path: str | Path) -> Path:
        """Write the explanation: `.html` as a notebook shows it, `.csv`, `.json` or `.png`."""
        target = Path(path)
        writers: dict[str, Callable[[Path], object]] = {
            ".html": lambda file: file.write_text(
                f"<!doctype html><meta charset='utf-8'>{self.to_html()}", encoding="utf-8"
            ),
            ".csv": lambda file: self.to_dataframe().to_csv(file, index=False),
            ".json": lambda file: file.write_text(self._as_json(), encoding="utf-8"),
            ".png": lambda file: self.plot().savefig(file, dpi=150, format="png"),
        }
        if target.suffix not in writers:
            raise ParameterError(f"save to one of {', '.join(writers)}, got {target.name!r}")
        with write_beside(target) as temporary:
            writers[target.suffix](temporary)
        return target

    def to_html(self) -> str:
        """Draw a map of weights, facts and players as one piece of HTML."""
        facts = " &middot; ".join(f"{html.escape(n)} {html.escape(t)}" for n, t in self.facts)
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        return (
            f"<div><strong>{html.escape(self.title)}</strong><br>{facts}"
            f"{self._map()}{f'<ul>{notes}</ul>' if notes else ''}{self._players()}</div>"
        )

    def _map(self) -> str:
        """Lay the components out: a column for every span, a row for those that share one."""
        columns = sorted(set(self.spans))
        by_column = [[i for i, span in enumerate(self.spans) if span == one] for one in columns]
        largest = max((abs(weight) for weight in self.weights), default=0.0) or 1.0
        head = "".join(f"<th>{start:.1f} to {end:.1f} s</th>" for start, end in columns)
        rows = ""
        for row in range(max(map(len, by_column), default=0)):
            cells = "".join(
                self._cell(column[row], largest) if row < len(column) else "<td></td>"
                for column in by_column
            )
            rows += f"<tr>{cells}</tr>"
        return f"<table><tr>{head}</tr>{rows}</table>"

    def _cell(self, component: int, largest: float) -> str:
        weight = self.weights[component]
        red, green, blue = FOR if weight > 0 else AGAINST
        shade = f"rgba({red},{green},{blue},{abs(weight) / largest:.2f})"
        return (
            f'<td style="background:{shade};color:inherit;text-align:left">'
            f"{html.escape(self.names[component])}<br>{weight:+.4f}</td>"
        )

    def _players(self) -> str:
        left, players = MOST_INLINE, ""
        for label, waveform in self.sounds():
            code = base64.b64encode(flac(waveform, self.sample_rate)).decode()
            left -= len(code)
            player = "too long to be played here"
            if left >= 0:
                player = f'<audio controls src="data:audio/flac;base64,{code}"></audio>'
            players += f"<div>{html.escape(label)}<br>{player}</div>"
        return players

    def _as_json(self) -> str:
        table = self.to_dataframe().to_dict(orient="records")
        content = {"title": self.title, "facts": dict(self.facts), "components": table}
        return json.dumps({**content, "notes": self.notes}, indent=1, allow_nan=False) + "\n"


def flac(waveform: NDArray[np.float32], sample_rate: int) -> bytes:
    """Encode a waveform [shape=(samples,)] as 16-bit FLAC, scaled down beyond full scale."""
    import soundfile

    peak = max(1.0, float(np.abs(waveform).max(initial=0.0)))
    file = io.BytesIO()
    soundfile.write(file, waveform / peak, sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()
