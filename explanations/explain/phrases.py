"""Sentences about pairs of components: how much one counts while another plays."""

from __future__ import annotations

from collections.abc import Callable

from explanations.store import Explanation, Pair

NAMES_OF_MULTIPLES = {2: "twice", 3: "three times", 4: "four times"}
LARGEST_MULTIPLE = 10
"""Effects that grow by more are said to count only then."""

SAME = 0.1
"""Share of an effect by which it may change and still be called the same."""


def pair_phrase(explanation: Explanation, pair: Pair, name: Callable[[int], str]) -> str:
    """Say what a pair of components does together: `drums count twice as much while bass plays`.

    The sentence is about the component that counts more by itself. Effects are means over all
    mixes of the other components.

    Parameters
    ----------
    explanation : Explanation
    pair : Pair
        One of the explanation's.
    name : callable
        Maps a component's index to its name.

    Returns
    -------
    str, without a full stop
    """
    (subject, before), (other, _) = sorted(
        zip((pair.first, pair.second), pair.alone, strict=True), key=lambda one: -abs(one[1])
    )
    after = before + pair.interaction
    plural = _is_plural(explanation, subject)
    verb = "plays" if not _is_plural(explanation, other) else "play"
    while_other = f"while {name(other)} {verb}"
    count, speak = ("count", "speak") if plural else ("counts", "speaks")
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


def _is_plural(explanation: Explanation, component: int) -> bool:
    """Whether a component is named by a stem in the plural, as drums are and the bass is not."""
    if explanation.kind == "time":
        return False
    name = explanation.stem_names[explanation.cells(component)[0][1]]
    return name.endswith("s") and not name.endswith("ss")
