"""A small web server for previews and stems in `web_folder`, in which a browser can seek.

Mounted into the app on the app's own port (`mount`), or alone::

    python -m explanations.webserver --port 8600

A browser can seek in audio only where the server answers Range. Starlette's static files do,
and serve their folder alone; added here are exact types on every machine, no temporary or
hidden files, and CORS for the app's own origin alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from explanations.app.guard import Guard, checked_origin, names_of
from explanations.serving import address_of, listen, serve
from lemons_utils import MEDIA_TYPES, ParameterError, command, configuration

EXPOSED_HEADERS = "Accept-Ranges, Content-Length, Content-Range, ETag"


class WebFolder(StaticFiles):
    """ASGI application that serves the files of one folder, read-only.

    GET and HEAD, with Range (206, 416) and ETag (304). Everything else is 404 without a reason:
    paths outside the folder, by `..` or by a link, folders, hidden files (half-written ones are
    hidden, see `lemons_utils.write_beside`), and files that may not be read.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    allowed_origins : iterable of str
        Origins whose scripts may read the files, e.g. "http://127.0.0.1:8501". The origin
        that serves the folder itself needs no entry.
    """

    def __init__(self, folder: Path, *, allowed_origins: Iterable[str] = ()) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ParameterError(
                f"{folder} cannot be the web folder: {error.strerror}; set web_folder in config.py"
            ) from error
        super().__init__(directory=folder)
        self.allowed_origins = frozenset(checked_origin(origin) for origin in allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin", "")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(raw=message["headers"]), origin)
            await send(message)

        try:
            response = await self.get_response(self.get_path(scope), scope)
        except HTTPException as error:
            status = 405 if error.status_code == 405 else 404
            words = {405: "GET and HEAD only", 404: "no such file"}[status]
            response = PlainTextResponse(words, status_code=status, headers=error.headers)
        await response(scope, receive, send_with_headers)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find a file below the folder; hidden and unreadable ones count as missing."""
        missing = "", None
        if any(part.startswith(".") for part in path.split(os.sep)):
            return missing
        try:
            full_path, stat_result = super().lookup_path(path)
        except OSError:  # a link to itself, a name too long, a folder closed to us
            return missing
        return (full_path, stat_result) if os.access(full_path, os.R_OK) else missing

    def file_response(
        self, full_path: str | os.PathLike[str], *about: Any, **more: Any
    ) -> Response:
        """Serve a file with its type."""
        response = super().file_response(full_path, *about, **more)
        if isinstance(response, FileResponse):
            suffix = Path(full_path).suffix.lower()
            response.media_type = MEDIA_TYPES.get(suffix, "application/octet-stream")
            response.headers["content-type"] = response.media_type
        return response

    def _add_headers(self, headers: MutableHeaders, origin: str) -> None:
        # Browsers ask again each time: an unchanged file costs a 304, a changed one is never stale.
        headers["cache-control"] = "no-cache"
        # On every answer: a cache must not give one origin the answer for another.
        headers.add_vary_header("Origin")
        if origin in self.allowed_origins:
            headers["access-control-allow-origin"] = origin
            headers["access-control-expose-headers"] = EXPOSED_HEADERS


def mount(folder: Path) -> Mount:
    """Return the route that serves a folder under `/audio` of another application.

    `st.App("lemons.py", routes=[mount(web_folder)])` is all the app needs; links to it come
    from `lemons_utils.generate_audio_link`.
    """
    return Mount("/audio", app=WebFolder(folder), name="audio")


def app_origins(host: str, port: int) -> tuple[str, ...]:
    """Return the origins that the app may have in a browser on this machine.

    To a browser http://localhost:8501 and http://127.0.0.1:8501 are two origins, and both are
    in use.
    """
    local = ("127.0.0.1", "localhost")
    hosts = local if host in (*local, "::1", "0.0.0.0", "::") else (host,)  # noqa: S104
    return tuple(f"http://{name}:{port}" for name in hosts)


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Serve the web folder alone, until interrupted."""
    config = configuration()
    parser = argparse.ArgumentParser(
        prog="python -m explanations.webserver", description="Serve previews and stems."
    )
    parser.add_argument("--host", default=config.webserver_host, help="default: %(default)s")
    parser.add_argument("--port", type=int, default=config.webserver_port, help="0: any free one")
    parser.add_argument("--folder", type=Path, default=config.web_folder, help="%(default)s")
    own = app_origins(config.app_host, config.app_port)
    about = f"origin of a page that may read the files; default: the app's ({', '.join(own)})"
    parser.add_argument("--app_origin", action="append", help=about)
    options = parser.parse_args(argv)
    folder = WebFolder(options.folder, allowed_origins=options.app_origin or own)
    names = names_of(options.host, more=config.host_names)
    application = Guard(folder, host_names=names)
    with listen(options.host, options.port) as listener:
        where = address_of(listener)
        print(f"serving {folder.directory} at {where}", file=sys.stderr, flush=True)
        serve(application, listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
