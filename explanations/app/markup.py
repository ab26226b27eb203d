"""Pieces of HTML that Streamlit has no element for, styled by `page.css`.

Text that comes from outside, such as titles and listeners' names, is escaped here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape

from explanations.app.people import Person, picture
from explanations.app.phrases import COLUMN_NAMES, percent, seconds
from explanations.player.palette import FULL_WEIGHT, PALETTE
from explanations.store import Explanation
from explanations.taste_profile import Part
from lemons_utils import SAMPLE_RATE

ANSWER = "answer"
"""Id of what the page is about, to which its first link skips."""

JOINER = "\u2060"
"""A character without width, across which no line breaks."""


def style(sheet: str) -> str:
    """Return the page's style sheet, with the colours of weights from the palette."""
    names = ("positive", "negative")  # the same in both themes: bars, and cells behind words
    colours = "".join(f" --lemons-{name}: {PALETTE['light'][name]};" for name in names)
    return f"<style>:root {{{colours} }}\n{sheet}</style>"


def plain(text: str) -> str:
    """Escape a text for Streamlit's Markdown, which shows it as it is.

    Addresses, icons and emoji are found after escapes are read, so an invisible joiner parts them.
    """
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
    return re.sub(r"(:(?=\S)|@|(?<=www)\\\.)", f"\\1{JOINER}", escaped, flags=re.IGNORECASE)


def image(svg: str, alt: str = "", css_class: str = "") -> str:
    """Return an SVG as an image; an empty `alt` marks it as decoration."""
    code = base64.b64encode(svg.encode()).decode()
    return f'<img class="{css_class}" alt="{escape(alt)}" src="data:image/svg+xml;base64,{code}">'


def page_head(skip_to: str = ANSWER) -> str:
    """Return the link that skips the choices, to an element of some id, and the page's title."""
    return (
        f'<a class="lm-skip" href="#{skip_to}">Skip to the explanation</a>'
        f'<header class="lm-head">{image(picture("lemon"))}<h1>LEMONS</h1>'
        "<p>Listenable explanations for music recommendations</p></header>"
    )


def answer(sentence: str, *words: str) -> str:
    """Return the page's first sentence, and a line with what is known about the track."""
    line = " · ".join(escape(word) for word in words if word)
    return (
        f'<h2 class="lm-answer" id="{ANSWER}" tabindex="-1">{escape(sentence)}</h2>'
        f'<p class="lm-quiet">{line}</p>'
    )


def section(title: str, name: str = "") -> str:
    """Return the heading of a section; with a name it can be skipped to."""
    target = f' id="{name}" tabindex="-1"' if name else ""
    return f'<h2 class="lm-section"{target}>{escape(title)}</h2>'


def alert(words: str) -> str:
    """Return a line that something in the address is unknown."""
    return f'<p class="lm-alert" role="alert">{escape(words)}</p>'


def preview(title: str, url: str, *words: str) -> str:
    """Return a track to hear: the browser's own player, its title and what is known about it."""
    line = " · ".join(escape(word) for word in words if word)
    return (
        f'<div class="lm-preview"><audio controls preload="none" src="{escape(url)}" '
        f'aria-label="{escape(title)}"></audio><div><b>{escape(title)}</b><p class="lm-quiet">'
        f"{line}</p></div></div>"
    )


def how(svg: str, title: str, words: str) -> str:
    """Return a picture with a title and a text below it."""
    return (
        f'<div class="lm-how"><div class="lm-picture">{image(svg)}</div>'
        f"<h3>{escape(title)}</h3><p>{escape(words)}</p></div>"
    )


def portraits(people: Sequence[Person]) -> str:
    """Return the style that puts listeners' portraits on their buttons."""
    rules = []
    for person in people:
        name = re.sub(r"[^a-zA-Z0-9_-]", "-", person.key)
        code = base64.b64encode(person.portrait.encode()).decode()
        rules.append(
            f'[class*="st-key-choose-{name}"] button::before '
            f'{{ background-image: url("data:image/svg+xml;base64,{code}"); }}'
        )
    return f"<style>{''.join(rules)}</style>"


def taste(words: str) -> str:
    """Return what a listener likes, for the line under the portrait."""
    return f'<p class="lm-taste">{escape(words)}</p>'


def figures(*pairs: tuple[int, str]) -> str:
    """Return numbers and what they count, in large type."""
    items = "".join(f"<span><b>{number:,}</b>{escape(what)}</span>" for number, what in pairs)
    return f'<p class="lm-figures">{items}</p>'


def row(relevance: float, place: str, *words: str) -> str:
    """Return the second line of a recommendation: artist, genre, place and relevance."""
    line = " · ".join(escape(word) for word in words if word)
    return (
        f'<div class="lm-row"><span>{line}</span><span>{escape(place)}</span>'
        f'<b title="Relevance">{relevance:.2f}</b></div>'
    )


def bar(value: float, *, label: str = "") -> str:
    """Return a number in [0, 1] as a bar with the number beside it."""
    width = 100 * min(max(value, 0.0), 1.0)
    spoken = escape(f"{label} {value:.2f}".strip())
    return (
        f'<span class="lm-bar" role="img" aria-label="{spoken}"><span class="lm-track">'
        f'<span class="lm-fill" style="width:{width:.1f}%"></span></span>'
        f'<span class="lm-number" aria-hidden="true">{value:.2f}</span></span>'
    )


def bars(shares: Sequence[tuple[str, float]], caption: str) -> str:
    """Return shares as a table of bars; the longest takes the whole width."""
    longest = max((share for _, share in shares), default=0.0) or 1.0
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td><span class="lm-share" '
        f'style="width:{84 * share / longest:.1f}%"></span>{share:.0%}</td></tr>'
        for name, share in shares
    )
    return f'<table class="lm-shares"><caption>{escape(caption)}</caption>{rows}</table>'


def part(name: str, part: Part, scale: tuple[float, float], tracks: int) -> str:
    """Return a bar of a taste profile: what a part carries on average, with the spread of tracks.

    `scale` is the lowest and the highest share on the axis.
    """
    low, high = scale
    width = max(high - low, 1e-9)

    def at(share: float) -> float:
        return 100 * min(max((share - low) / width, 0.0), 1.0)

    kind = "for" if part.share > 0 else "against"
    start, end = sorted((at(0.0), at(part.share)))
    number = ("+" if part.share > 0 else "") + percent(part.share)
    spoken = (
        f"{name} {number} on average, in four fifths of {tracks} tracks from "
        f"{percent(part.low)} to {percent(part.high)}; heard in {part.sounding}"
    )
    return (
        f'<div class="lm-part"><span>{escape(name)}</span>'
        f'<span class="lm-axis" role="img" aria-label="{escape(spoken)}" title="{escape(spoken)}">'
        f'<i class="lm-{kind}" style="left:{start:.1f}%;width:{end - start:.1f}%"></i>'
        f'<i class="lm-spread" style="left:{at(part.low):.1f}%;'
        f'width:{at(part.high) - at(part.low):.1f}%"></i>'
        f'<i class="lm-zero" style="left:{at(0.0):.1f}%"></i></span><b>{number}</b></div>'
    )


def weight_map(explanation: Explanation) -> str:
    """Return the weights as a table of stems x segments, shaded by weight.

    Every cell holds its weight as text, for screen readers too. The table of a Time explanation
    has one row, that of a Source explanation one column.
    """
    components = explanation.components
    spans = [
        f"{seconds(start / SAMPLE_RATE)}–{seconds(end / SAMPLE_RATE)} s"
        for start, end in components.spans
    ]
    heads = [COLUMN_NAMES[components.kind].format(span=span) for span in spans]
    names = components.row_names
    strongest = set(explanation.top(3))
    rows = []
    for row, name in enumerate(names):
        cells = [
            _cell(explanation.weights[index], index in strongest)
            for index in range(row, components.count, len(names))
        ]
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    return (
        '<div class="lm-map-frame" tabindex="0" role="region" aria-label="Map of weights">'
        '<table class="lm-map"><caption>Weight of every part. Orange and + speak for the '
        "recommendation, blue and − against it; up to three are framed.</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(weight: float, strongest: bool) -> str:
    kind = "for" if weight > 0 else "against"
    shade = round(80 * min(abs(weight) / FULL_WEIGHT, 1.0))
    number = f"{abs(weight):.3f}"
    sign = "" if float(number) == 0 else "+" if weight > 0 else "−"
    frame = " lm-strongest" if strongest else ""
    return f'<td class="lm-{kind}{frame}" style="--shade:{shade}%">{sign}{number}</td>'
