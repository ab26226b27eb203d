"""The adapter around Spleeter's command, with a small program that keeps to its interface."""

import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from audiolime.separation import get_separator
from lemons_utils import DataError

# Splits by fixed shares, into the files that Spleeter 2.4.2 writes for the options it is given.
_PROGRAM = textwrap.dedent(
    """\
    #!{python}
    import sys
    from pathlib import Path
    import soundfile

    arguments = sys.argv[1:]
    if arguments[0] != "separate":
        sys.exit("unknown command")
    options = dict(zip(arguments[1:-1:2], arguments[2:-1:2]))
    if set(options) != {{"-p", "-c", "-d", "-o"}} or options["-p"] != "spleeter:5stems":
        sys.exit(f"unknown options {{options}}")
    mix, rate = soundfile.read(arguments[-1], always_2d=True)
    if rate != 44100 or mix.shape[1] != 2 or len(mix) > float(options["-d"]) * rate:
        sys.exit("not what Spleeter hears")
    if {fails}:
        sys.exit("Traceback ...\\nValueError: out of memory")
    out = Path(options["-o"]) / Path(arguments[-1]).stem
    out.mkdir(parents=True)
    stems = dict(vocals=0.4, piano=0.1, drums=0.2, bass=0.1, other=0.2)
    for stem, share in stems.items():
        soundfile.write(out / f"{{stem}}.{{options['-c']}}", share * mix, rate, subtype="PCM_16")
    """
)


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "models" / "5stems"
    folder.mkdir(parents=True)
    (folder / "checkpoint").write_text("model")
    (folder / "model.data-00000-of-00001").write_bytes(b"weights")
    monkeypatch.setenv("MODEL_PATH", str(folder.parent))
    return folder


@pytest.fixture
def install(tmp_path, monkeypatch):
    def install(*, fails: bool = False) -> None:
        program = tmp_path / "bin" / "spleeter"
        program.parent.mkdir(exist_ok=True)
        program.write_text(_PROGRAM.format(python=sys.executable, fails=fails))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))

    return install


@pytest.mark.parametrize(
    ("shape", "rate"), [((16_000,), 16_000), ((2, 50_000), 44_100), ((3, 30_001), 22_050)]
)
def test_stems_come_back_in_the_inputs_shape(install, weights, rng, shape, rate):
    install()
    separator = get_separator("spleeter:5stems")
    assert separator.stem_names == ("vocals", "piano", "drums", "bass", "other")
    waveform = (rng.integers(-8000, 8000, shape) / 32_768).astype(np.float32)
    waveform[..., :] = np.convolve(waveform.ravel(), np.ones(8) / 8, "same").reshape(shape)
    waveform = np.rint(waveform * 2**23).astype(np.float32) / np.float32(2**23)
    stems = separator.separate(waveform, rate)
    assert stems.shape == (5, *shape)
    np.testing.assert_array_equal(stems.sum(axis=0), waveform)
    if len(shape) < 2 or shape[0] == 2:
        inside = np.s_[..., 1000:-1000]
        np.testing.assert_allclose(stems[0][inside], 0.4 * waveform[inside], atol=2e-3)


def test_other_weights_are_another_version(install, weights):
    install()
    before = get_separator("spleeter:5stems").version
    (weights / "model.data-00000-of-00001").write_bytes(b"others")
    assert get_separator("spleeter:5stems").version != before


def test_a_missing_command_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"spleeter==2\.4\.2"):
        get_separator("spleeter:5stems")


def test_missing_weights_are_named(install, monkeypatch, tmp_path):
    install()
    monkeypatch.setenv("MODEL_PATH", str(tmp_path / "nothing"))
    with pytest.raises(DataError, match=r"weights 5stems in .*nothing/5stems"):
        get_separator("spleeter:5stems")


def test_a_failing_command_is_quoted(install, weights):
    install(fails=True)
    with pytest.raises(DataError, match="out of memory"):
        get_separator("spleeter:5stems").separate(np.zeros(16_000, np.float32), 16_000)
