"""Connections that do not advance: closed in time, while patient readers are left alone."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from explanations import serving

HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n"
LARGE = bytes(4_000_000)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Take the body in, and answer with more than the buffers of two sockets hold."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", str(len(LARGE)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": LARGE})


@pytest.fixture
def port(serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(serving, "HEAD_S", 0.5)
    monkeypatch.setattr(serving, "BODY_S", 1.0)
    monkeypatch.setattr(serving, "CONNECTIONS", 40)
    with serve(answer) as port:
        yield port


def connect(port: int, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(sent)
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Wait until the server closes a connection that it owes no answer."""
    with contextlib.suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


def answered(connection: socket.socket) -> int:
    """Read one answer; return the size of its body."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)
    assert head.startswith(b"HTTP/1.1 200")
    size = 0
    while size < len(LARGE):
        size += len(connection.recv(1 << 16))
    return size


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD, HEAD + b"X: y\r\n"])
def test_half_a_head_is_not_waited_for(port: int, sent: bytes) -> None:
    held = [connect(port, sent) for _ in range(30)]
    started = time.monotonic()
    assert all(is_closed(connection) for connection in held)
    assert time.monotonic() - started < 10
    assert answered(connect(port, HEAD + b"\r\n"))


def test_a_head_that_trickles_has_no_more_time(port: int) -> None:
    with connect(port, HEAD) as connection, contextlib.suppress(ConnectionError):
        for _ in range(100):
            connection.sendall(b"X")
            time.sleep(0.1)
    assert _ < 60  # it was cut off


def test_a_second_half_head_is_not_waited_for_either(port: int) -> None:
    with connect(port, HEAD + b"\r\n") as connection:
        assert answered(connection)
        connection.sendall(HEAD)
        assert is_closed(connection)


def test_a_body_that_stalls_is_not_waited_for(port: int) -> None:
    with connect(port, POST + b"some of it") as connection:
        assert is_closed(connection)


def test_a_slow_body_arrives(port: int) -> None:
    with connect(port, POST) as connection:
        for _ in range(5):
            time.sleep(0.4)
            connection.sendall(bytes(20))
        assert answered(connection)


def test_who_reads_slowly_gets_everything(port: int) -> None:
    with connect(port, HEAD + b"\r\n") as connection:
        time.sleep(2.5)  # as a browser does with the rest of a track that is paused
        assert answered(connection) == len(LARGE)


def test_connections_are_limited(port: int) -> None:
    held = [connect(port) for _ in range(40)]
    time.sleep(0.2)
    with connect(port) as beyond:
        beyond.settimeout(0.25)  # at once, not after the time for a head
        assert is_closed(beyond)
    assert all(is_closed(connection) for connection in held)
    assert answered(connect(port, HEAD + b"\r\n"))
