"""What tests of heads share: a catalogue of noise, a look at the function that is minimised."""

import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.optimize

from lemons_audio import to_int16
from recsys.catalogue import Catalogue, save_audio, write_tracks
from recsys.heads import pooled_tracks


@pytest.fixture(scope="session")
def measured_noises(tmp_path_factory):
    folder, rng, rows = tmp_path_factory.mktemp("noises"), np.random.default_rng(7), []
    for number in range(40):
        loud = number % 2
        level = rng.uniform(0.1, 0.2) if loud else rng.uniform(0.005, 0.01)
        audio = to_int16(level * rng.standard_normal(24_000))
        part = "train" if number < 24 else "valid" if number < 32 else "test"
        rows.append({"track_id": save_audio(folder, audio), "split": part, "label": loud})
    split = pd.DataFrame(rows)
    write_tracks(folder, pd.DataFrame({"track_id": split["track_id"], "samples": 24_000}))
    pooled_tracks(Catalogue("noises", folder), split["track_id"].tolist())
    return folder, split


@pytest.fixture
def noises(measured_noises, tmp_path):
    """A catalogue of loud and quiet noise, and the split of somebody who likes it loud."""
    folder, split = measured_noises
    shutil.copytree(folder, tmp_path / "noises")
    return Catalogue("noises", tmp_path / "noises"), split


@pytest.fixture
def check_gradient(monkeypatch, rng):
    """Compare the gradient of what is minimised with finite differences."""

    def check(run):
        seen, real = [], scipy.optimize.minimize

        def minimize(loss, start, **options):
            seen.append((loss, start))
            return real(loss, start, **options)

        monkeypatch.setattr(scipy.optimize, "minimize", minimize)
        run()
        ((loss, start),) = seen
        for at in (start, start + rng.normal(0, 0.3, len(start))):
            differences = scipy.optimize.approx_fprime(at, lambda x: loss(x)[0], 1e-6)
            np.testing.assert_allclose(loss(at)[1], differences, rtol=1e-4, atol=1e-4)

    return check
