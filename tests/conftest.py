"""What all tests share: quiet threads, golden files, small synthetic audio."""

from pathlib import Path

import numpy as np
import pytest
import torch

torch.set_num_threads(1)  # two pytest workers on two cores

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    return GOLDEN


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1057386)
