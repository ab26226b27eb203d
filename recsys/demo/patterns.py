"""Rhythmic patterns of one bar as strings of sixteenths.

One character is one sixteenth, `|` separates alternating bars, `.` is silence. Drums: `o`
accent, `x` stroke, `-` ghost, `r` two thirty-seconds, `t` a triplet. Bass: `r` root, `t` third,
`f` fifth, `x` sixth, `s` seventh, `o` octave, `a` a step towards the next chord, `p` the tonic.
Chords: `o` rings, `x` is short. Melodies: `x` is a note. Patterns of shorter bars are cut.
"""

from __future__ import annotations

from dataclasses import dataclass

DRUM_GROOVES: dict[str, dict[str, str]] = {
    "none": {},
    "one drop": {
        "kick": "........o.......",
        "rim": "........o.......|........o.....-.",
        "hat": "x.-.x.-.x.-.x.-.|x.-.x.-.x.-xx.-.",
    },
    "steppers": {
        "kick": "o...o...o...o...",
        "rim": "........o.....-.|....-...o..-....",
        "hat": "..x...x...x...x.",
    },
    "rockers": {
        "kick": "o.....x...x.....",
        "rim": "....o.......o...|....o.......o.-.",
        "hat": "x.x.x.x.x.x.x.x.",
    },
    "four to the floor": {
        "kick": "o...o...o...o...",
        "clap": "....o.......o...",
        "open": "..x...x...x...x.",
        "hat": "x.-xx.-xx.-xx.-x",
    },
    "disco": {
        "kick": "o...o...o...o...",
        "snare": "....o.......o...|....o.......o.-x",
        "clap": "....x.......x...",
        "hat": "x-.-x-.-x-.-x-.-",
        "open": "..x...x...x...x.",
    },
    "shuffle": {
        "kick": "o.......o.x.....",
        "snare": "....o.......o...|....o..-....o.-.",
        "ride": "o...x.x.o...x.x.",
    },
    "slow blues": {
        "kick": "o.....-.o.......|o.....-.o.x.....",
        "snare": "....o.......o...",
        "hat": "o.x.o.x.o.x.o.x.",
    },
    "backbeat": {
        "kick": "o.....x.x.......|o.....x.x.x.....",
        "snare": "....o.......o...",
        "hat": "o.x.o.x.o.x.o.x.",
    },
    "driving": {
        "kick": "o...x...o.x.x...|o...x...o.x...x.",
        "snare": "....o.......o...",
        "open": "x...x...x...x...",
    },
    "half time": {
        "kick": "o..x......x..x..|o..x..x...x.....",
        "snare": "........o.......",
        "ride": "o...x...o...x...",
    },
    "groove metal": {
        "kick": "o.xx..x.o.xx..x.|o..x..x.x.xx....",
        "snare": "....o.......o...|........o.......",
        "crash": "o.......-.......",
        "open": "....x...x...x...",
    },
    "gallop": {
        "kick": "o.xxo.xxo.xxo.xx",
        "snare": "....o.......o...",
        "ride": "x...x...x...x...",
    },
    "double kick": {
        "kick": "oxxxoxxxoxxxoxxx",
        "snare": "....o.......o...",
        "ride": "x.x.x.x.x.x.x.x.",
    },
    "d beat": {
        "kick": "o.....x.o.x...x.",
        "snare": "..o...o...o...o.",
        "open": "x.x.x.x.x.x.x.x.",
    },
    "punk": {
        "kick": "o...o...o.x.o...",
        "snare": "..o...o...o...o.",
        "crash": "-...-...-...-...",
        "hat": "x.x.x.x.x.x.x.x.",
    },
    "blast": {
        "kick": "o.x.x.x.o.x.x.x.",
        "snare": ".x.x.x.x.x.x.x.x",
        "crash": "-...-...-...-...",
    },
    "emo": {
        "kick": "o..x..x...x..x..|o..x..x...xx....",
        "snare": "....o.......o...|....o..-.-..o...",
        "ride": "x.x.x.x.x.x.x.x.",
    },
    "boom bap": {
        "kick": "o..x......x....-|o......x..x.....",
        "snare": "....o..-....o..-|....o..-.-..o...",
        "hat": "x.x.x.x.x.x.x.x.|x.x.x.x.x.xxx.x.",
    },
    "lazy": {
        "kick": "o.......x.x.....|o.x.....x.....x.",
        "snare": "....o.......o...",
        "hat": "x.xxx.x.x.xxx.x.",
        "shaker": "..-...-...-...-.",
    },
    "trap": {
        "kick": "o.....x...x.....|o.....x.....x.x.",
        "clap": "........o.......",
        "snare": "........x.......",
        "hat": "x.x.x.x.xxx.r.x.|x.x.xtx.x.rrxxr.",
    },
    "bounce": {
        "kick": "o..o..o...o.o...|o..o..o...o...o.",
        "clap": "....o.......o...",
        "hat": "xxrxxxxxxxrxxxtx",
    },
    "train": {
        "kick": "o...x...o...x...",
        "snare": "-.x.-.x.-.x.-.xx",
    },
    "stomp": {
        "kick": "o.......o.......|o.......o.....x.",
        "tambourine": "....o.......o...",
        "shaker": "x-x-x-x-x-x-x-x-",
    },
    "waltz": {
        "kick": "o...........o...",
        "snare": "....x...x.......",
        "shaker": "x.-.x.-.x.-.x.-.",
    },
    "odd": {
        "kick": "o...x.o...x.....|o..x..o...x.x...",
        "snare": "....o.....o...-.",
        "ride": "x.x.x.x.x.x.x.x.",
    },
    "toms": {
        "kick": "o.....o...o.....",
        "low_tom": "..x.....x.....x.",
        "mid_tom": "....o.-.....o.-.",
        "high_tom": "..........x.....",
        "hat": "x...x...x...x...",
    },
    "orchestral": {
        "kick": "o...............|o.......-.......",
        "low_tom": "............x.x.|............-.-.",
        "crash": "................|................|................|-...............",
    },
    "pop straight": {
        "kick": "o.....o...o.....|o.....o...o..x..",
        "snare": "....o.......o...",
        "clap": "....x.......x...",
        "hat": "x-x-x-x-x-x-x-x-",
    },
}
"""Drum grooves by name: a pattern for every piece that plays."""

BASS_STYLES: dict[str, str] = {
    "none": ".",
    "roots": "r...............",
    "long": "r.......r.......",
    "eighths": "r.r.r.r.r.r.r.r.|r.r.r.r.r.r.r.a.",
    "octaves": "r.o.r.o.r.o.r.o.",
    "offbeat": ".rrr.rrr.rrr.rro",
    "walking": "r...t...f...a...|r...s...f...a...",
    "riddim": "r.....r.t.f.....|....r.f.s.f.r...",
    "dub": "r.r...f.....r...|..r.f.r.....a...",
    "sub": "r.........r.....|r......r......a.",
    "slide": "r.....r...f.....|r........r..o...",
    "syncopated": "r..r..f...r.o...|r..r..f...a.a...",
    "gallop": "r.rrr.rrr.rrr.rr",
    "pedal": "p.p.p.p.p.p.p.p.",
    "boogie": "r.r.f.f.x.x.f.f.|r.r.f.f.x.s.x.f.",
    "alternating": "r.......f.......|r.......f...a...",
    "melodic": "r.o.f.t.r..s.f..|r..r.s.f.t.f..a.",
    "chug": "r.rr..r.r.rr..r.|r..r..r.r.rr....",
}
"""Bass styles by name."""


@dataclass(frozen=True)
class Line:
    """How a melody moves.

    Parameters
    ----------
    rhythms : tuple of str
        Bars to choose motifs from.
    leap : float
        How far it moves, in scale steps.
    span : int
        How far from its centre it may get, in scale steps.
    longest : int
        Of a note, in sixteenths.
    gate : float
        Share of its time that a note sounds.
    rest : float
        Share of bars that stay silent.
    """

    rhythms: tuple[str, ...]
    leap: float = 1.5
    span: int = 6
    longest: int = 6
    gate: float = 0.92
    rest: float = 0.12


LINES: dict[str, Line] = {
    "song": Line(("x..x..x.x...x...", "..x.x.x.x.......", "x...x.x...x.x...", "x.x.x...x..x....")),
    "anthem": Line(
        ("x.....x.x.......", "x...x...x.......", "o.......x...x..."), leap=2, longest=10
    ),
    "pop": Line(
        ("x.x.x..x..x.x...", "x..x..x..x..x.x.", "..x.x.x..x.x....", "xxx.x...xxx.x..."), rest=0.05
    ),
    "shout": Line(("x...x...x.......", "x.x.x...x.......", "..x...x.x..."), leap=0.6, span=2),
    "rap": Line(
        ("x.xxx.x.xxx.x...", "xx.xx.xxx.x.xx..", "x.xxx.xxx.xxx.x.", "..xxx.xxxx.xx.x."),
        *(0.5, 2, 2, 0.85, 0.03),
    ),
    "slow rap": Line(
        ("x..x..x.x..x..x.", "x..x..x...x.x...", "x.x.x..xx..x....", "..x..x..x.x.x..."),
        *(0.5, 2, 3, 0.8, 0.05),
    ),
    "float": Line(("x.......x.......", "x...........x...", "x.....x.......x."), leap=2, longest=14),
    "chop": Line(("x..x..x...x..x..", "..x..x..x...x..."), leap=2.5, longest=2, gate=0.7),
    "solo": Line(
        ("x.x.xxx.x.x.x...", "xxxxx.x.x..xx.x.", "x..xx.xxx.......", "..x.x.xxxxx.x.x."), rest=0.05
    ),
    "runs": Line(("xxxxxxxxx.x.x...", "x.xxxxxxxxxxx...", "xxxxxxxxxxxxx.x."), span=9, longest=3),
    "riffs": Line(("x..x..x...x.x.x.", "x.x...x.xx......"), leap=2, longest=4),
    "theme": Line(
        ("x...x.x.x...x...", "x.....x.x...x.x.", "x.x.x.x.x.......", "x.......x.x.x.x."), rest=0.0
    ),
    "hook": Line(("x..x..x...x...x.", "x.x..x..x.x....."), leap=2.2, span=5, longest=3, rest=0.0),
    "stabs": Line(("......x...x.....", "..........x.x...", "x.....x........."), span=3, rest=0.35),
}
"""Melodies by name."""
