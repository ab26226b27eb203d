"""Build LEMONS; pyproject.toml has all of it but the page that an index of packages shows."""

import re
import tomllib
from pathlib import Path

from setuptools import setup

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|#)([^)]+)\)")


def description(readme: str, urls: dict[str, str]) -> str:
    """Return README for a page that has no files beside it.

    Links to files lead to the project's `Source`; where it names none, links are the names of
    what is in the source archive, and pictures are left out.
    """
    source = urls.get("Source", "").rstrip("/")

    def link(found: re.Match[str]) -> str:
        picture, text, target = found.groups()
        if source:
            return f"{picture}[{text}]({source}/{'raw' if picture else 'blob'}/HEAD/{target})"
        if picture:
            return ""
        return f"{text} (`{target}`)" if text.strip("`") != target else f"`{target}`"

    return _LINK.sub(link, readme)


if __name__ == "__main__":
    here = Path(__file__).parent
    project = tomllib.loads((here / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        long_description=description((here / "README.md").read_text("utf-8"), project["urls"]),
        long_description_content_type="text/markdown",
    )
