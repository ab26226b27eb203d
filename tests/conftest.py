"""What all tests share: quiet threads, golden files, small synthetic audio."""

import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import settings

from lemons_utils import write_audio

torch.set_num_threads(1)  # two pytest workers on two cores

# The gate draws the same examples every time; whoever develops is shown new ones.
settings.register_profile("lemons", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("lemons")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    return GOLDEN


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1057386)


@pytest.fixture(scope="session")
def write_media() -> Callable[..., None]:
    """Write (channels, samples) audio as what the suffix says: FFmpeg's formats through PyAV."""
    codecs = {".m4a": "aac", ".mp4": "aac", ".aac": "aac", ".wma": "wmav2"}

    def write(path: Path, waveform: np.ndarray, sample_rate: int, **tags: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix not in codecs:
            write_audio(path, waveform, sample_rate=sample_rate)
            return
        layout = "mono" if len(waveform) == 1 else "stereo"
        with av.open(str(path), "w") as container:
            container.metadata.update(tags)
            stream = container.add_stream(codecs[path.suffix], rate=sample_rate, layout=layout)
            stream.bit_rate = 128_000
            for start in range(0, waveform.shape[1], 1024):
                block = np.ascontiguousarray(waveform[:, start : start + 1024], np.float32)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
                frame.sample_rate, frame.pts = sample_rate, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return write


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `only_if` rules out here: a skip would say that something is missing."""
    kept, left_out = [], []
    for item in items:
        holds = all(mark.args[0] for mark in item.iter_markers("only_if"))
        (kept if holds else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept
