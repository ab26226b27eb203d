"""Every file that is wanted is found, or listed with the reason why it is not."""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest

from lemons_utils import DataError
from recsys.ingest.finding import find


def is_song(name: str) -> bool:
    return name.endswith(".wav")


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    (folder / "album").mkdir(parents=True)
    for name in ("one.wav", "album/two.wav", ".hidden.wav", "cover.jpg"):
        (folder / name).write_bytes(b"1234")
    return folder


def found(folder) -> tuple[list[str], dict[str, str], bool]:
    result = find(folder, is_song)
    relative = {os.path.relpath(path, folder): reason for path, reason in result.unreachable}
    return [os.path.relpath(path, folder) for path in result.files], relative, result.is_complete


def test_regular_files_and_links_to_them_are_found(music, tmp_path):
    (tmp_path / "else.wav").write_bytes(b"12")
    (music / "link.wav").symlink_to(tmp_path / "else.wav")
    (music / "folder.wav").mkdir()
    assert found(music) == (["album/two.wav", "link.wav", "one.wav"], {}, True)
    size, mtime_ns = find(music, is_song).files[str(music / "link.wav")]
    assert (size, mtime_ns) == (2, (tmp_path / "else.wav").stat().st_mtime_ns)


def test_what_is_no_file_is_listed_with_its_reason(music):
    (music / "itself.wav").symlink_to("itself.wav")
    (music / "dead.wav").symlink_to("gone.wav")
    (music / "around").symlink_to(music)
    (music / "ask.txt").symlink_to("ask.txt")
    os.mkfifo(music / "pipe.wav")
    files, reasons, is_complete = found(music)
    assert files == ["album/two.wav", "one.wav"] and is_complete
    assert reasons == {
        "itself.wav": "cannot be opened: Too many levels of symbolic links",
        "dead.wav": "a link to nothing",
        "around": "a link to a folder is not followed: take that in too",
        "pipe.wav": "a pipe or a device, not a file",
    }


def test_paths_that_are_too_long_are_listed(music, monkeypatch):
    monkeypatch.chdir(music)
    for _ in range(25):
        os.mkdir("x" * 200)
        os.chdir("x" * 200)
    files, reasons, is_complete = found(music)
    assert files == ["album/two.wav", "one.wav"] and not is_complete
    (reason,) = reasons.values()
    assert reason == "folder cannot be listed: File name too long"


@contextlib.contextmanager
def nobody():
    """Have no more rights than a common user, which tests that run as root would not notice."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_folders_that_cannot_be_listed_are_named():
    with tempfile.TemporaryDirectory() as home:  # pytest's folders are closed to others
        os.chmod(home, 0o755)
        folder, secret = Path(home, "music"), Path(home, "secret")
        for place in (folder, folder / "closed", secret):
            place.mkdir()
            (place / "song.wav").write_bytes(b"123")
        (folder / "linked.wav").symlink_to(secret / "song.wav")
        for place in (folder / "closed", secret):
            place.chmod(0)
        with nobody():
            files, reasons, is_complete = found(folder)
            with pytest.raises(DataError, match="closed cannot be listed: Permission denied"):
                find(folder / "closed", is_song)
        for place in (folder / "closed", secret):
            place.chmod(0o755)
    assert files == ["song.wav"] and not is_complete
    assert reasons == {
        "closed": "folder cannot be listed: Permission denied",
        "linked.wav": "cannot be opened: Permission denied",
    }


def test_what_is_no_folder_is_refused(music):
    for name in ("one.wav", "gone"):
        with pytest.raises(DataError, match=f"{name} is not a folder"):
            find(music / name, is_song)
