"""Pairs of components that change each other's effect, and sentences about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

NAMES_OF_MULTIPLES = {2: "twice", 3: "three times", 4: "four times"}
LARGEST_MULTIPLE = 10
"""Effects that grow by more are said to count only then."""

SAME = 0.1
"""Share of an effect by which it may change and still be called the same."""


@dataclass(frozen=True)
class Pair:
    """What two components do together beyond what each does alone.

    Parameters
    ----------
    first, second : int
        Components.
    interaction : float
        Shapley interaction index of the relevance: by how much the effect of either grows while
        the other is on.
    alone : tuple of float, float
        Mean effect of the first while the second is off, and of the second while the first is
        off; with `interaction` added, while it is on.
    """

    first: int
    second: int
    interaction: float
    alone: tuple[float, float]


def pair_phrase(pair: Pair, name: Callable[[int], str], is_plural: Callable[[int], bool]) -> str:
    """Say what a pair of components does together: `drums count twice as much while bass plays`.

    The sentence is about the component that counts more by itself. Effects are means over all
    mixes of the other components.

    Parameters
    ----------
    pair : Pair
    name : callable
        Maps a component's index to its name.
    is_plural : callable
        Maps a component's index to whether its name is in the plural.

    Returns
    -------
    str, without a full stop
    """
    (subject, before), (other, _) = sorted(
        zip((pair.first, pair.second), pair.alone, strict=True), key=lambda one: -abs(one[1])
    )
    after = before + pair.interaction
    while_other = f"while {name(other)} {'play' if is_plural(other) else 'plays'}"
    count, speak = ("count", "speak") if is_plural(subject) else ("counts", "speaks")
    if before * after < 0:
        side, opposite = ("for", "against") if after > 0 else ("against", "for")
        return (
            f"{name(subject)} {speak} {side} the recommendation {while_other}, "
            f"and {opposite} it otherwise"
        )
    if abs(before) * LARGEST_MULTIPLE < abs(after):
        return f"{name(subject)} hardly {count} but {while_other}"
    ratio = after / before if before else 1.0
    against = " against the recommendation" if before < 0 else ""
    if ratio < SAME:
        return f"{name(subject)} hardly {count}{against} {while_other}"
    return f"{name(subject)} {count}{against} {_times(ratio)} {while_other}"


def _times(ratio: float) -> str:
    """Say a multiple: `twice as much`, `1.4 times as much`, `half as much`, `40 % less`."""
    if abs(ratio - 1) <= SAME:
        return "much the same"
    if ratio < 1:
        return "half as much" if abs(ratio - 0.5) <= 0.05 else f"{100 * (1 - ratio):.0f} % less"
    whole = round(ratio)
    near = abs(ratio - whole) <= SAME * ratio and whole in NAMES_OF_MULTIPLES
    return f"{NAMES_OF_MULTIPLES[whole] if near else f'{ratio:.1f} times'} as much"
