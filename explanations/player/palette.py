"""The colours of LEMONS, for the player, for charts and for pictures: one place to change.

Weights are orange where they speak for a track and blue where they speak against it: the two
hues stay apart for every common kind of colour blindness, and signs and words always accompany
them. `ink` variants are for what is drawn on top of a shaded cell.
"""

from __future__ import annotations

PALETTE: dict[str, dict[str, str]] = {
    "light": {
        "surface": "#ffffff",
        "raised": "#f3f4f1",
        "ink": "#23291f",
        "muted": "#63695e",
        "line": "#cfd3ca",
        "accent": "#2f3b26",
        "on-accent": "#ffffff",
        "lemon": "#f7d038",
        "positive": "#f08c1f",
        "positive-ink": "#7a3b00",
        "negative": "#3f83d6",
        "negative-ink": "#123f7c",
        "warning": "#9b1c1c",
    },
    "dark": {
        "surface": "#14170f",
        "raised": "#22261d",
        "ink": "#f1f3ec",
        "muted": "#a3aa9b",
        "line": "#454b3e",
        "accent": "#f7d038",
        "on-accent": "#23291f",
        "lemon": "#f7d038",
        "positive": "#e58519",
        "positive-ink": "#ffdcae",
        "negative": "#3c7fd0",
        "negative-ink": "#c9e1ff",
        "warning": "#ffb4a8",
    },
}


def css_variables() -> str:
    """Return the palette as custom properties of the style sheet, one rule per theme."""
    rules = []
    for theme, colors in PALETTE.items():
        lines = "".join(f"  --lemons-{name}: {color};\n" for name, color in colors.items())
        rules.append(f'.lemons[data-theme="{theme}"] {{\n{lines}}}\n')
    return "".join(rules)
