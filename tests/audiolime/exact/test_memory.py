"""Memory grows with the batch, not with the number of masks."""

import subprocess
import sys

import pytest

# getrusage would not do: its peak begins with that of the process that started this one.
SCRIPT = """
from pathlib import Path
import numpy as np
from audiolime import LimeAudioExplainer, TimeSourceFactorization

rng = np.random.default_rng(0)
stems = {name: 0.1 * rng.standard_normal(30 * 16_000, np.float32) for name in "abcde"}
explanation = LimeAudioExplainer(random_state=0).explain_instance(
    TimeSourceFactorization(stems),
    lambda waveforms: np.abs(waveforms[:, ::50]).mean(axis=1),
    num_reg_targets=1,
    num_samples=2048,
)
assert explanation.neighborhood_data.shape == (2048, 25)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(status["VmHWM"].split()[0])
"""


@pytest.mark.only_if(sys.platform == "linux")  # the peak is read from /proc
def test_2048_masks_of_half_a_minute_stay_far_below_one_and_a_half_gigabytes():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peak_gb = int(done.stdout) * 1024 / 1e9
    assert peak_gb < 0.5
