"""The adapter around Demucs: with a stand-in for its package, and with the package where it is."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from audiolime.separation import demucs, get_separator
from lemons_utils import DataError, ParameterError

_SOURCES = ["drums", "bass", "other", "vocals"]
_SHARES = {"drums": 0.2, "bass": 0.1, "other": 0.3, "vocals": 0.4}


@pytest.fixture(autouse=True)
def _forget_networks():
    demucs._network.cache_clear()
    yield
    demucs._network.cache_clear()


def _write_weights(path: Path, klass: str = "demucs.htdemucs.HTDemucs", **metadata: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"x": torch.zeros(1)}, str(path), metadata={"klass": klass, **metadata})
    return path


class _Network(torch.nn.Module):
    samplerate, sources = 44_100, _SOURCES


@pytest.fixture
def package(monkeypatch, tmp_path):
    """Modules with the functions of demucs 4.1 and huggingface_hub that the adapter calls."""
    cache = {"path": _write_weights(tmp_path / "955717e8.safetensors"), "heard": []}
    hf, apply, hub = ModuleType("demucs.hf"), ModuleType("demucs.apply"), ModuleType("hub")
    hf.load_safetensors_model = lambda path: _Network()

    def apply_model(network, mix, *, shifts, split):
        cache["heard"].append(mix)
        return torch.stack([share * mix[0] for share in map(_SHARES.get, _SOURCES)])[None]

    apply.apply_model = apply_model
    hub.try_to_load_from_cache = lambda repository, file: (
        str(cache["path"]) if cache["path"] and file == cache["path"].name else None
    )
    for name, module in [("demucs", ModuleType("demucs")), ("demucs.hf", hf)]:
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "demucs.apply", apply)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    return cache


@pytest.mark.parametrize(
    ("shape", "rate"), [((32_000,), 16_000), ((2, 60_001), 44_100), ((3, 48_000), 48_000)]
)
def test_sources_become_stems_in_our_order(package, shape, rate):
    time = np.arange(shape[-1]) / rate
    waveform = np.broadcast_to(0.3 * np.sin(2 * np.pi * 440 * time), shape).astype(np.float32)
    waveform = np.rint(waveform * 2**23).astype(np.float32) / np.float32(2**23)
    separator = get_separator("demucs:htdemucs")
    assert separator.version == "1-955717e8"
    stems = separator.separate(waveform, rate)
    np.testing.assert_array_equal(stems.sum(axis=0), waveform)
    inside = np.s_[..., 2000:-2000]
    for name, stem in zip(separator.stem_names, stems, strict=True):
        np.testing.assert_allclose(stem[inside], _SHARES[name] * waveform[inside], atol=1e-3)
    (heard,) = package["heard"]
    assert heard.shape[:2] == (1, 2)
    assert float(heard.std()) == pytest.approx(1, rel=0.01)


def test_silence_stays_silent(package):
    stems = get_separator("demucs:htdemucs").separate(np.zeros(16_000, np.float32), 16_000)
    assert not stems.any()


def test_missing_weights_are_named(package):
    package["path"] = None
    with pytest.raises(DataError, match=r"hf download adefossez/HTDemucs 955717e8\.safetensors"):
        get_separator("demucs:htdemucs")
    with pytest.raises(DataError, match=r"HTDemucs-6s 5c90dfd2\.safetensors"):
        get_separator("demucs:htdemucs_6s")


@pytest.mark.parametrize(
    ("klass", "metadata"),
    [("subprocess.Popen", {}), ("demucs.htdemucs.HTDemucs", {"structure": '{"_class": "os.x"}'})],
)
def test_weights_that_would_make_something_else_are_refused(package, klass, metadata):
    _write_weights(package["path"], klass, **metadata)
    with pytest.raises(DataError, match=r"must hold a demucs\.htdemucs\.HTDemucs"):
        get_separator("demucs:htdemucs")


def test_damaged_weights_are_named(package):
    package["path"].write_bytes(b"half a download")
    with pytest.raises(DataError, match="cannot be read"):
        get_separator("demucs:htdemucs")


@pytest.mark.only_if(importlib.util.find_spec("demucs") is None)
def test_a_missing_package_is_named():
    with pytest.raises(DataError, match=r"extra demucs.*lemons\[demucs\]"):
        get_separator("demucs:htdemucs")


def test_an_unknown_model_is_named():
    with pytest.raises(ParameterError, match="htdemucs_6s"):
        demucs.Demucs("tasnet")


@pytest.mark.only_if(importlib.util.find_spec("demucs") is not None)
def test_the_real_package_separates(tmp_path, monkeypatch, rng):
    """A small untrained network in the file format of the real weights."""
    import huggingface_hub
    from demucs.htdemucs import HTDemucs

    settings = {"sources": _SOURCES, "channels": 8, "depth": 4, "t_layers": 1, "segment": 2}
    torch.manual_seed(0)
    path = tmp_path / "955717e8.safetensors"
    state = {name: value.contiguous() for name, value in HTDemucs(**settings).state_dict().items()}
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(settings)}
    save_file(state, str(path), metadata=metadata)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repo, file: str(path))
    waveform = (rng.integers(-9000, 9000, (2, 50_000)) / 32_768).astype(np.float32)
    separator = get_separator("demucs:htdemucs")
    stems = separator.separate(waveform, 16_000)
    assert stems.shape == (4, 2, 50_000)
    np.testing.assert_array_equal(stems.sum(axis=0), waveform)
    np.testing.assert_array_equal(separator.separate(waveform, 16_000), stems)
