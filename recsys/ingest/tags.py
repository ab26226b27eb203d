"""Read title, artist, album, genre and year of a file from its tags or its path."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path, PurePath
from typing import Any

FIELDS = ("title", "artist", "album", "genre", "year")

# What a field is called in Vorbis comments and mutagen's easy tags, in plain ID3, in ASF.
_KEYS = {
    "title": ("title", "TIT2", "Title"),
    "artist": ("artist", "TPE1", "Author", "albumartist", "TPE2", "WM/AlbumArtist"),
    "album": ("album", "TALB", "WM/AlbumTitle"),
    "genre": ("genre", "TCON", "WM/Genre"),
    "year": ("date", "TDRC", "TYER", "WM/Year", "year", "originaldate"),
}
_YEAR = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
_DISC = re.compile(r"(cd|dis[ck]|disque|vol(ume)?\.?) ?[-_#]? ?\d{1,2}", re.IGNORECASE)
_MANY = re.compile(r"various( artists)?|va|compilations?|samplers?|soundtracks?", re.IGNORECASE)
_DASH = re.compile(r"\s+[-\u2013\u2014]\s+")
# "01 Title", "1-07 Title", "7. Title", "07 - Title"; not "99 Luftballons" or "1979"
_NUMBER = re.compile(r"(\d{1,2}-)?(0\d{1,2}(\s*[.)_-]\s*|\s+)|\d{1,3}(\s*[.)_]\s*|\s*-\s+))(?=\S)")
_NUMBER_ON_AN_ALBUM = re.compile(r"(\d{1,2}-)?\d{1,2}\s+(?=\S)")
_YEAR_OF_ALBUM = re.compile(r"[(\[](?P<a>\d{4})[)\]]|^(?P<b>\d{4})\s+[-\u2013\u2014]\s+")


def read_tags(path: Path) -> dict[str, str]:
    """Return the `FIELDS` that the tags of a file have."""
    try:
        tags = _tags_of(path)
        found = {field: _first(tags, keys) for field, keys in _KEYS.items()}
    except Exception:  # damaged tags raise errors of many kinds; the track is used without them
        return {}
    if year := _YEAR.search(found.get("year", "")):
        found["year"] = year[1]
    else:
        found.pop("year", None)
    return {field: text for field, text in found.items() if text}


def _first(tags: Any, keys: tuple[str, ...]) -> str:
    """Return the first value that is not empty, as clean text."""
    for key in keys:
        values = tags.get(key)
        if values is None:
            continue
        values = getattr(values, "genres", None) or getattr(values, "text", values)
        for value in values if isinstance(values, (list, tuple)) else [values]:
            if text := _clean(str(value)):
                return text
    return ""


def _tags_of(path: Path) -> Any:
    """Open the tags of a file: an object with `get(key)`."""
    import mutagen
    from mutagen.id3 import ID3

    if path.suffix.lower() == ".aac":  # mutagen takes ID3 before raw AAC for a broken MP3
        return ID3(path)  # type: ignore[no-untyped-call]
    if tags := mutagen.File(path, easy=True):
        return tags
    if path.suffix.lower() == ".wav":
        import soundfile

        with soundfile.SoundFile(os.fsencode(path)) as file:
            return file.copy_metadata()  # the INFO chunk
    return {}


def _clean(text: str) -> str:
    printable = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in text)
    return " ".join(unicodedata.normalize("NFC", printable).split())


def tags_from_path(relative: PurePath) -> dict[str, str]:
    """Guess tags from the names of a file and its folders.

    Understood are `Artist/Album/01 Title`, with or without years and folders for discs,
    `Artist - Album/01 Title`, `Artist/Title`, `Artist - Title`, and
    `Various Artists/Album/Artist - Title`.

    Parameters
    ----------
    relative : PurePath
        Path of the file below the folder that is taken in.

    Returns
    -------
    dict with `title` and those of artist, album and year that the path tells
    """
    name = _readable(relative.stem)
    folders = [_readable(folder) for folder in relative.parts[:-1]]
    folders = [folder for folder in folders if folder and not _DISC.fullmatch(folder)]
    shorter = _NUMBER.sub("", name, count=1) if _NUMBER.match(name) else name
    if shorter == name and folders and _NUMBER_ON_AN_ALBUM.match(name):
        shorter = _NUMBER_ON_AN_ALBUM.sub("", name, count=1)
    found = _artist_and_album(folders)
    parts = _DASH.split(shorter)
    artist = found.get("artist", "")
    if len(parts) > 1 and (not artist or _same(parts[0], artist)):
        found["artist"], *parts = parts
        if len(folders) == 1 and not found.get("album") and not _same(folders[0], found["artist"]):
            found["album"] = folders[0]
    elif len(parts) > 1 and len(folders) == 1 and "album" not in found:
        found["artist"], *parts = parts  # Mixtape/Artist - Title
        found["album"] = artist
    found["title"] = " - ".join(parts)
    return {field: text for field, text in found.items() if text}


def _artist_and_album(folders: list[str]) -> dict[str, str]:
    if not folders:
        return {}
    found: dict[str, str] = {}
    *above, album = folders
    if year := _YEAR_OF_ALBUM.search(album):
        digits = year["a"] or year["b"]
        if _YEAR.fullmatch(digits):
            found["year"] = digits
            album = " ".join(album.replace(year[0], " ").split()) or album
    if above:
        found["artist"], found["album"] = above[-1], album
        if len(parts := _DASH.split(album)) > 1 and _same(parts[0], above[-1]):
            found["album"] = " - ".join(parts[1:])
    elif len(parts := _DASH.split(album)) > 1:
        found["artist"], found["album"] = parts[0], " - ".join(parts[1:])
    elif "year" in found:
        found["album"] = album
    else:
        found["artist"] = album
    if _MANY.fullmatch(found.get("artist", "")):
        found["artist"] = ""
    return found


def _readable(name: str) -> str:
    name = name.encode("utf-8", "replace").decode("utf-8")  # bytes that are no UTF-8
    return _clean(name if " " in name else name.replace("_", " "))


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
