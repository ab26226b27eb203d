"""The colours of LEMONS, for the player, for charts and for pictures: one place to change.

Weights are orange where they speak for a track and blue where they speak against it: the two
hues stay apart for every common kind of colour blindness, and signs and words always accompany
them. `ink` variants are for what is drawn on top of a shaded cell.
"""

from __future__ import annotations

_THEMES = ("light", "dark")
_COLORS = {
    "surface": ("#ffffff", "#14170f"),
    "raised": ("#f3f4f1", "#22261d"),
    "ink": ("#23291f", "#f1f3ec"),
    "muted": ("#63695e", "#a3aa9b"),
    "line": ("#cfd3ca", "#454b3e"),
    "accent": ("#2f3b26", "#f7d038"),
    "on-accent": ("#ffffff", "#23291f"),
    "lemon": ("#f7d038", "#f7d038"),
    "positive": ("#f08c1f", "#e58519"),
    "positive-ink": ("#7a3b00", "#ffdcae"),
    "negative": ("#3f83d6", "#3c7fd0"),
    "negative-ink": ("#123f7c", "#c9e1ff"),
    "warning": ("#9b1c1c", "#ffb4a8"),
}
PALETTE = {
    theme: {name: colors[column] for name, colors in _COLORS.items()}
    for column, theme in enumerate(_THEMES)
}
"""The colours by theme and name."""

FULL_WEIGHT = 0.1
"""Weight, of a relevance in [0, 1], from which on its colour is full: a small weight looks small,
whatever the others are."""


def css_variables() -> str:
    """Return the palette as custom properties of the style sheet, one rule per theme."""
    rules = []
    for theme, colors in PALETTE.items():
        lines = "".join(f"  --lemons-{name}: {color};\n" for name, color in colors.items())
        rules.append(f'.lemons[data-theme="{theme}"] {{\n{lines}}}\n')
    return "".join(rules)
