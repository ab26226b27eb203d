"""The app as it is started, from an installation of its own: what it lets in, out, and leaves."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect

from explanations import launch
from explanations.player.palette import PALETTE
from explanations.serving import listen
from lemons_utils import ParameterError, configuration

ROOT = Path(__file__).parents[3]
FREE_PORT = "app_port = 0\n"
# Writes down whatever the server itself asks of another machine.
WATCH = """
import ipaddress, sys

def is_here(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", None)

def note(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if not is_here(host):
        print("ASKED", event, host, file=sys.stderr, flush=True)

sys.addaudithook(note)
"""


@dataclass(frozen=True)
class Launched:
    """The app that was started, and what it has printed."""

    process: subprocess.Popen
    log: Path

    @property
    def address(self) -> str:
        return re.search(r"The demo app: (http://\S+)", self.log.read_text())[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel installs."""
    site = tmp_path_factory.mktemp("site")
    for package in ("recsys", "audiolime", "explanations"):
        clutter = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, site / package, ignore=clutter)
    for module in ROOT.glob("*.py"):
        shutil.copy(module, site)
    (site / "sitecustomize.py").write_text(WATCH)
    return site


@pytest.fixture(scope="module")
def start(installed: Path, house: Path, tmp_path_factory, wait_until) -> Iterator[Any]:
    """Start the app somewhere else than where it is installed."""
    started = []

    def start_one() -> Launched:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (elsewhere / "config.py").write_text(FREE_PORT)
        environment = {**os.environ, "LEMONS_DATA_FOLDER": str(house), "HOME": str(elsewhere)}
        environment |= {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
        log = elsewhere / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "explanations.launch", "--no_browser"],
                stdout=output, stderr=subprocess.STDOUT, cwd=elsewhere, env=environment,
            )  # fmt: skip
        started.append(process)
        app = Launched(process, log)
        wait_until(
            lambda: "The demo app: " in log.read_text() and launch.is_up(app.address),
            seconds=120, process=process, about=log.read_text,
        )  # fmt: skip
        return app

    yield start_one
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def app(start) -> Launched:
    return start()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    yield page
    page.close()


def parts(process: subprocess.Popen) -> list[psutil.Process]:
    """List a process and everything that it has started."""
    whole = psutil.Process(process.pid)
    return [whole, *whole.children(recursive=True)]


@pytest.mark.browser
def test_nothing_leaves_this_machine(app: Launched, page: Page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda opened: asked.append(opened.url))
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{app.address}/?listener=marko")
    page.get_by_role("heading", name="What Marko listens to").wait_for()
    page.locator('[class*="st-key-row-"] button').first.wait_for(timeout=300_000)
    page.wait_for_timeout(2_000)  # usage statistics are sent a moment later
    assert f"ws{app.address.removeprefix('http')}/_stcore/stream" in asked
    here = re.compile(rf"(http|ws)://{app.address.removeprefix('http://')}/|data:|blob:")
    assert [url for url in asked if not here.match(url)] == []
    assert "ASKED" not in app.log.read_text()
    assert complaints == []
    assert app.log.read_text().count("\n") == 1  # its address, and nothing of every visit
    expect(page.get_by_test_id("stAppDeployButton")).to_have_count(0)
    expect(page.get_by_test_id("stMainMenu")).to_have_count(1)


def test_by_a_foreign_name_or_for_a_foreign_page_it_answers_nothing(app: Launched):
    where = app.address.removeprefix("http://")

    def ask(path: str, **headers: str) -> int:
        connection = http.client.HTTPConnection(where, timeout=30)
        connection.request("GET", path, headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status

    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    for path in ("/", "/audio/", "/_stcore/health", "/_stcore/host-config", "/?listener=marko"):
        assert ask(path, Host="evil.example") == 403
        assert ask(path) in (200, 404)
    stream = "/_stcore/stream"
    assert ask(stream, **upgrade, Origin=app.address) == 101
    assert ask(stream, **upgrade, Origin="http://evil.example") == 403
    assert ask(stream, **upgrade, Origin="http://127.0.0.1:1") == 403
    assert ask(stream, **upgrade, Host="evil.example", Origin="http://evil.example") == 403


def test_a_timer_that_comes_too_late_is_no_news(app: Launched):
    before = app.log.read_text()
    stream = f"ws{app.address.removeprefix('http')}/_stcore/stream"
    late, after = BackMsg(), BackMsg()
    late.rerun_script.fragment_id = "of a job that has ended"
    after.rerun_script.query_string = ""
    with connect(stream, subprotocols=["streamlit"]) as viewer:
        for message in (late, late, late, after):
            viewer.send(message.SerializeToString())
        viewer.recv(60)  # it has read them
    assert app.log.read_text() == before


@pytest.mark.browser
def test_a_session_holds_one_upload_under_whatever_id(app: Launched, page: Page, tmp_path: Path):
    (tmp_path / "first.wav").write_bytes(b"this is no audio")
    page.goto(app.address)
    page.get_by_text("Your own file", exact=True).first.click()
    with page.expect_request(lambda request: request.method == "PUT") as sent:
        page.locator("input[type=file]").set_input_files(tmp_path / "first.wav")
    expect(page.get_by_text("first.wav cannot be decoded")).to_be_visible()
    before = sum(part.memory_info().rss for part in parts(app.process))
    answers = page.evaluate(
        """async (session) => {
          const token = document.cookie.match(/_streamlit_xsrf=([^;]+)/)[1];
          const answers = [];
          for (let number = 0; number < 6; number++) {
            const body = new FormData();
            body.append("file", new Blob([new Uint8Array(100 * 2 ** 20)]), "x.wav");
            const headers = { "X-Xsrftoken": token };
            const url = `${session}/invented-${number}`;
            answers.push((await fetch(url, { method: "PUT", body, headers })).status);
          }
          return answers;
        }""",
        sent.value.url.rpartition("/")[0],
    )
    assert answers == [204] * 6
    after = sum(part.memory_info().rss for part in parts(app.process))
    assert after - before < 300 * 2**20
    assert "Traceback" not in app.log.read_text()


def test_it_ends_when_terminated_with_all_of_its_processes(start, wait_until):
    app = start()
    started = parts(app.process)
    app.process.terminate()
    app.process.wait(30)
    wait_until(lambda: not any(part.is_running() for part in started), seconds=10)
    assert not launch.is_up(app.address)
    assert app.log.read_text().count("\n") == 1  # nothing but its address


def test_it_runs_until_interrupted_and_not_twice(start, capsys):
    app = start()
    port = int(app.address.rpartition(":")[2])
    launch.launch(replace(configuration(), app_port=port), browser=False)
    assert f"runs already: {app.address}" in capsys.readouterr().out
    app.process.send_signal(signal.SIGINT)
    assert app.process.wait(30) == 0


def test_a_port_of_somebody_else_is_left_to_them(monkeypatch):
    monkeypatch.setattr(launch, "TIMEOUT_S", 0.2)  # who does not answer need not be awaited
    with listen("127.0.0.1", 0) as other:
        config = replace(configuration(), app_port=other.getsockname()[1])
        with pytest.raises(ParameterError, match="app_port"):
            launch.launch(config, browser=False)


def test_threads_sleep_where_they_have_nothing_to_do():
    """In the process that serves, before torch is there, which reads the setting once."""
    known = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    look = (
        "import os, sys, types\n"
        "from explanations import launch\n"
        "found = []\n"
        "class App(types.ModuleType):\n"
        "    def __getattr__(self, name):\n"
        "        found.append((os.environ.get('OMP_WAIT_POLICY'), 'torch' in sys.modules))\n"
        "sys.modules['explanations.lemons'] = App('explanations.lemons')\n"
        "launch.serve = lambda *arguments, **options: print(found[-1], flush=True)\n"
        "from dataclasses import replace\n"
        "launch.launch(replace(launch.configuration(), app_port=0), browser=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, env=known, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "('PASSIVE', False)", done.stderr


def test_the_colours_of_the_page_are_those_of_the_player():
    settings = tomllib.loads((ROOT / "explanations/.streamlit/config.toml").read_text())
    names = {
        "primaryColor": "accent",
        "backgroundColor": "surface",
        "secondaryBackgroundColor": "raised",
        "textColor": "ink",
        "borderColor": "line",
    }
    for theme, colors in PALETTE.items():
        assert settings["theme"][theme] == {key: colors[name] for key, name in names.items()}


@pytest.mark.parametrize(
    ("environment", "screen"),
    [({}, False), ({"DISPLAY": ":0"}, True), ({"DISPLAY": ":0", "CI": "1"}, False)],
)
def test_a_browser_needs_a_screen(monkeypatch, environment, screen):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    opened = []
    monkeypatch.setattr(launch.webbrowser, "open", lambda url: opened.append(url) or True)
    assert launch.open_browser("http://127.0.0.1:1") is screen
    assert bool(opened) is screen
