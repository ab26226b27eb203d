import json
import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from audiolime.separation import get_separator
from audiolime.separation.cache import cached_stems
from audiolime.separation.interface import stems_that_sum
from lemons_audio import audio_checksum, read_audio, to_float32, to_int16
from lemons_utils import ParameterError


@dataclass
class Halves:
    """Splits a track into a louder and a softer copy, and counts how often it is asked."""

    name: str = "test:halves"
    version: str = "1"
    stem_names: tuple[str, ...] = ("loud", "soft")
    calls: list[int] = field(default_factory=list)
    takes_s: float = 0.0

    def separate(self, waveform, sample_rate):
        self.calls.append(len(waveform))
        time.sleep(self.takes_s)
        mix = np.atleast_2d(waveform)
        return stems_that_sum(mix, 0.7 * mix[None])[:, 0]


def _track(seed: int, seconds: float = 1.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.2, round(16_000 * seconds))
    return to_int16(np.clip(noise, -1, 1))


def _flacs(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.flac"))


@pytest.mark.parametrize("name", ["dsp", "hybrid"])
def test_the_round_trip_sums_to_the_audio_sample_for_sample(tmp_path, name):
    audio = np.where(_track(1) > 0, 32_767, -32_768).astype(np.int16)  # as loud as can be
    separator = get_separator(name)
    cached = cached_stems(audio, separator, folder=tmp_path, limit_gb=1)
    read = [read_audio(cached.folder / f"{stem}.flac") for stem in cached.names]
    assert {rate for _, rate in read} == {16_000}
    total = np.sum([stem[0] for stem, _ in read], axis=0, dtype=np.float32)
    np.testing.assert_array_equal(total, to_float32(audio))
    np.testing.assert_array_equal(np.stack([stem[0] for stem, _ in read]), cached.waveforms)
    np.testing.assert_array_equal(cached.waveforms, separator.separate(to_float32(audio), 16_000))


def test_the_second_time_nothing_is_separated(tmp_path):
    separator, audio = Halves(), _track(1)
    first = cached_stems(audio, separator, folder=tmp_path, limit_gb=1)
    second = cached_stems(audio.copy(), separator, folder=tmp_path, limit_gb=1)
    assert len(separator.calls) == 1
    assert second.names == ("loud", "soft")
    np.testing.assert_array_equal(first.waveforms, second.waveforms)


def test_audio_separator_and_version_are_the_key(tmp_path):
    separator = Halves()
    for audio, name, version in [
        (_track(1), "a", "1"),
        (_track(2), "a", "1"),
        (_track(1), "b", "1"),
        (_track(1), "a", "2"),
    ]:
        separator.name, separator.version = name, version
        cached_stems(audio, separator, folder=tmp_path, limit_gb=1)
    assert len(separator.calls) == 4


def _flip_a_byte(folder: Path) -> None:
    data = bytearray(_flacs(folder)[0].read_bytes())
    data[len(data) // 2] ^= 1
    _flacs(folder)[0].write_bytes(bytes(data))


def _swap(folder: Path) -> None:
    loud, soft = _flacs(folder)
    loud.rename(folder / "x")
    soft.rename(loud)
    (folder / "x").rename(soft)


@pytest.mark.parametrize(
    "damage",
    [
        _flip_a_byte,
        _swap,
        lambda f: _flacs(f)[1].unlink(),
        lambda f: _flacs(f)[1].write_bytes(b""),
        lambda f: (f / "stems.json").unlink(),
        lambda f: (f / "stems.json").write_text("{"),
        lambda f: (f / "stems.json").write_text('{"files": {}}'),
        lambda f: (f / "stems.json").write_text("[]"),
    ],
)
def test_damaged_entries_are_noticed_and_made_again(tmp_path, damage):
    separator, audio = Halves(), _track(1)
    before = cached_stems(audio, separator, folder=tmp_path, limit_gb=1)
    damage(before.folder)
    with pytest.warns(UserWarning, match="damaged"):
        after = cached_stems(audio, separator, folder=tmp_path, limit_gb=1)
    assert len(separator.calls) == 2
    np.testing.assert_array_equal(before.waveforms, after.waveforms)


def test_stems_that_do_not_sum_are_noticed_even_with_a_matching_checksum(tmp_path):
    from lemons_audio import write_audio
    from lemons_utils import checksum

    separator, audio = Halves(), _track(1)
    stems = cached_stems(audio, separator, folder=tmp_path, limit_gb=1)
    write_audio(stems.folder / "loud.flac", stems.waveforms[1], sample_rate=16_000)
    card = json.loads((stems.folder / "stems.json").read_text())
    card["files"]["loud"] = checksum(stems.folder / "loud.flac")
    (stems.folder / "stems.json").write_text(json.dumps(card))
    with pytest.warns(UserWarning, match="do not sum"):
        cached_stems(audio, separator, folder=tmp_path, limit_gb=1)


def test_what_was_used_longest_ago_goes(tmp_path):
    separator = Halves()
    tracks = [_track(seed) for seed in range(4)]
    entries = [cached_stems(t, separator, folder=tmp_path, limit_gb=1).folder for t in tracks[:3]]
    for age, entry in zip((30, 20, 10), entries, strict=True):
        then = time.time() - age
        os.utime(entry / "stems.json", (then, then))
    cached_stems(tracks[0], separator, folder=tmp_path, limit_gb=1)  # used again: now the newest
    one = sum(file.stat().st_size for file in entries[0].iterdir())
    cached_stems(tracks[3], separator, folder=tmp_path, limit_gb=2.5 * one / 1e9)
    assert [entry.exists() for entry in entries] == [True, False, False]


def test_an_entry_larger_than_the_limit_stays_while_it_is_used(tmp_path):
    first = cached_stems(_track(1), Halves(), folder=tmp_path, limit_gb=1e-9)
    assert first.folder.exists()
    cached_stems(_track(2), Halves(), folder=tmp_path, limit_gb=1e-9)
    assert not first.folder.exists()


def test_files_of_others_are_left_alone(tmp_path):
    mine = tmp_path / "some track" / "vocals.wav"
    mine.parent.mkdir()
    mine.write_bytes(b"x" * 1000)
    cached_stems(_track(1), Halves(), folder=tmp_path, limit_gb=1e-9)
    assert mine.exists()


def test_an_entry_in_use_is_not_removed(tmp_path):
    from audiolime.separation.cache import _lock

    first = cached_stems(_track(1), Halves(), folder=tmp_path, limit_gb=1)
    with _lock(tmp_path, first.folder):
        cached_stems(_track(2), Halves(), folder=tmp_path, limit_gb=1e-9)
    assert first.folder.exists()


def test_a_separator_that_fails_leaves_nothing(tmp_path):
    class Broken(Halves):
        def separate(self, waveform, sample_rate):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cached_stems(_track(1), Broken(), folder=tmp_path, limit_gb=1)
    assert not _flacs(tmp_path)
    assert not list(tmp_path.rglob("stems.json"))


def test_what_a_killed_process_left_is_cleared(tmp_path):
    audio, separator = _track(1), Halves()
    left_over = tmp_path / audio_checksum(audio) / ".test-halves-1.0123456789ab"
    left_over.mkdir(parents=True)
    (left_over / "loud.flac").write_bytes(b"half a fi")
    cached_stems(audio, separator, folder=tmp_path, limit_gb=1)
    assert not left_over.exists()


def test_two_threads_separate_once(tmp_path):
    separator, audio = Halves(takes_s=0.3), _track(1)
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(cached_stems, audio, separator, folder=tmp_path, limit_gb=1)
            for _ in range(4)
        ]
        stems = [job.result().waveforms for job in jobs]
    assert len(separator.calls) == 1
    for other in stems[1:]:
        np.testing.assert_array_equal(stems[0], other)


def test_two_processes_separate_once(tmp_path):
    """Both start together on the same tracks, with a cache that holds all of them."""
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        import numpy as np
        from audiolime.separation.cache import cached_stems
        from audiolime.separation.dsp import Dsp
        from lemons_audio import to_float32, to_int16

        class Counted(Dsp):
            def separate(self, waveform, sample_rate):
                with open(sys.argv[2], "a") as file:
                    file.write("x")
                return super().separate(waveform, sample_rate)

        Path(sys.argv[3]).touch()
        while not Path(sys.argv[4]).exists():
            time.sleep(0.005)
        for seed in range(5):
            audio = to_int16(np.random.default_rng(seed).normal(0, 0.1, 16_000))
            got = cached_stems(audio, Counted(), folder=Path(sys.argv[1]), limit_gb=1)
            if not np.array_equal(got.waveforms.sum(axis=0), to_float32(audio)):
                sys.exit("stems do not sum")
        """
    )
    log = tmp_path / "log"
    one, other = str(tmp_path / "one is ready"), str(tmp_path / "the other is ready")
    common = [sys.executable, "-c", script, str(tmp_path / "cache"), str(log)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen([*common, *ready], env=environment)
        for ready in ([one, other], [other, one])
    ]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert log.read_text() == "x" * 5


def test_a_killed_process_does_not_block_the_next(tmp_path):
    script = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        import numpy as np
        from audiolime.separation.cache import cached_stems
        from audiolime.separation.dsp import Dsp

        class Killed(Dsp):
            def separate(self, waveform, sample_rate):
                os.kill(os.getpid(), 9)

        audio = np.full(16_000, 7, dtype=np.int16)
        cached_stems(audio, Killed(), folder=Path(sys.argv[1]), limit_gb=1)
        """
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert killed.returncode == -9
    audio = np.full(16_000, 7, dtype=np.int16)
    stems = cached_stems(audio, get_separator("dsp"), folder=tmp_path, limit_gb=1)
    np.testing.assert_array_equal(stems.waveforms.sum(axis=0), to_float32(audio))


def test_wrong_arguments_are_named(tmp_path):
    with pytest.raises(ParameterError, match="int16"):
        cached_stems(np.zeros(16_000, np.float32), Halves(), folder=tmp_path, limit_gb=1)
    with pytest.raises(ParameterError, match="limit_gb"):
        cached_stems(_track(1), Halves(), folder=tmp_path, limit_gb=0)
    with pytest.raises(ParameterError, match="at least 1 s"):
        cached_stems(_track(1, 0.5), get_separator("dsp"), folder=tmp_path, limit_gb=1)
