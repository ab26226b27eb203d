"""Find tracks by title and artist under different spellings."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
    | {"&": " and ", "+": " and "}
)
_GUEST = r"(?:feat|ft|featuring)\b"
_VERSION = (
    r"\b(?:live|re-?master(?:ed)?|version|edit|(?:re)?mix(?:ed)?|mono|stereo|acoustic|unplugged|"
    r"demo|bonus|deluxe|explicit|clean|anniversary|edition|radio|single|album|extended|original|"
    r"instrumental|re-?recorded|sessions?|take \d+)\b"
)
_TO_DROP = re.compile(
    rf"[(\[{{]\s*(?:{_GUEST}|with\b)[^)\]}}]*[)\]}}]"  # (feat. X) (with X)
    rf"|\s{_GUEST}\.?\s+\S[^(\[{{]*"  # feat. X, up to a bracket
    rf"|[(\[{{][^()\[\]{{}}]*{_VERSION}[^()\[\]{{}}]*[)\]}}]"  # (Live at Y) [Remastered 2011]
    r"|[(\[{]\s*(?:19|20)\d\d\s*[)\]}]"  # (2011)
    rf"|\s[-\u2013\u2014]\s[^-\u2013\u2014]*{_VERSION}.*$",  # - 2011 Remaster
    re.IGNORECASE,
)

_HINT = re.compile(rf"[(\[{{]|\s(?:[-\u2013\u2014]\s|{_GUEST})", re.IGNORECASE)
_NO_LETTER = re.compile(r"[\W_]+")


def strict_key(text: str) -> str:
    """Return the letters and digits of a text, without case and accents.

    A text without any ("!!!") is returned in lower case.
    """
    if text.isascii():  # five times faster, and most texts are
        folded = text.lower().replace("&", "and").replace("+", "and")
    else:
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        folded = folded.translate(_LETTERS)
    return _NO_LETTER.sub("", folded) or " ".join(text.casefold().split())


def loose_key(text: str) -> str:
    """Return `strict_key` of a text without guests ("feat. X") and versions ("(Live)")."""
    if not _HINT.search(text):
        return strict_key(text)  # most texts, at a fraction of the time
    bare = _TO_DROP.sub(" ", text)
    return strict_key(bare if bare.strip() else text)


def match(titles: pd.Series, artists: pd.Series, tracks: pd.DataFrame) -> pd.Series:
    """Find tracks by title and artist.

    A track with the same title and artist is preferred, then one that differs only in guests or
    version, the plain version before others. Among equals the first by track_id is taken.

    Parameters
    ----------
    titles, artists : Series of str, with the same index
    tracks : DataFrame with columns track_id, title, artist

    Returns
    -------
    Series of track_id with the index of `titles`, missing where no track matches
    """
    named = tracks[(tracks["title"] != "") & (tracks["artist"] != "")]
    named = named[_by_one_of(named["artist"], artists)].sort_values("track_id")
    title, bare_title = _both(named["title"])
    artist, bare_artist = _both(named["artist"])
    exact = pd.DataFrame({"track_id": named["track_id"], "key": _join(artist, title)})
    roughly = pd.DataFrame({"track_id": named["track_id"], "key": _join(bare_artist, bare_title)})
    roughly = roughly.iloc[(title != bare_title).argsort(kind="stable")]  # plain versions first

    title, bare_title = _both(titles)
    artist, bare_artist = _both(artists)
    found = _look_up(_join(artist, title), exact)
    return found.fillna(_look_up(_join(bare_artist, bare_title), roughly))


def _by_one_of(artists: pd.Series, wanted: pd.Series) -> pd.Series:
    """Whether each artist is among those wanted; the titles of others are not compared."""
    strict, loose = (set(keys) for keys in _both(wanted))
    names = pd.Series(artists.unique(), dtype=object)
    name, bare_name = _both(names)
    known = set(names[name.isin(strict) | bare_name.isin(loose)])
    return artists.astype(object).isin(known)  # pandas' text columns look up value by value


def _join(artists: pd.Series, titles: pd.Series) -> pd.Series:
    """Join artist and title to one key per row; "" where either is empty."""
    return (artists + "\n" + titles).where((artists != "") & (titles != ""), "")


def _both(column: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return strict and loose keys of a column, computed once per distinct text."""
    texts = list(column.unique())
    strict = {text: strict_key(text) for text in texts}
    loose = {text: loose_key(text) if _HINT.search(text) else strict[text] for text in texts}
    return column.map(strict), column.map(loose)


def _look_up(keys: pd.Series, candidates: pd.DataFrame) -> pd.Series:
    first = candidates.drop_duplicates("key").set_index("key")["track_id"]
    found = keys.map(first.drop(index="", errors="ignore"))
    return found.astype(first.dtype)  # all missing, it would have no type
