"""One way to run a web server: on a port of its own, with limits, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import Any, Literal

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from lemons_utils import ParameterError

HEAD_S = 10.0
"""Time in which the head of a request must arrive."""

BODY_S = 30.0
"""Time in which more of the body of a request must arrive."""

CONNECTIONS = 512
"""Connections that are open at once; a browser with the app has up to seven."""

MESSAGE_BYTES = 4 * 2**20
"""Size of a message to a WebSocket. What a page sends of its widgets takes some kilobytes."""

GRACE_S = 3
"""Time that answers under way have when the server is stopped."""


class LimitedHttp(H11Protocol):
    """One connection of a server, which is closed when its request does not advance."""

    _timer: asyncio.TimerHandle | None = None
    _waits_for: str = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
        self._wait_for("head", HEAD_S)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        upgraded = self.transport.get_protocol() is not self
        if upgraded or self.transport.is_closing():
            self._wait_for("")
        elif self.conn.their_state is h11.IDLE:
            if self._waits_for != "head":  # the whole of it has so long, not every part
                self._wait_for("head", HEAD_S)
        elif self.conn.their_state is h11.SEND_BODY:
            self._wait_for("body", BODY_S)
        else:
            self._wait_for("")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._wait_for("")
        super().connection_lost(exc)

    def _wait_for(self, part: str, seconds: float = 0.0) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._waits_for = part
        self._timer = self.loop.call_later(seconds, self._give_up) if part else None

    def _give_up(self) -> None:
        if self._waits_for == "body" and self.flow.read_paused:
            self._wait_for("body", BODY_S)  # it is the application that takes its time
        else:
            self.transport.abort()


def serve(
    application: ASGIApp, listener: socket.socket, *, lifespan: Literal["on", "off"] = "off"
) -> None:
    """Answer requests until interrupted or terminated.

    Parameters
    ----------
    application : ASGI application
    listener : socket
        As `listen` returns it; closed at the end.
    lifespan : str
        "on" for an application that is told when the server starts and stops.
    """
    # Ctrl-C is the usual way to stop a server and needs no message.
    with listener, contextlib.suppress(KeyboardInterrupt):
        limited(application, lifespan=lifespan).run(sockets=[listener])


def limited(application: ASGIApp, *, lifespan: Literal["on", "off"] = "off") -> uvicorn.Server:
    """Return a server with the limits of this module."""
    options: dict[str, Any] = {"http": LimitedHttp, "ws": "websockets-sansio"}
    config = uvicorn.Config(
        application,
        lifespan=lifespan,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=MESSAGE_BYTES,
        timeout_graceful_shutdown=GRACE_S,
        **options,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int, *, settings: str = "--host and --port") -> socket.socket:
    """Open a listening socket.

    Parameters
    ----------
    host : str
        "127.0.0.1" is reachable from this machine alone.
    port : int in 0..65535, 0 for any free one
    settings : str
        What sets host and port, for the error message.

    Raises
    ------
    ParameterError
        If the port is taken, out of range or not permitted, or the host is unknown.
    """
    if not 0 <= port <= 65_535:
        raise ParameterError(f"port must lie between 0 and 65535, got {port}")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        # A port that was closed a moment ago is free; one with a listening socket is not.
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ParameterError(
            f"cannot listen on {host}:{port} ({error.strerror}): stop what listens there, or "
            f"choose another with {settings}"
        ) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the address of a listening socket for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
