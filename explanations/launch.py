"""Start the demo app at the address that `config.py` names.

    python -m explanations.launch

Opens the page in a browser where there is a screen to show it on, and runs until interrupted.
An app that runs there already is opened, not started again.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import sys
import urllib.error
import urllib.request
import webbrowser

from explanations.serving import address_of, listen, serve
from lemons_processes import after_imports, put_off
from lemons_utils import Configuration, command, configuration

TIMEOUT_S = 5.0
WAIT_POLICY = "OMP_WAIT_POLICY", "PASSIVE"
"""Threads of the models with nothing to do sleep; by default they spin on cores that others need.

Beside twenty other processes on two cores a network scored a track in 5.7 s, at 1.1 s of the
processor; two threads that sleep took 1.9 s and a single one 2.3 s, both at 0.4 s of it.
"""

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104


def address(config: Configuration) -> str:
    """Return the address of the app for a browser on this machine."""
    host = _ANYWHERE.get(config.app_host, config.app_host)
    return f"http://{host}:{config.app_port}"


def is_up(page_url: str) -> bool:
    """Return whether the demo app, and not another one, answers at an address."""
    # Streamlit answers any path with its page; only ours keeps /audio/ for its web folder.
    return _status(f"{page_url}/_stcore/health") == 200 and _status(f"{page_url}/audio/") == 404


def has_screen() -> bool:
    """Return whether a browser has a screen; CI servers count as having none."""
    if os.environ.get("CI"):
        return False
    is_desktop = sys.platform in ("darwin", "win32")
    return is_desktop or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(page_url: str) -> bool:
    """Open a page in the default browser, and return whether that could be started."""
    if not has_screen():
        return False
    with contextlib.suppress(webbrowser.Error):
        return webbrowser.open(page_url)
    return False


def launch(config: Configuration, *, browser: bool = True) -> None:
    """Run the app until it is interrupted or terminated; open its page where there is a screen.

    Raises
    ------
    ParameterError
        If it cannot listen at the address.
    """
    page_url = address(config)
    if is_up(page_url):
        print(f"The demo app runs already: {page_url}")
        if browser:
            open_browser(page_url)
        return
    settings = "`app_host` and `app_port` in config.py"
    with listen(config.app_host, config.app_port, settings=settings) as listener:
        os.environ.setdefault(*WAIT_POLICY)  # read when torch is loaded
        put_off()
        from explanations.lemons import app  # takes a second, so the port is asked for first

        after_imports()

        page_url = address_of(listener)
        print(f"The demo app: {page_url}   (Ctrl+C ends it)", flush=True)
        if browser:
            open_browser(page_url)
        serve(app, listener, lifespan="on")
    # Work that a viewer asked for may take minutes more. Files appear whole or not at all.
    sys.stdout.flush()
    os._exit(0)


def _status(url: str) -> int:
    """Return the status of a server's answer; 0 without an answer."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError, http.client.HTTPException):
        return 0


@command
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m explanations.launch",
        description="Start the demo app, and open it where there is a screen.",
    )
    parser.add_argument("--no_browser", action="store_true", help="only print the address")
    options = parser.parse_args(arguments)
    launch(configuration(), browser=not options.no_browser)


if __name__ == "__main__":
    sys.exit(main())
