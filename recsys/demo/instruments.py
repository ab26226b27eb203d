"""The instruments and amplifiers of the band, and the accompaniment figures by name."""

from __future__ import annotations

from dataclasses import dataclass

from recsys.demo.tones import Patch

PATCHES: dict[str, Patch] = {
    # keys
    "grand": Patch("piano", 3800, 1.1, 0.16, 0.003, 0.12, 2, 1.6, noise=0.12, seconds=3.0),
    "upright": Patch("piano", 2300, 0.7, 0.2, 0.003, 0.1, 2, 5.0, noise=0.15, seconds=2.2),
    "felt": Patch("piano", 1100, 0.9, 0.25, 0.012, 0.15, 2, 2.5, noise=0.1, seconds=2.6),
    "bright": Patch("piano", 6500, 0.9, 0.1, 0.002, 0.1, 2, 2.5, noise=0.15, seconds=2.4),
    "organ": Patch("organ", 5000, attack_s=0.01, release_s=0.03, voices=2, detune_cents=5),
    "rock organ": Patch("organ", 6500, attack_s=0.005, voices=2, detune_cents=9, noise=0.03),
    "bell": Patch("bell", 6500, 0.5, 0.12, 0.002, 0.15, seconds=1.6),
    "vibes": Patch("keys", 3500, 0.8, 0.15, 0.003, 0.15, seconds=2.0),
    # guitars
    "clean": Patch("pluck", 4200, 0.5, 0.1, 0.003, 0.04, 2, 7, noise=0.12, seconds=1.8),
    "chop": Patch("pluck", 3200, 0.09, 0.12, 0.003, 0.02, 2, 6, noise=0.3, seconds=0.5),
    "chorus guitar": Patch("pluck", 7000, 0.8, 0.05, 0.003, 0.1, 3, 9, noise=0.1, seconds=2.0),
    "acoustic": Patch("pluck", 6000, 0.55, 0.09, 0.002, 0.08, 2, 3, noise=0.35, seconds=2.0),
    "string set": Patch("saw", 3500, 2.5, 0.03, 0.004, 0.03, 2, 9, noise=0.2, seconds=2.5),
    "muted string": Patch("saw", 1800, 0.1, 0.25, 0.003, 0.02, 2, 9, noise=0.5, seconds=0.4),
    "lead guitar": Patch("saw", 3000, 3.0, 0.02, 0.008, 0.06, 1, 0, 32, -120, 0.05, 2.5),
    "blues guitar": Patch("pluck", 3500, 1.2, 0.06, 0.006, 0.06, 1, 0, 35, -220, 0.15, 2.0),
    # synthesizers
    "supersaw": Patch("saw", 6500, attack_s=0.012, release_s=0.12, voices=5, detune_cents=9),
    "pluck synth": Patch("saw", 6000, 0.16, 0.12, 0.002, 0.08, 3, 9, seconds=0.9),
    "pad": Patch("saw", 1300, attack_s=0.25, release_s=0.3, voices=3, detune_cents=8, seconds=4.0),
    "glass pad": Patch("bell", 5000, attack_s=0.2, release_s=0.4, voices=3, seconds=4.0),
    "square lead": Patch("square", 5000, attack_s=0.008, vibrato_cents=18, scoop_cents=-90),
    "moog": Patch("saw", 1900, attack_s=0.01, voices=2, vibrato_cents=15, scoop_cents=-300),
    # orchestra
    "strings": Patch("string", 3200, 0, 0, 0.12, 0.2, 3, 9, 14, noise=0.02, seconds=4.0),
    "staccato": Patch("string", 3800, 0.25, 0.05, 0.02, 0.08, 3, 8, noise=0.05, seconds=0.9),
    "mellotron": Patch("string", 1900, 0, 0, 0.06, 0.12, 3, 15, 20, noise=0.06, seconds=4.0),
    "fiddle": Patch("string", 4500, 0, 0, 0.035, 0.06, 1, 0, 28, -60, 0.06),
    "horns": Patch("brass", 3200, 0, 0, 0.03, 0.06, 3, 12, 8, -70, 0.03, 2.0),
    "dark brass": Patch("brass", 1400, 0, 0, 0.02, 0.1, 3, 14, 0, -40, 0.02, 2.5),
    "flute": Patch("flute", 4000, 0, 0, 0.05, 0.07, 1, 0, 22, -30, 0.12),
    "harmonica": Patch("reed", 3200, 0, 0, 0.03, 0.05, 1, 0, 30, -110, 0.08),
    # basses
    "finger bass": Patch("pluck", 900, 0.7, 0.12, 0.005, 0.04, noise=0.08, seconds=1.8),
    "pick bass": Patch("pluck", 2600, 0.7, 0.07, 0.003, 0.03, noise=0.2, seconds=1.6),
    "grit bass": Patch("saw", 2200, 0.9, 0.05, 0.003, 0.03, 2, 6, noise=0.2, seconds=1.6),
    "high bass": Patch("saw", 4200, 0.9, 0.08, 0.003, 0.03, 2, 5, noise=0.15, seconds=1.6),
    "upright bass": Patch("pluck", 700, 0.4, 0.2, 0.008, 0.06, 1, 0, 0, -40, 0.15, 1.4),
    "dub bass": Patch("sine", 300, 0.9, 0.3, 0.01, 0.05, seconds=1.8),
    "808": Patch("sine", 400, 1.1, 0.2, 0.003, 0.08, 1, 0, 0, 500, 0.05, 2.2),
    "synth bass": Patch("saw", 800, 0.5, 0.1, 0.003, 0.03, 2, 6, seconds=1.2),
    "trance bass": Patch("saw", 1500, 0.2, 0.15, 0.002, 0.02, 2, 5, seconds=0.7),
    "cellos": Patch("string", 1500, 0, 0, 0.08, 0.12, 3, 8, 12, seconds=4.0),
}
"""Instruments by name."""

BASS_DRIVE: dict[str, float] = {"808": 1.5, "grit bass": 3.0, "pick bass": 1.2}
"""Soft clipping of the amplified basses."""

BASS_OCTAVES: dict[str, int] = {"high bass": 1}
"""How far up the neck a bass is played, where that is not at its low end."""

AMPLIFIERS: dict[str, tuple[float, float, float]] = {
    "": (0.0, 0.0, 0.0),
    "edge": (1.2, 120, 4500),
    "crunch": (3.0, 110, 4800),
    "stack": (9.0, 90, 5200),
    "scooped": (16.0, 60, 6200),
    "razor": (12.0, 180, 7200),
    "lead": (6.0, 180, 4600),
}
"""Drive, and the pass band of the loudspeaker [Hz, Hz]."""


@dataclass(frozen=True)
class Figure:
    """An accompaniment or melody that a stem plays.

    Parameters
    ----------
    kind : str
        "chords", "arpeggio", "power" (roots and fifths), "melody", or "twin" (a melody in
        thirds).
    patch : str
        A name from `PATCHES`.
    pattern : str
        As `patterns` says; for melodies a name from `patterns.LINES`.
    centre : float [MIDI pitch]
    gate : float
        The longest note in sixteenths; 0 lets notes ring until the next one.
    size : int
        The number of notes of a chord.
    amplifier : str
        A name from `AMPLIFIERS`.
    level_db : float
        The level relative to the other figures of its stem.
    sections : tuple of str
        The sections in which it plays; by default all those in which its stem plays.
    pump : float
        How far the level is lowered on every beat, 0 to 1.
    strum_s : float [s]
        The delay between the notes of a chord.
    """

    kind: str
    patch: str
    pattern: str
    centre: float = 60.0
    gate: float = 0.0
    size: int = 3
    amplifier: str = ""
    level_db: float = 0.0
    sections: tuple[str, ...] = ()
    pump: float = 0.0
    strum_s: float = 0.0


_LEAD = ("intro", "solo", "chorus", "drop")

PIANO_STYLES: dict[str, Figure] = {
    "none": Figure("chords", "grand", "."),
    "ballad": Figure("chords", "grand", "o.......x...x...|o.......o.......", 62),
    "felt": Figure("arpeggio", "felt", "x...x...x...x...|x.x.x...x...x...", 64, 8),
    "skank": Figure("chords", "upright", "..x...x...x...x.", 64, 1.2),
    "boogie": Figure("chords", "upright", "x..xx..xx..xx.x.|..x.x..xx...x...", 63, 1.5, 4),
    "fills": Figure("melody", "upright", "stabs", 72),
    "broken": Figure("arpeggio", "grand", "x.x.x.x.x.x.x.x.", 62, 6),
    "alberti": Figure("arpeggio", "grand", "xxxxxxxxxxxxxxxx", 64, 3),
    "stabs": Figure("chords", "bright", "x..x..x...x..x..|x..x..x..x..x...", 64, 1.6),
    "pop": Figure("chords", "bright", "o...x...o.x.x...|o...x...o...x.x.", 64, 3),
    "loop": Figure("chords", "felt", "o.....x...x.....|....x.....x.....", 61, 5, 4),
    "dusty": Figure("arpeggio", "upright", "x..x..x...x..x..|x..x......x.x...", 66, 4),
    "dark motif": Figure("arpeggio", "bright", "x.x.x.....x.x...|x.x.x...x.......", 76, 3),
    "hammer": Figure("chords", "bright", "o...o...o...o...", 57, 3.5),
    "octaves": Figure("melody", "grand", "anthem", 74),
    "sonata": Figure("melody", "grand", "theme", 76),
}
"""Piano styles by name."""

OTHER_STYLES: dict[str, Figure] = {
    "skank guitar": Figure("chords", "chop", "..x...x...x...x.", 64, 1.0, strum_s=0.012),
    "bubble organ": Figure("chords", "organ", ".xx..xx..xx..xx.", 58, 0.8, level_db=-5),
    "dub horns": Figure("melody", "horns", "stabs", 66, level_db=-3),
    "supersaw": Figure("chords", "supersaw", "x..x..x.x..x..x.", 67, 1.8, 4, pump=0.6),
    "trance arp": Figure("arpeggio", "pluck synth", "xxxxxxxxxxxxxxxx", 72, 1.0, 4, pump=0.3),
    "pumped pad": Figure("chords", "pad", "o...............", 62, 0, 4, level_db=-4, pump=0.8),
    "blues lead": Figure("melody", "blues guitar", "solo", 68, amplifier="edge", sections=_LEAD),
    "blues chop": Figure("chords", "clean", "....x.......x...|....x..x....x...", 60, 1.2, 4),
    "harmonica": Figure("melody", "harmonica", "riffs", 72, level_db=-3, sections=_LEAD),
    "hammond": Figure("chords", "organ", "o...............", 60, 0, 4, level_db=-5),
    "prog organ": Figure("chords", "rock organ", "o.....o...o.....|o.....o.o...x...", 60, 0, 4),
    "moog lead": Figure("melody", "moog", "runs", 74, level_db=-1, sections=_LEAD),
    "mellotron": Figure("chords", "mellotron", "o...............", 62, 0, 4, level_db=-3),
    "prog arp": Figure("arpeggio", "clean", "x.xx.x.x.xx.x.x.", 66, 4, 4),
    "crunch guitar": Figure("power", "string set", "o.o.o.o.o.o.o.o.|o.o.o.o.o...o...", 48,
                            0, 3, "crunch"),
    "open chords": Figure("chords", "string set", "o.......o..x..x.|o.......o...x...", 55, 0, 3,
                          "crunch", -2),
    "rock lead": Figure("melody", "lead guitar", "solo", 72, amplifier="lead", level_db=-2,
                        sections=("solo", "intro")),
    "low chug": Figure("power", "string set", "x.xx..x.x.xx..o.|x..x..x.o.......", 36, 0, 3,
                       "scooped"),
    "drone guitar": Figure("power", "string set", "o...............|o.......o.......", 38, 0, 3,
                           "scooped", sections=("chorus", "intro", "break")),
    "glitch": Figure("arpeggio", "square lead", "x..x....x.x.....|..x..x.....xx...", 78, 0.8,
                     level_db=-9),
    "gallop guitar": Figure("power", "string set", "o.xxx.xxo.xxx.xx|o.xxx.xxo...o...", 45, 0, 2,
                            "stack"),
    "twin lead": Figure("twin", "lead guitar", "runs", 76, amplifier="lead", level_db=-1,
                        sections=_LEAD),
    "twinkle": Figure("arpeggio", "chorus guitar", "x.xxx.x.x.xx.xx.|x.x.xx.xx.x.x.xx", 70, 6, 4),
    "emo chords": Figure("chords", "string set", "o..o..o...o.o...", 57, 0, 3, "crunch",
                         sections=("chorus", "drop", "solo")),
    "razor guitar": Figure("power", "string set", "o.o.oxo.o.o.oxo.|o.oxo.o.o.o.o...", 43, 0, 3,
                           "razor"),
    "panic chords": Figure("chords", "string set", "x.x...x.x.x...x.|xxx...x...x.x.x.", 66, 1.5, 2,
                           "razor", -2),
    "pop synth": Figure("chords", "supersaw", "x..x..x...x..x..", 66, 1.5, 3, pump=0.3),
    "sparkle": Figure("melody", "bell", "hook", 84, level_db=-6, sections=("chorus", "drop")),
    "pop pluck": Figure("arpeggio", "pluck synth", "x.x.x.x.x.x.x.x.", 72, 1.5, level_db=-3),
    "vibes": Figure("chords", "vibes", "o.......x.......|....x.....x.....", 66, 0, 4),
    "sampled horns": Figure("melody", "horns", "stabs", 62, level_db=-2),
    "string loop": Figure("chords", "strings", "o.......o.......", 63, 0, 3, level_db=-3),
    "south brass": Figure("chords", "dark brass", "o.....x.o.......|o.....x...x.....", 50, 4),
    "dark bells": Figure("melody", "bell", "hook", 79, level_db=-3),
    "trap pad": Figure("chords", "glass pad", "o...............", 60, 0, 3, level_db=-6),
    "fingerpicking": Figure("arpeggio", "acoustic", "x.xxx.xxx.xxx.xx", 60, 6, 4),
    "strum": Figure("chords", "acoustic", "o...x.xx..x.x.x.|o...x.x.o.x.x.xx", 58, 0, 4,
                    strum_s=0.03),
    "fiddle": Figure("melody", "fiddle", "theme", 76, level_db=-4, sections=_LEAD),
    "string section": Figure("chords", "strings", "o...............", 62, 0, 4),
    "staccato strings": Figure("chords", "staccato", "x.x.x.x.x.x.x.x.", 64, 1.5, 3),
    "flute": Figure("melody", "flute", "theme", 79, level_db=-3),
}  # fmt: skip
"""Figures of guitars, synthesizers, strings, organs and horns by name."""
