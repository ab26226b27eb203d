"""What a foreign name, a foreign page and a foreign frame get of a server: nothing."""

import contextlib
import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from explanations.app.guard import Guard, names_of, page_policy
from lemons_utils import ParameterError

OWN_NAME = "lemons.example.org"


async def show(request: Request) -> Response:
    return HTMLResponse("<title>a listener's history</title>")


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


PAGE = Starlette(routes=[Route("/", show, methods=["GET", "PUT"]), WebSocketRoute("/talk", talk)])


@pytest.fixture(scope="module")
def port(serve) -> Iterator[int]:
    with serve(Guard(PAGE, host_names=[OWN_NAME])) as port:
        yield port


def ask(port: int, host: str, *more: str, method: str = "GET", path: str = "/") -> int:
    """Send a request for a host, and return the status of the answer."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *more, "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.recv(100).split()[1])


def open_socket(port: int, host: str, *more: str) -> int:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    return ask(port, host, *upgrade, key, *more, path="/talk")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:{}",
        "localhost:{}",
        "LOCALHOST",
        "[::1]:{}",
        "192.168.1.7",
        OWN_NAME,
        "localhost.",
    ],
)
def test_own_names_and_addresses_are_answered(port: int, host: str) -> None:
    assert ask(port, host.format(port)) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{}", "127.0.0.1.evil.example", "localhost.evil.example",
     f"{OWN_NAME}.evil.example", "x@127.0.0.1", "127.0.0.1/@evil", "[::1", "1.2.3", "", "a b",
     "127.0.0.1:x", f"evil{OWN_NAME}"],
)  # fmt: skip
def test_foreign_names_are_not(port: int, host: str) -> None:
    assert ask(port, host.format(port)) == 403
    assert open_socket(port, host.format(port)) == 403


def test_only_own_pages_open_a_socket_or_change_something(port: int) -> None:
    here = f"127.0.0.1:{port}"
    own = [f"http://{here}", f"https://{OWN_NAME}", f"https://{OWN_NAME}:8443"]
    foreign = ["http://evil.example", "null", "http://127.0.0.1:9", "http://localhost", ""]
    foreign += [f"file://{here}", f"http://{here}.evil.example", f"http://{OWN_NAME}.evil"]
    for origin in own:
        assert open_socket(port, here, f"Origin: {origin}") == 101, origin
        assert ask(port, here, f"Origin: {origin}", method="PUT") == 200, origin
    for origin in foreign:
        assert open_socket(port, here, f"Origin: {origin}") == 403, origin
        assert ask(port, here, f"Origin: {origin}", method="PUT") == 403, origin
        assert ask(port, here, f"Origin: {origin}") == 200, origin  # the browser keeps it to itself
    assert open_socket(port, here) == 101  # no browser: whoever runs programs here may look


@pytest.mark.parametrize("name", ["*", "lemons.example.org:8501", "http://x", "a b", ""])
def test_a_wrong_name_is_one_clear_line(name: str) -> None:
    with pytest.raises(ParameterError, match="expected a host name such as"):
        Guard(PAGE, host_names=[name])


def test_a_wrong_origin_is_one_clear_line() -> None:
    with pytest.raises(ParameterError, match="expected an origin such as"):
        Guard(PAGE, embedded_by=["*"])


def test_names_of_hosts_and_settings() -> None:
    assert names_of("127.0.0.1", "::", "", "music.local", more="a.example  b") == (
        "music.local", "a.example", "b",
    )  # fmt: skip


def test_the_policy_allows_the_inline_scripts_of_the_page_and_the_audio() -> None:
    index = '<script>a = 1</script><script type="module" src="./x.js"></script>'
    policy = page_policy(index, audio_base_url="https://audio.example.org/lemons")
    digest = "'sha256-tbwf/ZCRL7GL7259gJCRksemSSiWMgFW1n+68QTGVEo='"
    assert policy["script-src"] == f"'self' blob: {digest}"
    assert policy["media-src"].endswith(" https://audio.example.org")
    assert policy["connect-src"] == "'self' https://audio.example.org"
    assert "unsafe-eval" not in str(policy)


@pytest.mark.browser
def test_only_named_pages_show_it_in_a_frame(serve, browser: Browser) -> None:
    shown: dict[str, int] = {}

    async def outside(request: Request) -> Response:
        frames = (f'<iframe src="http://127.0.0.1:{port}/"></iframe>' for port in shown.values())
        return HTMLResponse("".join(frames))

    with serve(Starlette(routes=[Route("/", outside)])) as outer, contextlib.ExitStack() as stack:
        here = f"http://127.0.0.1:{outer}"
        for name, embedded_by in (("nobody", []), ("this", [here]), ("other", ["http://x.org"])):
            shown[name] = stack.enter_context(serve(Guard(PAGE, embedded_by=embedded_by)))
        page = browser.new_page()
        page.goto(here)
        page.wait_for_load_state("load")
        is_shown = [frame.title() == "a listener's history" for frame in page.frames[1:]]
        page.close()
    assert dict(zip(shown, is_shown, strict=True)) == {
        "nobody": False,
        "this": True,
        "other": False,
    }
