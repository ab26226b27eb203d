"""What stands between a browser and the page: the guard, and limits on uploads.

Streamlit keeps what it received in memory for as long as the viewer's page is open, under any id.
The page takes a file in at once (`own_files.take_in`), so that older ones need not be kept.
"""

from __future__ import annotations

import asyncio
from importlib.resources import files
from typing import cast

from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from explanations.app.guard import Guard, names_of, page_policy
from lemons_utils import Configuration

AT_ONCE = 4
"""Uploads that are received at once; further ones wait."""

UPLOAD_S = 600.0
"""Time in which an upload must be complete, from its turn on."""

HELD_BYTES = 400 * 2**20
"""Size of all files held; beyond it the oldest are forgotten."""


def protection(config: Configuration) -> list[Middleware]:
    """Return the middleware of the app, the outermost first."""
    index = (files("streamlit") / "static" / "index.html").read_text(encoding="utf-8")
    guard = Middleware(
        Guard,
        host_names=names_of(config.app_host, more=config.host_names),
        embedded_by=config.embedded_by.split(),
        policy=page_policy(index, audio_base_url=config.audio_base_url),
    )
    return [guard, Middleware(UploadLimits)]


class UploadLimits:
    """ASGI middleware around Streamlit that holds the last upload of a session and no more.

    A PUT is an upload: the page has no other.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.turns = asyncio.Semaphore(AT_ONCE)
        self.held: dict[tuple[str, str], None] = {}
        """Session and file of each upload, the oldest first."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "PUT":
            await self.app(scope, receive, send)
            return
        async with self.turns:
            try:
                async with asyncio.timeout(UPLOAD_S):
                    await self.app(scope, receive, send)
            except TimeoutError:
                slow = PlainTextResponse("the upload took too long", status_code=408)
                await slow(scope, receive, send)
        session, _, file = scope["path"].rstrip("/").rpartition("/")
        self._hold(session.rpartition("/")[2], file)

    def _hold(self, session: str, file: str) -> None:
        """Forget the earlier files of a session, and the oldest of all that are too many."""
        manager = cast(MemoryUploadedFileManager, get_instance().uploaded_file_mgr)

        def size_of(key: tuple[str, str]) -> int:
            kept = manager.file_storage.get(key[0], {}).get(key[1])
            return len(kept.data) if kept else 0

        self.held.pop((session, file), None)
        self.held[session, file] = None
        sizes = {key: size_of(key) for key in self.held}
        for key in list(sizes)[:-1]:
            if key[0] == session or not sizes[key] or sum(sizes.values()) > HELD_BYTES:
                manager.remove_file(*key)
                del self.held[key], sizes[key]
