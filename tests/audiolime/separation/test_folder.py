import av
import numpy as np
import pytest

from audiolime.separation import get_separator
from audiolime.separation.interface import drop_silent
from audiolime.separation.quality import si_sdr
from lemons_audio import read_audio, to_catalogue_audio, to_float32, to_int16, write_audio
from lemons_utils import DataError

RATE = 16_000


@pytest.fixture
def parts(rng) -> dict[str, np.ndarray]:
    """Three stereo stems of two seconds at 44.1 kHz."""
    time = np.arange(2 * 44_100) / 44_100
    noise = rng.normal(0, 0.03, len(time))
    parts = {
        "other": noise,
        "bass": 0.2 * np.sin(2 * np.pi * 80 * time),
        "vocals": 0.2 * np.sin(2 * np.pi * 500 * time),
    }
    return {name: np.stack([p, 0.5 * p]).astype(np.float32) for name, p in parts.items()}


@pytest.fixture
def stems_folder(tmp_path, parts):
    for name, part in parts.items():
        write_audio(tmp_path / f"{name}.wav", part, sample_rate=44_100)
    return tmp_path


@pytest.fixture
def track(parts) -> np.ndarray:
    """The catalogue's audio of the mix: 16 kHz mono int16, as float."""
    mix = np.sum(list(parts.values()), axis=0)
    return to_float32(to_int16(to_catalogue_audio(mix, 44_100)))


def test_stems_that_sum_need_no_residual(stems_folder, parts, track):
    separator = get_separator("folder", folder=stems_folder)
    stems = separator.separate(track, RATE)
    np.testing.assert_array_equal(stems.sum(axis=0), track)
    assert separator.stem_names == ("vocals", "bass", "other", "residual")
    assert not stems[-1].any()
    for name, stem in zip(separator.stem_names[:-1], stems, strict=False):
        assert si_sdr(to_catalogue_audio(parts[name], 44_100), stem) > 40
    assert drop_silent(separator.stem_names, stems)[0] == ("vocals", "bass", "other")


def test_what_the_stems_leave_gets_a_stem(stems_folder, parts, track):
    (stems_folder / "bass.wav").unlink()
    separator = get_separator("folder", folder=stems_folder)
    stems = separator.separate(track, RATE)
    np.testing.assert_array_equal(stems.sum(axis=0), track)
    assert separator.stem_names == ("vocals", "other", "residual")
    assert si_sdr(to_catalogue_audio(parts["bass"], 44_100), stems[-1]) > 40


def test_mixture_and_hidden_files_are_no_stems(stems_folder, parts):
    mix = np.sum(list(parts.values()), axis=0)
    write_audio(stems_folder / "mixture.wav", mix, sample_rate=44_100)
    (stems_folder / "._vocals.wav").write_bytes(b"a Mac was here")
    (stems_folder / "notes.txt").write_text("lovely take")
    separator = get_separator("folder", folder=stems_folder)
    assert separator.stem_names == ("vocals", "bass", "other", "residual")
    stems = separator.separate(mix, 44_100)
    assert stems.shape == (4, 2, 2 * 44_100)


def test_changed_files_are_another_version(stems_folder, parts):
    before = get_separator("folder", folder=stems_folder).version
    assert get_separator("folder", folder=stems_folder).version == before
    write_audio(stems_folder / "bass.wav", 0.9 * parts["bass"], sample_rate=44_100)
    assert get_separator("folder", folder=stems_folder).version != before


def test_a_few_missing_samples_are_silence(stems_folder, parts, track):
    write_audio(stems_folder / "bass.wav", parts["bass"][:, :-800], sample_rate=44_100)
    stems = get_separator("folder", folder=stems_folder).separate(track, RATE)
    np.testing.assert_array_equal(stems.sum(axis=0), track)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda f, p: write_audio(f / "bass.wav", p["bass"], sample_rate=48_000), "48000 Hz"),
        (lambda f, p: write_audio(f / "bass.wav", p["bass"][:, :44_100], sample_rate=44_100), "1."),
        (lambda f, p: write_audio(f / "bass.flac", p["bass"], sample_rate=44_100), "keep one"),
        (lambda f, p: (f / "bass.wav").write_bytes(b"RIFF"), "bass.wav"),
        (lambda f, p: [path.unlink() for path in f.iterdir()], "no stems"),
    ],
)
def test_wrong_files_are_named(stems_folder, parts, track, make, said):
    make(stems_folder, parts)
    with pytest.raises(DataError, match=said):
        get_separator("folder", folder=stems_folder).separate(track, RATE)


def test_stems_of_another_track_are_noticed(stems_folder, track):
    separator = get_separator("folder", folder=stems_folder)
    with pytest.raises(DataError, match="do not belong"):
        separator.separate(0.1 * track[::-1], RATE)
    with pytest.raises(DataError, match=r"last 2\.00 s, the track 1\.50 s"):
        separator.separate(track[:24_000], RATE)


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        get_separator("folder", folder=tmp_path / "nowhere")


def _frame(samples: np.ndarray, at: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", "stereo")
    frame.sample_rate, frame.pts = 44_100, at
    return frame


def _write_stem_file(path, parts: list[np.ndarray]) -> None:
    """Write each part as an AAC stream of one MP4 file."""
    with av.open(str(path), "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=44_100, layout="stereo") for _ in parts]
        for stream in streams:
            stream.bit_rate = 256_000
        for start in range(0, parts[0].shape[1], 1024):
            for stream, part in zip(streams, parts, strict=True):
                container.mux(stream.encode(_frame(part[:, start : start + 1024], start)))
        for stream in streams:
            container.mux(stream.encode(None))


def test_musdb18_stem_files_are_read(tmp_path, parts):
    drums = np.zeros_like(parts["bass"])
    drums[:, ::11_025] = 0.3
    order = [drums, parts["bass"], parts["other"], parts["vocals"]]
    mix = np.sum(order, axis=0)
    path = tmp_path / "A Song.stem.mp4"
    _write_stem_file(path, [mix, *order])
    separator = get_separator("folder", folder=path)
    assert separator.stem_names == ("vocals", "drums", "bass", "other", "residual")
    mixture, rate = read_audio(path)
    audio = to_float32(to_int16(to_catalogue_audio(mixture, rate)))
    stems = separator.separate(audio, RATE)
    np.testing.assert_array_equal(stems.sum(axis=0), audio)
    assert not stems[-1].any()  # what AAC loses is no instrument
    inside = slice(4_000, 28_000)
    true = to_catalogue_audio(parts["vocals"], 44_100)
    assert si_sdr(true[inside], stems[0][: len(true)][inside]) > 20


def test_an_mp4_file_without_stems_is_named(tmp_path, parts):
    path = tmp_path / "B.stem.mp4"
    _write_stem_file(path, [parts["bass"]])
    with pytest.raises(DataError, match="5 audio streams, got 1"):
        get_separator("folder", folder=path).separate(np.zeros(32_000, np.float32), RATE)
