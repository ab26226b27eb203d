"""The lock, what is installed, and docs/dependencies.md agree; nothing is there without a use.

`python -m tests.test_dependencies` prints the table of the page.
"""

import importlib.metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.declared import needed, requirements

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "dependencies.md"
COPYLEFT = ("GPL", "Mozilla", "MPL", "SSPL")


def locked() -> dict[str, Requirement]:
    files = (ROOT / name for name in ("requirements.lock", "requirements-torch.txt"))
    lines = [line for file in files for line in file.read_text().splitlines()]
    named = (line.removesuffix("\\") for line in lines if line and line[0] not in "# ")
    pins = [Requirement(line) for line in named]
    return {canonicalize_name(pin.name): pin for pin in pins}


def declared() -> dict[str, list[Requirement]]:
    return {"commands": requirements("all"), "tests": requirements("dev")}


def licence(name: str) -> str:
    about = importlib.metadata.metadata(name)
    classifiers = [each for each in about.get_all("Classifier") or () if "License ::" in each]
    named = ", ".join(each.split(" :: ")[-1] for each in classifiers)
    told = about.get("License-Expression") or named or (about.get("License") or "").split("\n")[0]
    return told or first_line_of_licence(name)


def first_line_of_licence(name: str) -> str:
    files = importlib.metadata.files(name) or ()
    texts = [file.read_text() for file in files if file.name.startswith("LICENSE")]
    return texts[0].split("\n")[0] if texts else ""


def table() -> str:
    """Return the table of the page."""
    users: dict[str, tuple[str, str]] = {}
    for group, wanted in declared().items():
        for name, parent in needed(wanted):
            users.setdefault(name, (group, parent or "LEMONS"))
    lines = ["| package | licence | for | asked for by |", "|---|---|---|---|"]
    lines += [
        f"| {pin.name} | {licence(name)} | {users[name][0]} | {users[name][1]} |"
        for name, pin in sorted(locked().items())
    ]
    return "\n".join(lines)


def test_all_that_is_locked_is_needed_and_all_that_is_needed_is_locked():
    names = {name for group in declared().values() for name, _ in needed(group)}
    assert names == set(locked())


@pytest.mark.parametrize("name", sorted(locked()))
def test_what_is_installed_is_what_is_locked(name):
    assert locked()[name].specifier.contains(importlib.metadata.version(name), prereleases=True)


def test_the_page_lists_every_package_with_its_licence():
    assert table() in PAGE.read_text()
    told = [line for line in table().splitlines() if any(each in line for each in COPYLEFT)]
    for line in told:
        assert line.split("|")[1].strip() in PAGE.read_text().split("| package |")[0]


if __name__ == "__main__":
    print(table())
