"""The sentences of the page: about numbers, about unknown links, and how it works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from explanations.app.job_queue import QUEUED, Job
from explanations.store import TITLES, Explanation
from explanations.taste_profile import Part, TasteProfile
from lemons_places import how_to
from lemons_utils import SAMPLE_RATE

LOW_FIDELITY, FAIR_FIDELITY = 0.5, 0.8
KIND_HELP = {
    "time": "Which moments made the model recommend the track.",
    "source": "Which instruments made the model recommend the track.",
    "time_source": "Which instrument at which moment made the model recommend the track.",
}

LANE_NAMES = {"time": "mix", "source": "{stem}", "time_source": "{stem}"}
COLUMN_NAMES = {"time": "{span}", "source": "whole track", "time_source": "{span}"}
COMPONENT_PHRASES = {
    "time": "everything from {span}",
    "source": "{stem}, throughout",
    "time_source": "{stem} from {span}",
}
"""How a component, its waveform and its column in the map of weights are called, by kind."""

HOW_IT_WORKS = (
    (
        "recommendation",
        "Recommendation",
        "A small neural network has learned from what a listener played. It hears any track, "
        "known or not, and says how relevant it is, from 0 to 1, by its sound alone.",
    ),
    (
        "explanation",
        "Explanation",
        "The track is taken apart: into instruments, into moments. The network hears it again "
        "and again with parts left out. What it misses most is what made it recommend the "
        "track, and you can hear just that.",
    ),
    *((kind, title, KIND_HELP[kind]) for kind, title in TITLES.items()),
)
"""Picture, title and text of each part of the sidebar."""

VIEWER = "you"
"""What the page calls the viewer as a listener; names of listeners begin with a capital."""

NO_REASON = "Skipped “{}”: no part of it is the reason."
NOT_EXPLAINED = "Skipped “{}”, which is not explained."
END_OF_MEDLEY = "That was the last of {} tracks."
NOT_AMONG = "“{}”, which is chosen, is not among these."
DROP_A_FILE = "Drop an audio file: every listener's model hears 30 s of it, which you may choose."
_DEMO = how_to("demo")
NO_CATALOGUE = (
    f"There is no catalogue yet. `{_DEMO}` builds everything; the second command takes in a "
    "folder of your own music.",
    f"{_DEMO}\npython -m recsys.ingest FOLDER --catalogue mine",
)
NO_LISTENER = (
    f"No listener has a model yet. `{_DEMO}` trains seven; the second command trains one.",
    f"{_DEMO}\npython -m recsys.experiment with user_name=marko catalogue=demo recipe=lemons",
)
NO_TRUNK = (
    "Nobody's model is on a trunk of the catalogue {0} yet, on which a taste is learnt: "
    "`python -m recsys.trunk --catalogue {0}` and a training with recipe=lemons make one."
)
UNKNOWN_TRACK = "The catalogue {} has no track “{}”: choose one from the list."
UNKNOWN_LISTENER = "There is no listener “{}” here: choose another one."
UNKNOWN_CATALOGUE = "There is no catalogue “{}” here: these are tracks of {}."
UNKNOWN_MASK = "The mix “{}” in the link is none of this explanation: everything is on."


STEMS_CAPTION = (
    "Mean share of the relevance that each stem carries. Orange speaks for the tracks, blue "
    "against them; between the marks lie four fifths of the tracks. The button plays the stem "
    "in the track where it carries most."
)
PAIRS_CAPTION = "What two stems add together, beyond what each adds alone (on a scale of its own)."
NOTABLE = 0.02
"""Mean share of relevance from which on the taste profile's sentence names a part."""

STEP_TITLES = {
    "separate": "separate the track into stems",
    "tables": "tables: ask the model about every combination",
    "weights": "weights: what each part contributes",
    "score": "score every track of the catalogue",
    "ask": "ask every listener's model",
}


def empty_catalogue(name: str) -> tuple[str, str]:
    """Say that a catalogue has no tracks, and which command adds some."""
    return (
        f"The catalogue {name} holds no tracks yet: this command takes in a folder of music.",
        f"python -m recsys.ingest FOLDER --catalogue {name}",
    )


def progress_phrase(job: Job, ahead: int, counts: Mapping[str, str]) -> str:
    """Name the step of a job and how far it is, or the jobs before it; and the times.

    Parameters
    ----------
    job : Job
    ahead : int
        Jobs that run before it.
    counts : mapping of str to str
        What each step goes through, e.g. {"score": "320 tracks"}.
    """
    if job.state == QUEUED:
        return (
            f"Waiting for {ahead} other {'task' if ahead == 1 else 'tasks'} · {job.seconds:.0f} s"
        )
    step = job.steps[job.step]
    words = f"Step {job.step + 1} of {len(job.steps)}: {STEP_TITLES.get(step, step)}"
    if job.share:
        words += f", {job.share:.0%}" + (f" of {counts[step]}" if step in counts else "")
    left = "" if job.left_s is None else f" · about {job.left_s:.0f} s left of this step"
    return f"{words} · {job.seconds:.0f} s{left}"


def gets(name: str, *, negated: bool = False) -> str:
    """Begin a sentence on what a listener gets: `Elizabeth gets`, `You do not get`."""
    if name == VIEWER:
        return "You do not get" if negated else "You get"
    return f"{name} does not get" if negated else f"{name} gets"


def profile_phrase(profile: TasteProfile) -> str:
    """Say what carries a listener's tracks on average, in a few sentences."""
    most = max(NOTABLE, profile.stems[0].share / 2)
    carried = [_with_share(part) for part in profile.stems if part.share >= most]
    words = [f"Over the {profile.tracks} tracks that the model rates highest,"]
    if carried:
        words.append(f"the relevance comes from {listed(carried)} on average.")
    else:
        words.append("no stem carries a notable share of the relevance on average.")
    if profile.stems[-1].share <= -NOTABLE:
        words.append(f"Against them: {_with_share(profile.stems[-1])}.")
    words.append(f"Silence alone would have {percent(profile.silence)} of it.")
    if profile.pairs and abs(profile.pairs[0].share) >= NOTABLE:
        share, (first, second) = profile.pairs[0].share, profile.pairs[0].stems
        more = "more" if share > 0 else "less"
        words.append(
            f"While {first} and {second} play together, each adds {percent(abs(share))} {more} "
            "than without the other."
        )
    return " ".join(words)


def _with_share(part: Part) -> str:
    name = "other instruments" if part.stems == ("other",) else part.stems[0]
    return f"{name} ({percent(part.share)})"


def percent(share: float) -> str:
    """Write a share as a person reads it: `28 %`, `−7 %`."""
    return f"{share:.0%}".replace("-", "−").replace("%", " %")


def listed(words: Sequence[str]) -> str:
    """Join words: `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def component_phrase(explanation: Explanation, component: int) -> str:
    """Name a component in words: `drums from 6 to 12 s`."""
    start, end = (edge / SAMPLE_RATE for edge in explanation.components.span_of(component))
    return COMPONENT_PHRASES[explanation.kind].format(
        stem=explanation.stem_names[explanation.cells(component)[0][1]],
        span=f"{seconds(start)} to {seconds(end)} s",
    )


def fidelity_phrase(explanation: Explanation) -> str:
    """Say how much of the model's reaction an explanation describes."""
    if not explanation.top(1) and not explanation.against(1):
        return "No part changes what the model says: there is nothing that weights could describe."
    share = f"{max(explanation.fidelity, 0.0):.0%}"
    pairs = _with_pairs(explanation)
    if explanation.fidelity < LOW_FIDELITY:
        return (
            f"Low fidelity: adding up parts describes only {share} of how the model reacts to "
            f"this track{pairs}. Its parts work together; take the order of the weights with care, "
            "and try combinations in the mixer, whose gauge is always exact."
        )
    if explanation.fidelity < FAIR_FIDELITY:
        return (
            f"Fair fidelity: adding up parts describes {share} of how the model reacts to this "
            f"track{pairs}; the rest is parts working together."
        )
    return f"High fidelity: adding up parts describes {share} of how the model reacts{pairs}."


def _with_pairs(explanation: Explanation) -> str:
    """Say how much pairs describe, too: `, and 92% with pairs of parts`."""
    if explanation.fidelity_with_pairs is None:
        return ""
    return f", and {max(explanation.fidelity_with_pairs, 0.0):.0%} with pairs of parts"


def place_phrase(rank: int, count: int) -> str:
    """Say where a track stands among all tracks of a catalogue: `above 97 % of all tracks`."""
    if rank == 1:
        return "above all other tracks"
    return f"above {100 * (count - rank) // max(count - 1, 1)} % of all tracks"


def about_track(track: pd.Series[Any], count: int) -> tuple[str, ...]:
    """Say what is known of a row of `recommendations.ranked`, one of so many tracks."""
    return (
        track["artist"],
        track["genre"],
        f"relevance {track['relevance']:.2f}, {place_phrase(track['rank'], count)}",
        "heard before" if track["heard"] else "not heard yet",
    )


def seconds(value: float) -> str:
    """Write seconds with one decimal at most."""
    return f"{value:.1f}".rstrip("0").rstrip(".")
