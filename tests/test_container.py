"""The image: its steps, run without Docker, and what compose.yaml opens."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def steps() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile and their arguments."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line]


def test_all_ports_are_this_machines_alone():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert services["app"]["build"] == "."


def test_no_data_and_no_settings_get_into_an_image():
    ignored = set((ROOT / ".dockerignore").read_text().split("\n"))
    kept_out = [
        line.strip("/")
        for line in (ROOT / ".gitignore").read_text().splitlines()
        if re.fullmatch(r"/\w[\w-]*/", line)
    ]
    assert len(kept_out) > 8
    assert set(kept_out) | {".git", "config.py"} <= ignored


@pytest.mark.slow
def test_the_steps_of_the_image_make_an_app(tmp_path):
    """The folders of the image lie below `tmp_path`, and its `pip` is that of an environment."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "PATH": f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}",
    }
    here, command = tmp_path, []
    for instruction, argument in steps():
        if instruction == "COPY":
            names = subprocess.run(
                ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
            )
            for name in names.stdout.splitlines():
                target = tmp_path / argument.split()[1].strip("/") / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)
        elif instruction == "WORKDIR":
            here = tmp_path / argument.strip("/")
            here.mkdir(exist_ok=True)
        elif instruction == "ENV":
            name, _, value = argument.partition("=")
            environment[name] = str(tmp_path / value.strip("/"))
        elif instruction == "RUN":
            subprocess.run(["sh", "-ec", argument], cwd=here, env=environment, check=True)
        elif instruction == "CMD":
            command = json.loads(argument)
    assert command[:2] == ["sh", "-c"]
    for name in re.findall(r"lemons-\w+", command[2]):
        subprocess.run([name, "--help"], cwd=here, env=environment, check=True)
    script = (
        "from lemons_utils import configuration as c; print(c().app_host, c().data_folder, end='')"
    )
    found = subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-c", script],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == f"0.0.0.0 {tmp_path / 'data'}"
