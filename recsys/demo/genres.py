"""The genres of the demo catalogue: the choices of each, and its share of the tracks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Genre:
    """The choices of a genre.

    Parameters
    ----------
    share : int
        Tracks per 32.
    tempo : (low, high) [beats per minute]
    modes, verses, choruses : tuples to choose from
        Progressions are roman numerals, one per bar; `I/V` changes within the bar.
    grooves, kits, bass_styles, bass_sounds : tuples to choose from
    others : tuple of tuples of names in `instruments.OTHER_STYLES`
    pianos, singers : tuples to choose from
    lines : (verse, chorus)
        Names in `patterns.LINES`.
    register : float [MIDI pitch]
        The centre of a low voice.
    forms : tuple of str
        Sections and their shares of the track.
    steps : tuple of int
        Sixteenths per bar.
    swing : (low, high)
        1/3 is a triplet.
    swing_unit : int
        Sixteenths: 2 swings eighths, 1 sixteenths.
    late_ms : float
        The delay of the notes behind the beat.
    levels : tuple of float [dB]
        Of vocals, piano, drums, bass, other.
    brightness, reverb, echo, loudness_db : (low, high)
    popularity : float
        The mean, 0 to 1.
    sung : float
        The share of tracks with a voice.
    """

    share: int
    tempo: tuple[float, float]
    modes: tuple[str, ...]
    verses: tuple[str, ...]
    choruses: tuple[str, ...]
    grooves: tuple[str, ...]
    kits: tuple[str, ...]
    bass_styles: tuple[str, ...]
    bass_sounds: tuple[str, ...]
    others: tuple[tuple[str, ...], ...]
    pianos: tuple[str, ...]
    singers: tuple[str, ...]
    lines: tuple[str, str]
    register: float
    forms: tuple[str, ...]
    levels: tuple[float, float, float, float, float]
    loudness_db: tuple[float, float]
    popularity: float
    steps: tuple[int, ...] = (16,)
    swing: tuple[float, float] = (0.0, 0.04)
    swing_unit: int = 1
    late_ms: float = 0.0
    brightness: tuple[float, float] = (-2.0, 2.0)
    reverb: tuple[float, float] = (0.1, 0.25)
    echo: tuple[float, float] = (0.0, 0.1)
    sung: float = 0.92


_SONG = ("intro2 verse4 chorus4 break2 chorus4", "intro2 verse4 chorus4 verse2 solo2 chorus3")
_BAND = ("intro2 verse4 chorus4 solo2 chorus4", "verse4 chorus3 break2 solo2 chorus4", *_SONG)

GENRES: dict[str, Genre] = {
    "reggae": Genre(
        3, (66, 82), ("minor", "dorian", "major"),
        ("i iv", "i VII", "I IV", "i v", "I ii IV I", "vi ii"),
        ("iv i", "i iv VII i", "IV V I vi", "I V IV IV"),
        ("one drop", "steppers", "rockers"), ("dry",), ("riddim", "dub"), ("dub bass",),
        (("skank guitar", "bubble organ"), ("skank guitar", "bubble organ", "dub horns")),
        ("skank", "skank", "fills"), ("laid back", "soul", "laid back"), ("song", "song"), 55,
        ("intro2 verse4 chorus4 break3", "intro2 verse3 break2 chorus3"),
        (0, -4, -1, 3, -1), (-21, -14.5), 0.38, swing=(0.08, 0.25), late_ms=10,
        brightness=(-4, 0), reverb=(0.15, 0.35), echo=(0.25, 0.5),
    ),
    "trance": Genre(
        3, (130, 142), ("minor", "harmonic minor"),
        ("i VI III VII", "i VII VI VII", "VI VII i i", "i i VI VII"),
        ("VI VII i III", "i VI III VII", "iv VI i VII"),
        ("four to the floor",), ("club",), ("offbeat",), ("trance bass",),
        (("trance arp", "pumped pad"), ("supersaw", "trance arp"), ("supersaw", "pumped pad")),
        ("stabs", "broken", "felt"), ("airy", "bright"), ("chop", "float"), 62,
        ("intro4 break4 build2 drop8", "drop6 break4 build2 drop6", "intro2 verse6 break3 drop7"),
        (-3, -4, 2, 0, 2), (-18, -14), 0.48, brightness=(0, 4), reverb=(0.25, 0.45),
        echo=(0.2, 0.4), sung=0.85,
    ),
    "blues": Genre(
        2, (72, 118), ("blues",),
        ("I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7", "I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7"),
        ("IV7 IV7 I7 I7 V7 IV7 I7 V7", "I7 IV7 I7 V7"),
        ("shuffle", "slow blues"), ("studio", "dusty"), ("walking", "boogie"),
        ("upright bass", "finger bass"),
        (("blues lead", "hammond"), ("blues lead", "blues chop"), ("harmonica", "blues chop"),
         ("blues lead", "harmonica", "hammond")),
        ("boogie", "boogie", "fills"), ("soul", "soul", "laid back"), ("song", "shout"), 53,
        ("intro2 verse6 solo4", "verse6 solo4 verse2", "intro1 verse4 solo3 verse4"),
        (1, 0, -3, 0, 1), (-24, -17), 0.32, swing=(0.26, 0.36), swing_unit=2, late_ms=6,
        brightness=(-5, -1), reverb=(0.08, 0.2),
    ),
    "progressive": Genre(
        2, (92, 136), ("lydian", "dorian", "mixolydian"),
        ("i IV", "I II", "i VII IV i", "Imaj7 II vii iii", "i bVI bVII v"),
        ("I bVII IV I", "i III VII IV", "bVI bVII I II", "IVmaj7 iii ii I"),
        ("odd", "toms", "odd"), ("studio", "rock"), ("melodic", "octaves"),
        ("pick bass", "finger bass"),
        (("prog organ", "moog lead"), ("mellotron", "moog lead", "prog arp"),
         ("prog organ", "prog arp", "flute"), ("mellotron", "prog organ", "moog lead")),
        ("broken", "alberti", "hammer"), ("soft", "operatic", "sung"), ("theme", "anthem"), 58,
        ("intro2 verse3 solo3 break2 chorus4", "solo3 verse4 break2 solo2 chorus3"),
        (-2, -1, 0, 1, 2), (-23, -15.5), 0.24, steps=(14, 14, 16, 12), reverb=(0.15, 0.35),
        echo=(0.05, 0.2),
    ),
    "rock": Genre(
        2, (108, 144), ("major", "mixolydian"),
        ("I IV V IV", "I V vi IV", "I bVII IV I", "vi IV I V"),
        ("I V IV IV", "IV V I I", "bVII IV I I", "I IV I V"),
        ("backbeat", "driving"), ("rock",), ("eighths", "roots"), ("pick bass",),
        (("crunch guitar", "rock lead"), ("open chords", "rock lead"),
         ("crunch guitar", "open chords")),
        ("hammer", "pop", "ballad"), ("sung", "strained", "soul"), ("song", "anthem"), 58, _BAND,
        (1, -3, 1, 0, 1), (-20, -14), 0.55, brightness=(-1, 2),
    ),
    "alternative metal": Genre(
        2, (84, 112), ("phrygian", "minor"),
        ("i i bII i", "i i i bVI", "i bII i bVII"),
        ("i bVI bIII bVII", "i bII bVI i", "bVI bVII i i"),
        ("half time", "groove metal"), ("metal", "rock"), ("chug",), ("grit bass",),
        (("low chug", "glitch"), ("low chug", "drone guitar"),
         ("low chug", "drone guitar", "glitch")),
        ("dark motif", "felt"), ("strained", "growl", "strained"), ("shout", "anthem"), 54, _SONG,
        (0, -4, 1, 2, 3), (-18, -14), 0.45, brightness=(-3, 1),
    ),
    "heavy metal": Genre(
        2, (140, 184), ("minor", "harmonic minor"),
        ("i VI VII i", "i i VII VI", "i VII VI V"), ("VI VII i i", "i III VII iv", "iv VI VII i"),
        ("gallop", "double kick"), ("metal",), ("gallop",), ("pick bass",),
        (("gallop guitar", "twin lead"), ("gallop guitar", "twin lead")),
        ("hammer", "octaves", "broken"), ("operatic", "operatic", "strained"), ("anthem", "anthem"),
        64, ("intro4 verse6 chorus4 solo4 chorus4", "verse6 solo6 chorus6", *_SONG),
        (-1, -5, 2, 0, 3), (-17, -13.5), 0.36, brightness=(-1, 3), reverb=(0.12, 0.28),
    ),
    "emo": Genre(
        2, (118, 150), ("major",),
        ("Imaj7 IVmaj7", "IVmaj7 Iadd9 vi7 V", "vi7 IVmaj7 Iadd9 V"), ("IV I V vi", "vi IV I V"),
        ("emo", "backbeat"), ("punk", "studio"), ("eighths", "melodic"), ("pick bass",),
        (("twinkle", "emo chords"), ("twinkle", "emo chords")),
        ("felt", "broken", "ballad"), ("strained",), ("song", "shout"), 61, _SONG,
        (2, -3, 0, -1, 1), (-21, -15), 0.45, brightness=(-1, 2),
    ),
    "post-hardcore": Genre(
        2, (148, 190), ("minor", "phrygian", "harmonic minor"),
        ("i bII", "i bVI i bII", "i VII bII VI"), ("bVI III VII i", "i bII VI VII"),
        ("d beat", "punk", "blast"), ("punk",), ("chug", "eighths"), ("grit bass",),
        (("razor guitar", "panic chords"), ("panic chords", "razor guitar"), ("razor guitar",)),
        ("octaves", "felt", "hammer"), ("scream", "scream", "growl"), ("shout", "shout"), 63,
        ("intro2 verse6 chorus6 break4 chorus6", "verse6 break3 verse4 chorus6"),
        (2, -4, 1, 1, 2), (-17, -13.5), 0.27, brightness=(1, 4), reverb=(0.08, 0.2),
    ),
    "pop": Genre(
        3, (98, 126), ("major", "minor"),
        ("I V vi IV", "vi IV I V", "I vi IV V", "i VI III VII"),
        ("IV V vi I", "I V vi IV", "VI III VII i", "IV I V vi"),
        ("pop straight", "disco", "four to the floor"), ("pop",), ("syncopated", "octaves"),
        ("synth bass",),
        (("pop synth", "pop pluck"), ("pop pluck",), ("pop synth",)),
        ("pop", "stabs", "ballad"), ("bright", "bright", "airy"), ("pop", "pop"), 64,
        ("intro1 verse4 chorus4 break1 chorus4", "chorus4 verse4 chorus4 break2 chorus2"),
        (3, -1, 1, 0, -1), (-19, -14.5), 0.74, brightness=(1, 4), reverb=(0.1, 0.25), sung=0.97,
    ),
    "hip-hop": Genre(
        3, (82, 98), ("dorian", "minor"),
        ("i7 iv7", "i7 IV7", "i7 bVImaj7", "i7"), ("i7 iv7", "i7 bVII", "iv7 v7"),
        ("boom bap", "lazy"), ("dusty",), ("syncopated", "long", "riddim"),
        ("finger bass", "upright bass"),
        (("vibes", "sampled horns"), ("string loop",), ("vibes",),
         ("string loop", "sampled horns")),
        ("loop", "loop", "dusty"), ("rap",), ("rap", "rap"), 47,
        ("intro1 verse6 chorus3", "verse5 chorus3 verse3", "intro2 verse6 break1 verse3"),
        (3, 0, 2, 1, -2), (-20, -15), 0.55, swing=(0.1, 0.26), late_ms=8, brightness=(-5, -1),
        reverb=(0.03, 0.12), sung=0.95,
    ),
    "dirty south rap": Genre(
        3, (128, 152), ("minor", "phrygian", "harmonic minor"),
        ("i", "i bII", "i VI"), ("i VI VII i", "i bII", "i iv"),
        ("trap", "bounce"), ("808",), ("sub", "slide"), ("808",),
        (("south brass", "trap pad"), ("dark bells", "trap pad"), ("south brass", "dark bells"),
         ("south brass",)),
        ("dark motif", "dark motif", "stabs"), ("deep rap",), ("slow rap", "shout"), 43,
        ("intro2 verse6 chorus4", "chorus4 verse8 chorus4", "intro2 verse6 chorus4 verse4"),
        (2, -2, 1, 4, 0), (-18, -13.5), 0.5, brightness=(-1, 2), reverb=(0.08, 0.2), sung=0.95,
    ),
    "folk": Genre(
        2, (88, 126), ("major", "mixolydian", "dorian"),
        ("I IV I V", "I vi IV I", "i VII i v", "I I IV V"),
        ("IV I V I", "vi IV I V", "III VII i i"),
        ("train", "stomp", "waltz"), ("brushes",), ("alternating", "roots"), ("upright bass",),
        (("fingerpicking", "fiddle"), ("strum", "fiddle"), ("fingerpicking", "strum")),
        ("felt", "broken", "ballad"), ("soft", "sung"), ("song", "song"), 58,
        ("intro2 verse4 chorus4 solo2 verse2", "intro2 verse6 chorus4"),
        (3, -4, -5, -1, 2), (-28, -20), 0.32, steps=(16, 16, 12), brightness=(-3, 1),
        reverb=(0.05, 0.18),
    ),
    "classical": Genre(
        1, (72, 126), ("major", "minor", "harmonic minor"),
        ("I V vi IV", "I IV V I", "i iv V i", "I vi ii V", "i VI iv V"),
        ("vi ii V I", "IV I ii V", "iv i V i", "I IV ii V"),
        ("orchestral",), ("orchestra",), ("long", "roots"), ("cellos",),
        (("string section", "flute"), ("string section", "staccato strings"),
         ("staccato strings", "flute")),
        ("alberti", "sonata", "broken"), ("choir",), ("float", "float"), 62,
        ("verse4 chorus4 verse4", "intro2 verse4 break2 chorus4", "verse6 solo4 verse2"),
        (0, 2, -3, 0, 1), (-29, -21), 0.24, steps=(16, 16, 12), brightness=(-4, 0),
        reverb=(0.35, 0.55), sung=0.75,
    ),
}  # fmt: skip
"""All genres by name."""

ROTATION: tuple[str, ...] = tuple(
    name for turn in range(3) for name, genre in GENRES.items() if genre.share > turn
)
"""Thirty-two seeds in a row hold every genre in its share."""
