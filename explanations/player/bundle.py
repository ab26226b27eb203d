"""One script made of the player's modules: Streamlit and a page by itself take just one.

The modules are plain ES modules, each of which can be tested by itself. Here every module becomes
a function that is called once, after the modules that it imports. Two forms of statement are
supported: `import { a, b } from "./name.js";` and `export` in front of a declaration. A test
loads the result beside the modules.
"""

from __future__ import annotations

import functools
import re
from importlib.resources import files

from explanations.player.palette import css_variables

ENTRY = "component"

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(
    r"^export (?:default )?((?:async )?(?:function|class|const) (\w+))", re.MULTILINE
)


def asset(name: str) -> str:
    """Read a text file of the player."""
    return files("explanations.player").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def script() -> str:
    """Return all modules as one ES module, with the default export of `component.js`.

    It also has `mount` at its top level, for a page that calls it itself.
    """
    parts = [_scope(name) for name in _in_order(ENTRY, ())]
    return "".join(parts) + f"const {{ mount, component }} = ${ENTRY};\nexport default component;\n"


@functools.cache
def style() -> str:
    """Return the palette and the style sheets."""
    names = ("player", "map", "mixer", "pairs", "tour", "medley")
    sheets = [asset(f"{name}.css") for name in names]
    return css_variables() + "\n".join(sheets)


def _in_order(name: str, above: tuple[str, ...]) -> list[str]:
    if name in above:
        raise RuntimeError(f"{name}.js imports itself by way of {' -> '.join(above)}")
    order: list[str] = []
    for _, needed in _IMPORT.findall(asset(f"{name}.js")):
        order += [found for found in _in_order(needed, (*above, name)) if found not in order]
    return [*order, name]


def _scope(name: str) -> str:
    source = asset(f"{name}.js")
    exported = ", ".join(match[1] for match in _EXPORT.findall(source))
    source = _IMPORT.sub(r"const {\1} = $\2;\n", source)
    source = _EXPORT.sub(r"\1", source)
    return f"const ${name} = (() => {{\n{source}return {{ {exported} }};\n}})();\n"
