"""Names of artists, albums and titles, made from word lists."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np

ARTISTS_PER_GENRE = 3
ALBUMS_PER_ARTIST = 3
_SCENE = 1000

_WORDS: dict[str, tuple[str, str]] = {
    "reggae": (
        "Roots Island Sunrise River Mountain Yard Harbour Lion Mango Thunder Trade-Wind Sugar",
        "Steady Easy Higher Righteous Golden Irie Rising Gentle Blessed Upful",
    ),
    "trance": (
        "Horizon Gravity Skyline Aurora Orbit Lumen Velocity Solaris Meridian Parallax Zenith Halo",
        "Weightless Infinite Liquid Neon Celestial Endless Distant Crystal Boundless Electric",
    ),
    "blues": (
        "Delta Freight-Train Levee Whiskey Crossroad Kitchen Jailhouse Mule Highway Rooster Gin "
        "Cottonmouth",
        "Lonesome Broke Lowdown Rainy Worried Empty Backdoor Hungry Stubborn Midnight",
    ),
    "progressive": (
        "Cartographer Labyrinth Clockmaker Cathedral Astrolabe Equinox Tapestry Pendulum Archive "
        "Automaton Observatory Prism",
        "Fractal Recursive Ancient Hidden Mechanical Seventh Spiral Unwritten Paper Inverted",
    ),
    "rock": (
        "Highway Radio Engine Avenue Lightning Motel Jukebox Dynamite Boulevard Marquee Gasoline "
        "Stadium",
        "Reckless Electric Restless Wild Broken Burning Loud Velvet Rusty American",
    ),
    "alternative metal": (
        "Vertebra Static Asylum Concrete Parasite Tremor Rust Faultline Sediment Marrow Undertow "
        "Voltage",
        "Hollow Numb Fractured Bitter Corrosive Sunken Blind Severed Leaden Slow",
    ),
    "heavy metal": (
        "Dragon Hammer Citadel Steel Inferno Valkyrie Warlord Chalice Thunder Colossus Crypt Blade",
        "Iron Eternal Black Merciless Crimson Immortal Unholy Savage Fallen Molten",
    ),
    "emo": (
        "Bedroom Polaroid Winter Suburb Postcard Bleachers Streetlight Driveway Sweater Voicemail "
        "September Hallway",
        "Quiet Unsent Awkward Tender Nervous Borrowed Faded Sleepless Sorry Almost",
    ),
    "post-hardcore": (
        "Anatomy Wreckage Alarm Teeth Telegram Exit Collapse Vultures Sirens Evidence Matchbook "
        "Armistice",
        "Burning Sudden Violent Honest Screaming Wasted Brutal Desperate Ragged Final",
    ),
    "pop": (
        "Summer Kiss Heartbeat Mirror Weekend Glitter Sugar Diamond Dancefloor Lipstick Satellite "
        "Butterfly",
        "Sweet Perfect Crazy Golden Dizzy Magic Starry Pretty Shiny Lucky",
    ),
    "hip-hop": (
        "Block Cipher Notebook Corner Subway Vinyl Rooftop Paper Blueprint Borough Chess Cassette",
        "Dusty Certified Hungry Seven Smooth Cold Concrete Original Raw Patient",
    ),
    "dirty south rap": (
        "Trunk Cadillac Bayou Candy-Paint Subwoofer Peach Boulevard Grill Chrome Swamp Parking-Lot "
        "Magnolia",
        "Slab Heavy Crunk Slow Dirty Third Screwed Gold Sticky Southern",
    ),
    "folk": (
        "Meadow Lantern Sparrow Orchard Cabin Willow Ferry Hearth Thistle Wagon Harvest Creek",
        "Weathered Simple Wandering Old Wooden Silver Barefoot Northern Humble Amber",
    ),
    "classical": (
        "Nocturne Prelude Serenade Pastorale Elegy Romance Barcarolle Intermezzo Minuet Berceuse "
        "Rondo Capriccio",
        "Tranquil Solemn Vernal Autumnal Nocturnal Lyric Gracious Little Grand Wistful",
    ),
}
_FIRST = (
    "Ada", "Bruno", "Celia", "Dario", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas",
    "Kaya", "Leon", "Mira", "Nils", "Oona", "Pavel", "Quinn", "Rosa", "Silas", "Tess", "Uma",
    "Viggo", "Wanda", "Yara", "Zeno", "Amara", "Cyrus", "Delphine",
)  # fmt: skip
_LAST = (
    "Abbott", "Berg", "Calloway", "Dunmore", "Ekholm", "Ferrante", "Grieve", "Hollis",
    "Ivarsen", "Jarrett", "Kessler", "Lindqvist", "Marlowe", "Novak", "Okafor", "Pryce",
    "Quist", "Ravel-Stone", "Santoro", "Tamsin", "Underhill", "Vance", "Whitlock", "Zamora",
)  # fmt: skip
_CAST: dict[str, tuple[str, ...]] = {
    "reggae": ("{first} & the {noun} Players", "{adj} {noun} Sound", "The {noun}lights"),
    "trance": ("{noun} State", "{adj} {noun}", "{last} & {last2}", "DJ {first}"),
    "blues": ("{adj} {first} {last}", "{first} {last} Trio", "Big {last}"),
    "progressive": ("The {adj} {noun}", "{noun} Theory", "House of {noun}"),
    "rock": ("The {adj} {noun}s", "{last} Street Band", "{noun} Kings"),
    "alternative metal": ("{noun}", "{adj} {noun}", "Project {noun}"),
    "heavy metal": ("{adj} {noun}", "{noun}bringer", "{noun} of {last}"),
    "emo": ("{adj} {noun}", "{first} Writes Letters", "The {noun} Year"),
    "post-hardcore": ("{noun} for {first}", "The {adj} {noun}", "Dear {noun}"),
    "pop": ("{first}", "{first} {last}", "{noun} Club"),
    "hip-hop": ("{first} the {adj}", "{noun} Collective", "MC {last}"),
    "dirty south rap": ("Lil {first}", "{adj} {noun} Boyz", "Big {first} {last}"),
    "folk": ("{first} {last}", "The {noun} Sisters", "{noun} & {noun2}"),
    "classical": ("{first} {last}", "{last} Quartet", "Orchestra of {last}"),
}
_TITLES = (
    *("{adj} {noun}", "{noun} and {noun2}", "Under the {noun}", "No More {noun}", "{adj} Again"),
    *("Letter to {first}", "The Last {noun}", "{adj} Days", "{noun} Song", "Carry the {noun}"),
    *("When the {noun} Falls", "{adj} as the {noun}", "Where the {noun} Ends", "{adj} {noun2}"),
    *("Tell Me, {first}", "Half a {noun}", "Back to the {noun}", "My {adj} {noun}"),
)
_CLASSICAL_TITLES = (
    *("{noun} in {key}", "{adj} {noun}", "{adj} {noun} in {key}", "{noun} No. {number} in {key}"),
    *("{noun} and {noun2}", "{noun}, Op. {number}", "{noun} for {first}"),
)
_KEYS = (
    *("C major", "G major", "D major", "A major", "E major", "F major", "B-flat major"),
    *("E-flat major", "A-flat major", "A minor", "E minor", "B minor", "F-sharp minor", "D minor"),
    *("G minor", "C minor", "F minor", "C-sharp minor"),
)
_ALBUMS = (
    *("{adj} {noun}", "The {noun} Sessions", "{noun}", "Songs from the {noun}", "{adj} & {adj2}"),
    *("{noun} Nights", "A {noun} in Winter", "Live at the {noun}"),
)


@dataclass(frozen=True)
class Credit:
    """Title, artist, album and year of a track, and the pitch of the artist's voice, -2 to 2."""

    title: str
    artist: str
    album: str
    year: int
    voice: float


def credit(seed: int, genre: str) -> Credit:
    """Return artist, album, title and year of a track.

    Parameters
    ----------
    seed : int >= 0
        Seeds of the same thousand share their artists: three of each genre, three albums each.
    genre : str
    """
    rng = np.random.default_rng([seed, 4])
    number = int(rng.integers(ARTISTS_PER_GENRE))
    artist, voice, albums = _artist(seed // _SCENE, genre, number)
    album, year = albums[int(rng.integers(len(albums)))]
    templates = _CLASSICAL_TITLES if genre == "classical" else _TITLES
    return Credit(_fill(templates, genre, rng), artist, album, year, voice)


@lru_cache(maxsize=1024)
def _artist(scene: int, genre: str, number: int) -> tuple[str, float, tuple[tuple[str, int], ...]]:
    """Return name, voice and albums of an artist."""
    rng = np.random.default_rng([scene, crc32(genre.encode()), number, 8])
    # every artist of a genre has another template, so that no two share a name
    templates = _CAST[genre]
    name = _fill((templates[number % len(templates)],), genre, rng)
    voice = round(float(rng.uniform(-2, 2)), 2)
    year = int(rng.integers(1968, 2019))
    albums = []
    for title in rng.permutation(len(_ALBUMS))[:ALBUMS_PER_ARTIST]:
        albums.append((_fill((_ALBUMS[title],), genre, rng), year))
        year = min(year + int(rng.integers(1, 5)), 2024)
    return name, voice, tuple(albums)


def _fill(templates: tuple[str, ...], genre: str, rng: np.random.Generator) -> str:
    """Choose a template and fill in words."""
    nouns, adjectives = (
        [word.replace("-", " ") for word in words.split()] for words in _WORDS[genre]
    )
    noun, noun2 = (nouns[i] for i in rng.permutation(len(nouns))[:2])
    adj, adj2 = (adjectives[i] for i in rng.permutation(len(adjectives))[:2])
    last, last2 = (_LAST[i] for i in rng.permutation(len(_LAST))[:2])
    text = templates[int(rng.integers(len(templates)))].format(
        **{"noun": noun, "noun2": noun2, "adj": adj, "adj2": adj2, "last": last, "last2": last2},
        first=_FIRST[int(rng.integers(len(_FIRST)))],
        key=_KEYS[int(rng.integers(len(_KEYS)))],
        number=int(rng.integers(1, 30)),
    )
    return text[0].upper() + text[1:]
