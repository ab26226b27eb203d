"""What a server asks of a request before it answers, and what it tells browsers of the answer.

The servers need no password: on this machine everybody may look. A page of somebody else must not
look through a visitor's browser, though, so the name by which the server is reached, the page that
opens a WebSocket, and the page that shows this one in a frame are checked.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lemons_utils import ParameterError

NOTHING = {"default-src": "'none'"}
"""Content security policy of files: a browser that opens one as a page runs nothing in it."""

_READING = ("GET", "HEAD", "OPTIONS")


class Guard:
    """ASGI middleware that refuses foreign names and pages and says what pages may load.

    Parameters
    ----------
    app : ASGI application
    host_names : iterable of str
        Names by which browsers may reach the server, beside `localhost` and IP addresses. These
        two are safe: a foreign page can give its own name any address, but no more than that.
    embedded_by : iterable of str
        Origins whose pages may show this server's pages in a frame.
    policy : mapping of str to str
        Directives of the content security policy, without `frame-ancestors`.

    Raises
    ------
    ParameterError
        If a name is no host name, or an origin no origin.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host_names: Iterable[str] = (),
        embedded_by: Iterable[str] = (),
        policy: Mapping[str, str] = NOTHING,
    ) -> None:
        self.app = app
        self.host_names = frozenset(_checked_name(name) for name in host_names)
        framed_by = " ".join(checked_origin(origin) for origin in embedded_by) or "'none'"
        directives = {**policy, "frame-ancestors": framed_by}
        self.headers = {
            "content-security-policy": "; ".join(" ".join(pair) for pair in directives.items()),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or open one WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"]).update(self.headers)
            await send(message)

        if not (reason := self._refusal(scope)):
            await self.app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
        else:
            refusal = PlainTextResponse(reason, status_code=403)
            await refusal(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            return "this server does not go by that name: see host_names in config.py"
        reads = scope["type"] == "http" and scope["method"] in _READING
        if reads or origin is None or self._is_own_page(origin, host):
            return ""
        return "a page of another origin may not do this"

    def _is_ours(self, host: str) -> bool:
        name = _host_name(host)
        return name == "localhost" or name in self.host_names or _is_address(name)

    def _is_own_page(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        # A proxy in front may ask under another name than its visitors do.
        is_named = _host_name(parts.netloc) in self.host_names
        return parts.scheme in ("http", "https") and (parts.netloc == host or is_named)


def names_of(*hosts: str, more: str = "") -> tuple[str, ...]:
    """Return the names among the hosts that servers listen on, and further ones.

    Parameters
    ----------
    more : str
        Names with spaces between them, as `host_names` in config.py.
    """
    names = [host for host in hosts if host and not _is_address(host)]
    return (*names, *more.split())


def page_policy(index: str, *, audio_base_url: str = "") -> dict[str, str]:
    """Return the content security policy of a Streamlit page that loads from its own server only.

    Parameters
    ----------
    index : str
        HTML of the page; its inline scripts are allowed by their digest.
    audio_base_url : str
        Where audio is served from, unless by the page's own server.
    """
    scripts = re.findall(r"<script>(.*?)</script>", index, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts]
    inline = " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
    parts = urlsplit(audio_base_url)
    audio = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return {
        "default-src": "'none'",
        "script-src": f"'self' blob: {inline}".rstrip(),  # blob: is how components get theirs
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "media-src": f"'self' data: blob:{audio}",
        "connect-src": f"'self'{audio}",
        "worker-src": "'self' blob:",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def checked_origin(origin: str) -> str:
    """Return an origin such as "http://127.0.0.1:8501".

    Raises
    ------
    ParameterError
        If it is none.
    """
    parts = urlsplit(origin)
    whole = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.netloc or origin != whole:
        raise ParameterError(f"expected an origin such as http://127.0.0.1:8501, got {origin!r}")
    return origin


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", name):
        raise ParameterError(
            f"expected a host name such as lemons.example.org, without a port, got {name!r}"
        )
    return name.lower()


def _host_name(host: str) -> str:
    """Return the name or address in a Host header; empty where it is not one."""
    try:
        parts = urlsplit(f"//{host}")
        plain = parts.netloc == host and parts.username is None and parts.port != 0
    except ValueError:
        return ""
    return (parts.hostname or "").rstrip(".") if plain else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
