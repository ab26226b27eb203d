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
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

from lemons_utils import Configuration, DataError, command, configuration

PAGE = Path(__file__).with_name("lemons.py")
PATIENCE_S = 120.0
TIMEOUT_S = 5.0
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
    """Run the app until it ends or is interrupted; open its page where there is a screen.

    Raises
    ------
    DataError
        If the app does not start; its own output says why.
    """
    page_url = address(config)
    if is_up(page_url):
        print(f"The demo app runs already: {page_url}")
        if browser:
            open_browser(page_url)
        return
    where = ["--server.address", config.app_host, "--server.port", str(config.app_port)]
    words = [sys.executable, "-m", "streamlit", "run", str(PAGE), *where]
    root = PAGE.parents[1]  # where .streamlit lies
    with subprocess.Popen(words, cwd=root, env=_environment(config)) as app:
        try:
            if _wait_for(app, page_url):
                print(f"The demo app: {page_url}   (Ctrl+C ends it)", flush=True)
                if browser:
                    open_browser(page_url)
            status = app.wait()
        except KeyboardInterrupt:  # the app is interrupted, too, and ends by itself
            _end(app)
            return
    if status not in (0, -signal.SIGTERM, -signal.SIGINT, 130):
        raise DataError(
            f"the app could not run at {page_url}, see above: if the port is taken, name another "
            "`app_port` in config.py"
        )


def _status(url: str) -> int:
    """Return the status of a server's answer; 0 without an answer."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError, http.client.HTTPException):
        return 0


def _wait_for(app: subprocess.Popen[bytes], page_url: str) -> bool:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and app.poll() is None:
        if is_up(page_url):
            return True
        time.sleep(0.2)
    return False


def _end(app: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        app.wait(10)
    if app.poll() is None:
        app.terminate()
        app.wait()


def _environment(config: Configuration) -> dict[str, str]:
    """Return the environment with the full path of the data folder: the app runs elsewhere."""
    environment = dict(os.environ)
    if "LEMONS_DATA_FOLDER" in environment:
        environment["LEMONS_DATA_FOLDER"] = str(config.data_folder)
    return environment


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
