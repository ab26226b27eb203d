"""Readers of JSON in many threads at once."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

RACE = """
import sys, threading
from typing import TypedDict
from lemons_limits import convert_json, decode_json

sys.setswitchinterval(1e-6)
data = b'{"x": "1", ' + b", ".join(b'"f%d": {"a": "b"}' % number for number in range(20)) + b"}"
value = decode_json(data, dict, "")
for _ in range(100):
    inner = [TypedDict("Inner", {"a": str, "b": list}, total=False) for _ in range(20)]
    fields = {"x": str, **{f"f{number}": each for number, each in enumerate(inner)}}
    kind, gate = TypedDict("Outer", fields, total=False), threading.Barrier(6)

    def read(number):
        gate.wait()
        found = decode_json(data, kind, "") if number % 2 else convert_json(value, kind, "")
        assert found == value

    threads = [threading.Thread(target=read, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_many_threads_read_a_type_for_the_first_time():
    """msgspec 0.22.0 alone ends the process (SIGSEGV) after a few of these."""
    done = subprocess.run(
        [sys.executable, "-c", RACE], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")
