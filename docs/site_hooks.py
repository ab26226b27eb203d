"""What MkDocs does with pages that are written to be read in a clone as well.

`python -m tests.explanations.notebooks` keeps what the cells of notebooks show.
"""

import json
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)#]+)[^)]*\)")
NOTEBOOK = re.compile(r"(\]\([^)]*)\.ipynb\)")
ROOT = Path(__file__).parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace notebooks by pages."""
    for file in [each for each in files if each.src_uri.endswith(".ipynb")]:
        files.remove(file)
        path = Path(str(file.abs_src_path))
        notebook = json.loads(path.read_text(encoding="utf-8"))
        kept = path.parent / "outputs" / f"{path.stem}.json"
        shown = [cell["shown"] for cell in json.loads(kept.read_text(encoding="utf-8"))]
        uri = file.src_uri.removesuffix(".ipynb") + ".md"
        files.append(File.generated(config, uri, content=page_of(notebook, shown)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Name files outside the documentation, which the site does not have, and link to notebooks.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """

    def name(link: re.Match[str]) -> str:
        if not (ROOT / link[2]).exists():
            raise FileNotFoundError(link[0])
        return f"{link[1]} (`{link[2]}`)" if link[1].strip("`") != link[2] else f"`{link[2]}`"

    return NOTEBOOK.sub(r"\1.md)", OUTSIDE.sub(name, markdown))


def page_of(notebook: dict[str, list[dict[str, object]]], shown: list[str]) -> str:
    """Return the cells of a notebook as Markdown, each of code with what it shows."""
    parts, outputs = [], iter(shown)
    for cell in notebook["cells"]:
        source = cell["source"]
        text = source if isinstance(source, str) else "".join(source)  # type: ignore[arg-type]
        if cell["cell_type"] == "markdown":
            parts.append(text)
        else:
            parts += [f"```python\n{text}\n```", next(outputs)]
    return "\n\n".join(filter(None, parts)) + "\n"
