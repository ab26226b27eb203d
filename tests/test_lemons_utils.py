import multiprocessing
import shutil
import subprocess
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file

import lemons_utils
from lemons_audio import (
    audio_blocks,
    audio_checksum,
    audio_length_s,
    read_audio,
    sigmoid,
    to_catalogue_audio,
    to_float32,
    to_int16,
    write_audio,
)
from lemons_commands import print_next, steps
from lemons_places import how_to
from lemons_utils import (
    DataError,
    ParameterError,
    checksum,
    claim_folder,
    command,
    configuration,
    generate_audio_link,
    locked,
    write_beside,
    write_csv,
    write_json,
)

TEMPLATE = Path(lemons_utils.__file__).with_name("config_template.py")


# -- errors and commands -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        (ParameterError("lr must be positive"), 2, "error: lr must be positive\n"),
        (DataError("no such file"), 2, "error: no such file\n"),
        (KeyboardInterrupt(), 130, "interrupted; run the same command again to go on\n"),
        (None, 0, ""),
        (3, 3, ""),
    ],
)
def test_command_turns_outcomes_into_exit_codes(outcome, code, says, capsys):
    @command
    def main() -> int | None:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    assert main() == code
    assert capsys.readouterr().err == says


def test_command_keeps_the_traceback_of_our_own_faults():
    @command
    def main() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        main()


# -- disks that are full or read-only ----------------------------------------------------------
@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KiB, where one may be mounted, with 200 KiB of it taken."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    (disk / "filler").write_bytes(bytes(200 << 10))
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def write_array(path: Path) -> None:
    np.save(path, np.zeros(100_000, np.int16))  # "100000 requested and 14272 written"


def write_weights(path: Path) -> None:
    save_file({"a": np.zeros(100_000, np.int16)}, path)


def write_song(path: Path) -> None:
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 100_000), 16_000, format="WAV")


def write_table(path: Path) -> None:
    pd.DataFrame({"a": np.random.default_rng(0).uniform(size=100_000)}).to_parquet(path)


@pytest.mark.parametrize("write", [write_array, write_weights, write_song, write_table])
def test_a_full_disk_is_one_line_whatever_library_writes(small_disk, capfd, write):
    @command
    def main() -> None:
        with write_beside(small_disk / "a.npy") as temporary:
            write(temporary)

    assert main() == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert f"error: {small_disk}/a.npy: No space left on device: make room, and run" in line
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_read_only_folder_is_one_line_and_needs_no_lock(small_disk, capsys):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    @command
    def main() -> None:
        with locked(small_disk / ".lock", DataError("somebody else is here")):
            print("at work")
            write_json(small_disk / "new" / "a.json", {})

    assert main() == 2
    printed = capsys.readouterr()
    assert printed.out == "at work\n"
    assert printed.err.startswith(
        f"error: {small_disk}/new: Read-only file system: choose a folder"
    )
    assert printed.err.count("\n") == 1


def test_a_copy_that_fails_is_named_by_what_was_to_be_written(small_disk, tmp_path, capsys):
    (tmp_path / "large").write_bytes(bytes(1 << 20))
    assert command(lambda: shutil.copyfile(tmp_path / "large", small_disk / "copy"))() == 2
    assert capsys.readouterr().err.startswith(f"error: {small_disk}/copy: No space left")


def test_other_errors_of_the_system_keep_their_traceback(tmp_path):
    with pytest.raises(IsADirectoryError):
        command(tmp_path.read_bytes)()


def test_an_error_on_a_disk_with_room_stays_what_it_is(tmp_path):
    with pytest.raises(OSError, match="14272 written"), write_beside(tmp_path / "a") as temporary:
        temporary.write_bytes(b"half")
        raise OSError("128000 requested and 14272 written")
    assert list(tmp_path.iterdir()) == []


# -- configuration -----------------------------------------------------------------------------
@pytest.fixture
def house(tmp_path, monkeypatch):
    """A checkout with the template in it, and nothing in the environment."""
    monkeypatch.delenv("LEMONS_DATA_FOLDER", raising=False)
    monkeypatch.delenv("LEMONS_MONGO_URL", raising=False)
    shutil.copy(TEMPLATE, tmp_path)
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


def test_template_serves_where_there_is_no_config(house):
    settings = configuration(folder=house)
    assert settings.data_folder == house
    assert settings.web_folder == house / "web"
    assert settings.catalogues == house / "catalogues"
    assert settings.experiments == house / "experiments"
    assert settings.runs == house / "runs"
    assert settings.stems == house / "stems"
    assert settings.stored_explanations == house / "stored_explanations"
    assert (settings.mongodb_url, settings.app_port, settings.app_host) == ("", 8501, "127.0.0.1")


def test_data_hangs_under_home_where_lemons_is_no_checkout(house):
    (house / "pyproject.toml").unlink()
    assert configuration(folder=house).data_folder == Path.home() / "lemons"


def test_an_installation_has_its_settings_where_one_works_or_with_the_user(house, monkeypatch):
    (house / "pyproject.toml").unlink()
    (house / "config.py").write_text("app_port = 1")  # somebody else's module
    work, own = house / "work", house / "settings" / "lemons"
    work.mkdir()
    own.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(house / "settings"))
    assert configuration(folder=house).app_port == 8501
    (own / "config.py").write_text("app_port = 2\ndata_folder = 'music'")
    assert configuration(folder=house).app_port == 2
    assert configuration(folder=house).data_folder == own / "music"
    (work / "config.py").write_text("app_port = 3")
    assert configuration(folder=house).app_port == 3


def test_advice_is_make_where_there_is_a_makefile(tmp_path):
    assert how_to("demo", tmp_path) == "lemons-demo"
    (tmp_path / "Makefile").touch()
    assert how_to("demo", tmp_path) == "make demo"


def test_config_goes_before_the_template_and_the_environment_before_both(house, monkeypatch):
    (house / "config.py").write_text(
        "from pathlib import Path\n"
        "import os\n"
        "_private = []\n"
        "data_folder = Path('music')\n"
        "web_folder = '~/web'\n"
        "app_port = 9000\n"
        "stems_cache_gb = 5\n"
        "mongodb_url = 'mongodb://here'\n"
    )
    monkeypatch.chdir("/")
    settings = configuration(folder=house)
    assert settings.data_folder == house / "music"
    assert settings.web_folder == Path.home() / "web"
    assert (settings.app_port, settings.stems_cache_gb) == (9000, 5.0)
    assert settings.mongodb_url == "mongodb://here"
    assert settings.webserver_port == 8600

    monkeypatch.setenv("LEMONS_DATA_FOLDER", "tmp/elsewhere")
    monkeypatch.setenv("LEMONS_MONGO_URL", "mongodb://there")
    settings = configuration(folder=house)
    assert settings.data_folder == Path("/tmp/elsewhere").resolve()
    assert settings.web_folder == settings.data_folder / "web"
    assert settings.mongodb_url == "mongodb://there"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("data_foler = 'x'", "`data_foler`, which is no setting; known are: app_host, app_port"),
        (
            "msd_npy_path = '/npy'",
            "a setting of the published system, which is here catalogues/msd/audio",
        ),
        ("models_path = '/models'", "which is here experiments/ under `data_folder`: leave it out"),
        ("app_port = '9000'", "`app_port` must be like 8501 in config_template.py, got '9000'"),
        ("app_port = 9000.5", "must be like 8501"),
        ("app_port = True", "must be like 8501"),
        ("mongodb_url = None", "`mongodb_url` must be like ''"),
        ("mongodb_db_name = 3", "must be like 'LEMONS'"),
        ("stems_cache_gb = '20'", "must be like 20.0"),
        ("app_port = ", "cannot be run: SyntaxError"),
        ("app_port = 1 / 0", "cannot be run: ZeroDivisionError"),
    ],
)
def test_faults_in_config_are_data_errors(house, line, says):
    (house / "config.py").write_text(line + "\n")
    with pytest.raises(DataError, match=r"config\.py") as error:
        configuration(folder=house)
    assert says in str(error.value)


# -- files -------------------------------------------------------------------------------------
def test_write_beside_replaces_at_the_end(tmp_path):
    path = tmp_path / "new" / "card.json"
    with write_beside(path) as temporary:
        assert temporary.suffix == ".json"
        assert temporary.parent == path.parent
        temporary.write_text("first")
        assert not path.exists()
    with write_beside(path) as temporary:
        temporary.write_text("second")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]


def test_write_beside_leaves_everything_as_it_was_when_writing_fails(tmp_path):
    path = tmp_path / "card.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="disk"), write_beside(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("disk full")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _claim(parent: Path, start, count: int, claimed) -> None:
    start.wait()
    claimed.put([claim_folder(parent, "run").name for _ in range(count)])


def test_tables_and_json_are_the_same_bytes_everywhere(tmp_path):
    write_csv(tmp_path / "new" / "a.csv", pd.DataFrame({"file": ["a,b"], "reason": ["é"]}))
    assert (tmp_path / "new" / "a.csv").read_bytes() == 'file,reason\n"a,b",é\n'.encode()
    write_json(tmp_path / "new" / "a.json", {"auc": 0.5})
    assert (tmp_path / "new" / "a.json").read_bytes() == b'{\n  "auc": 0.5\n}\n'


def test_a_lock_is_held_once_and_given_back(tmp_path):
    path = tmp_path / ".lock"
    inner = locked(path, DataError("busy"))
    with locked(path, DataError("busy")), pytest.raises(DataError, match="busy"), inner:
        pytest.fail("held twice")
    with pytest.raises(KeyError), locked(path, DataError("busy")):
        raise KeyError
    with locked(path, DataError("busy")):
        pass


def test_a_lock_can_be_waited_for(tmp_path):
    path, order = tmp_path / ".lock", []

    def wait() -> None:
        with locked(path, DataError("busy"), wait_s=60):
            order.append("waited")

    with locked(path, DataError("busy")):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.2)
        order.append("held")
    waiting.join()
    assert order == ["held", "waited"]


def test_two_processes_never_claim_the_same_folder(tmp_path):
    context = multiprocessing.get_context("spawn")
    start, claimed = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=_claim, args=(tmp_path, start, 50, claimed)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    names = [name for _ in processes for name in claimed.get(timeout=60)]
    for process in processes:
        process.join()
    assert sorted(names) == sorted(["run", *(f"run-{number}" for number in range(2, 101))])


def test_checksum_is_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert checksum(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")


# -- samples -----------------------------------------------------------------------------------
@given(hnp.arrays(np.int16, st.integers(0, 50)))
def test_16_bits_survive_float32(audio):
    np.testing.assert_array_equal(to_int16(to_float32(audio)), audio)
    np.testing.assert_array_equal(to_int16(to_float32(audio).astype(np.float64)), audio)


@given(hnp.arrays(np.float32, 20, elements=st.floats(-(2.0**99), 2.0**99, width=32)))
def test_to_int16_is_the_nearest_value_in_range(waveform):
    exact = np.clip(waveform.astype(np.float64) * 32768, -32768, 32767)
    assert np.abs(to_int16(waveform) - exact).max() <= 0.5


def test_to_int16_clips_infinity_and_refuses_nan():
    np.testing.assert_array_equal(to_int16(np.array([np.inf, -np.inf])), [32767, -32768])
    with pytest.raises(ParameterError, match="NaN"):
        to_int16(np.array([0.0, np.nan]))


def test_audio_checksum_is_of_the_samples_alone():
    audio = np.arange(-300, 300, dtype=np.int16)
    assert audio_checksum(audio) == audio_checksum(audio.astype(">i2"))
    assert audio_checksum(audio) == audio_checksum(np.repeat(audio, 2)[::2])
    assert audio_checksum(audio) == "adba5f4a10f97f67885f"
    assert audio_checksum(audio) != audio_checksum(audio[::-1])


def test_catalogue_audio_is_the_mean_of_the_channels_at_16_khz():
    seconds = np.arange(44_100) / 44_100
    tone = np.sin(2 * np.pi * 440 * seconds).astype(np.float32)
    mono = to_catalogue_audio(np.stack([tone, np.zeros_like(tone)]), 44_100)
    assert mono.dtype == np.float32
    assert mono.shape == (16_000,)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(mono[500:-500], expected[500:-500], atol=1e-4)
    same = to_catalogue_audio(np.stack([tone, tone]), 16_000)
    np.testing.assert_array_equal(same, tone)


# -- decoding ----------------------------------------------------------------------------------
RATE = 44_100
EXACT = {"wav": 2.0**-24, "flac": 2.0**-24}  # of 24 bits
FORMATS = ["wav", "flac", "ogg", "opus", "mp3", "m4a", "mp4", "aac", "wma"]


def melody(seconds: float, rate: int = RATE) -> np.ndarray:
    """Two channels of a slow sweep and an octave: no two moments sound the same."""
    t = np.arange(round(seconds * rate)) / rate
    left = 0.4 * np.sin(2 * np.pi * (150 * t + 12 * t**2))
    return np.stack([left, 0.5 * left + 0.2 * np.sin(2 * np.pi * 300 * t)]).astype(np.float32)


@pytest.fixture(scope="module")
def media(tmp_path_factory, write_media):
    folder = tmp_path_factory.mktemp("media")
    for suffix in FORMATS:
        rate = 48_000 if suffix == "opus" else RATE
        write_media(folder / f"melody.{suffix}", melody(12, rate), rate)
    return folder


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_decoded(media, suffix):
    path = media / f"melody.{suffix}"
    waveform, rate = read_audio(path)
    assert waveform.dtype == np.float32
    assert rate == (48_000 if suffix == "opus" else RATE)
    original = melody(12, rate)
    assert waveform.shape[0] == 2
    assert abs(waveform.shape[1] - original.shape[1]) <= 2 * 2048  # codecs pad to whole frames
    # some codecs come late or lose their first frame: look for the shift
    shifts = range(-2200, 2200) if suffix in {"aac", "wma"} else [0]
    piece = original[:, RATE : RATE + 4000]
    miss = min(
        np.abs(waveform[:, RATE + shift : RATE + shift + 4000] - piece).max() for shift in shifts
    )
    assert miss <= EXACT.get(suffix, 0.02)
    assert audio_length_s(path) == pytest.approx(12, abs=0.5)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("start_s", "duration_s"), [(0, 1.5), (0.3, 0.2), (6.37, 2.0), (9, None)])
def test_a_part_is_what_the_whole_has_there(media, suffix, start_s, duration_s):
    path = media / f"melody.{suffix}"
    whole, rate = read_audio(path)
    part, _ = read_audio(path, start_s=start_s, duration_s=duration_s)
    start = round(start_s * rate)
    stop = None if duration_s is None else start + round(duration_s * rate)
    assert part.shape == whole[:, start:stop].shape
    np.testing.assert_allclose(part, whole[:, start:stop], atol=2e-3)


@pytest.mark.parametrize("suffix", FORMATS)
def test_past_the_end_nothing_is_left(media, suffix):
    waveform, _ = read_audio(media / f"melody.{suffix}", start_s=100, duration_s=1)
    assert waveform.shape == (2, 0)


@pytest.mark.parametrize("suffix", ["m4a", "mp4", "aac", "wma"])
def test_ffmpeg_seeks_instead_of_decoding_what_lies_before(media, suffix, monkeypatch):
    import av

    path = media / f"melody.{suffix}"
    decoded = []
    resample = av.AudioResampler.resample

    class Counting:
        def __init__(self, **options):
            self.inner = av_resampler(**options)

        def resample(self, frame):
            decoded.append(frame.samples)
            return resample(self.inner, frame)

    av_resampler = av.AudioResampler
    monkeypatch.setattr(av, "AudioResampler", Counting)
    read_audio(path, start_s=9, duration_s=1)
    assert sum(decoded) < 3 * RATE


@pytest.mark.parametrize("suffix", FORMATS)
def test_blocks_are_small_and_join_without_a_seam(media, suffix):
    path = media / f"melody.{suffix}"
    blocks = [block for block, _ in audio_blocks(path, start_s=0.1, duration_s=11)]
    assert len(blocks) > 2
    assert max(block.shape[1] for block in blocks) <= 1 << 18
    joined = np.concatenate(blocks, axis=1)
    np.testing.assert_array_equal(joined, read_audio(path, start_s=0.1, duration_s=11)[0])
    if suffix in {"wav", "flac", "ogg", "opus", "mp3"}:
        at_once, rate = soundfile.read(path, dtype="float32")
        start = round(0.1 * rate)
        expected = at_once.T[:, start : start + joined.shape[1]]
        np.testing.assert_allclose(joined, expected, atol=1e-6)


@pytest.mark.parametrize("options", [{"start_s": -1}, {"start_s": np.nan}, {"duration_s": 0}])
def test_impossible_parts_are_refused(media, options):
    with pytest.raises(ParameterError, match="seconds"):
        read_audio(media / "melody.wav", **options)


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.m4a", "a.raw", "a"])
@pytest.mark.parametrize("content", [b"", b"no music " * 1000])
def test_what_is_no_audio_is_a_data_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} .*audio"):
        read_audio(tmp_path / name)
    with pytest.raises(DataError, match=f"{name} .*audio"):
        audio_length_s(tmp_path / name)


def test_missing_files_and_folders_are_data_errors(tmp_path):
    for path in (tmp_path, tmp_path / "gone.wav"):
        with pytest.raises(DataError, match="is not a file"):
            read_audio(path)
        with pytest.raises(DataError, match="is not a file"):
            audio_length_s(path)


def test_a_video_without_sound_is_a_data_error(tmp_path):
    import av

    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(DataError, match="holds no audio"):
        read_audio(tmp_path / "mute.mp4")


def test_a_damaged_file_is_a_data_error_and_a_truncated_one_ends_early(media, tmp_path):
    flac = (media / "melody.flac").read_bytes()
    changed = bytearray(flac)
    changed[len(flac) // 2] ^= 255
    (tmp_path / "changed.flac").write_bytes(changed)
    with pytest.raises(DataError, match=r"changed\.flac is damaged after \d"):
        read_audio(tmp_path / "changed.flac")
    for whole, share in ((flac, 0.5), (flac, 0.9), ((media / "melody.wav").read_bytes(), 0.5)):
        path = tmp_path / ("cut.flac" if whole is flac else "cut.wav")
        path.write_bytes(whole[: round(share * len(whole))])
        waveform, _ = read_audio(path)
        np.testing.assert_allclose(waveform, melody(12)[:, : waveform.shape[1]], atol=2.0**-23)
        assert waveform.shape[1] == pytest.approx(share * 12 * RATE, rel=0.15)
        later, _ = read_audio(path, start_s=2.0, duration_s=100.0)
        both = min(later.shape[1], waveform.shape[1] - 2 * RATE)
        np.testing.assert_array_equal(later[:, :both], waveform[:, 2 * RATE :][:, :both])
        assert later.shape[1] == pytest.approx(waveform.shape[1] - 2 * RATE, abs=4096)


def test_a_file_in_which_nobody_can_seek_is_read(tmp_path):
    sound = 0.5 * np.sin(np.arange(100_000) / 20)
    soundfile.write(tmp_path / "gsm.wav", sound, 8_000, subtype="GSM610")
    whole, rate = read_audio(tmp_path / "gsm.wav")
    assert rate == 8_000 and whole.shape[1] >= 100_000
    assert np.corrcoef(whole[0, :100_000], sound)[0, 1] > 0.95
    part, _ = read_audio(tmp_path / "gsm.wav", start_s=5.0, duration_s=2.0)
    np.testing.assert_array_equal(part, whole[:, 40_000:56_000])


def test_nan_in_a_file_comes_back(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.0, np.nan, 0.5]), RATE, subtype="FLOAT")
    waveform, _ = read_audio(tmp_path / "a.wav")
    assert np.isnan(waveform[0, 1])


# -- encoding ----------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", [".flac", ".wav"])
def test_24_bits_survive_flac_and_wav(tmp_path, suffix, rng):
    grid = rng.integers(-(2**23), 2**23, (2, 5000))
    grid[:, :2] = [-(2**23), 2**23 - 1]
    path = tmp_path / f"a{suffix}"
    for exact in (grid / 2**23, (grid / 2**23).astype(np.float32)):
        write_audio(path, exact, sample_rate=16_000)
        waveform, rate = read_audio(path)
        assert rate == 16_000
        np.testing.assert_array_equal(waveform, exact)


def test_audio_that_is_too_loud_is_clipped(tmp_path):
    write_audio(tmp_path / "a.wav", np.array([2.0, -2.0, 0.5]), sample_rate=16_000)
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav")[0][0], [1, -1, 0.5], atol=1e-6)


def test_only_sound_in_known_formats_is_written(tmp_path):
    with pytest.raises(ParameterError, match=r"one of \.flac.*'a\.xyz'"):
        write_audio(tmp_path / "a.xyz", np.zeros(10), sample_rate=16_000)
    with pytest.raises(ParameterError, match="NaN"):
        write_audio(tmp_path / "a.wav", np.array([np.nan]), sample_rate=16_000)
    assert list(tmp_path.iterdir()) == []


def test_minutes_of_vorbis_do_not_kill_the_process(tmp_path):
    write_audio(tmp_path / "a.ogg", np.zeros((4, 16_000 * 240), np.float32), sample_rate=16_000)
    assert audio_length_s(tmp_path / "a.ogg") == 240


# -- links -------------------------------------------------------------------------------------
def test_links_are_quoted_and_stay_below_their_base():
    assert generate_audio_link("stems/a b/ü#1.flac") == "/audio/stems/a%20b/%C3%BC%231.flac"
    link = generate_audio_link("x.mp3", base_url="https://audio.example.org/lemons/")
    assert link == "https://audio.example.org/lemons/x.mp3"
    assert generate_audio_link("..hidden/..x..mp3") == "/audio/..hidden/..x..mp3"


@pytest.mark.parametrize(
    "path", ["", "/", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "a/./b", "a\\..\\x", "a\0b"]
)
def test_links_never_lead_out(path):
    with pytest.raises(ParameterError, match="inside the web folder"):
        generate_audio_link(path)


def test_the_sigmoid_is_silent_about_its_ends():
    logits = np.array([-1000, -2.5, 0, 1e-9, 7, 1000])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sigmoid(logits)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(found, 1 / (1 + np.exp(-logits)))
    assert found[0] == 0 and found[-1] == 1 and found.dtype == np.float64
    assert sigmoid(np.float32(2)) == 1 / (1 + np.exp(-2.0))


@pytest.mark.parametrize(
    ("called", "printed"),
    [
        ("experiment.py", "next: `python -m recsys.listening plays.csv --catalogue mine`\n"),
        ("/usr/bin/lemons-ingest", "next: `lemons-listening plays.csv --catalogue mine`\n"),
    ],
)
def test_the_next_command_is_named_as_this_one_was(called, printed, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [called])
    print_next("recsys.listening plays.csv --catalogue mine")
    assert capsys.readouterr().out == printed


def test_every_command_can_come_next(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["lemons-train"])
    for module in ("explanations.explain", "recsys.experiment", "recsys.experiments"):
        print_next(module)
    print_next("recsys.train_all", why="trains everybody")  # has no name of its own
    with steps():
        print_next("recsys.predict")
    assert capsys.readouterr().out.splitlines() == [
        "next: `lemons-explain`",
        "next: `lemons-train`",
        "next: `lemons-experiments`",
        "next: `python -m recsys.train_all` trains everybody",
    ]
