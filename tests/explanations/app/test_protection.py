"""Uploads around a server that keeps whatever it is sent, as Streamlit does."""

import asyncio
from types import SimpleNamespace

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from explanations.app import protection
from explanations.app.protection import UploadLimits


class Keeper:
    """An application that keeps uploads, and counts how many it receives at once."""

    def __init__(self) -> None:
        self.manager = MemoryUploadedFileManager("/upload")
        self.under_way = self.most = 0
        self.delay_s = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        session, file = scope["path"].split("/")[-2:]
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.delay_s)
            data = await Request(scope, receive).body()
        finally:
            self.under_way -= 1
        if scope["method"] == "PUT" and session != "unknown":
            self.manager.add_file(session, UploadedFileRec(file, "x.wav", "audio/wav", data))
        await Response(status_code=204)(scope, receive, send)

    def held(self) -> dict[str, list[str]]:
        """Name the files of every session that has any."""
        return {
            session: list(files) for session, files in self.manager.file_storage.items() if files
        }


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    keeper = Keeper()
    monkeypatch.setattr(
        protection, "get_instance", lambda: SimpleNamespace(uploaded_file_mgr=keeper.manager)
    )
    return keeper


async def put(limits: UploadLimits, path: str, size: int = 10, *, method: str = "PUT") -> int:
    """Send an upload; return the status of the answer."""
    said: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": bytes(size), "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    path = f"/_stcore/upload_file/{path}"
    await limits({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
    return said[0]


def test_a_session_holds_its_last_upload(keeper: Keeper) -> None:
    async def visit() -> None:
        limits = UploadLimits(keeper)
        for path in ("anna/1", "ben/1", "anna/2", "anna/3", "anna/3", "unknown/9"):
            assert await put(limits, path) == 204
        assert keeper.held() == {"anna": ["3"], "ben": ["1"]}
        await put(limits, "ben/2", method="DELETE")  # not an upload
        assert keeper.held() == {"anna": ["3"], "ben": ["1"]}
        keeper.manager.remove_session_files("anna")  # her page is closed
        await put(limits, "cleo/1")
        assert set(limits.held) == {("ben", "1"), ("cleo", "1")}

    asyncio.run(visit())


def test_all_sessions_together_hold_so_much(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protection, "HELD_BYTES", 100)

    async def visit() -> None:
        limits = UploadLimits(keeper)
        for session, size in (("anna", 40), ("ben", 40), ("cleo", 20)):
            await put(limits, f"{session}/1", size)
        assert list(keeper.held()) == ["anna", "ben", "cleo"]
        await put(limits, "dora/1", 30)
        assert list(keeper.held()) == ["ben", "cleo", "dora"]
        await put(limits, "ed/1", 500)  # what has just come is what somebody waits for
        assert list(keeper.held()) == ["ed"]

    asyncio.run(visit())


def test_few_are_received_at_once_and_the_others_wait(keeper: Keeper) -> None:
    keeper.delay_s = 0.02

    async def visit() -> list[int]:
        limits = UploadLimits(keeper)
        return await asyncio.gather(*(put(limits, f"session{n}/1") for n in range(12)))

    assert asyncio.run(visit()) == [204] * 12
    assert keeper.most == protection.AT_ONCE


def test_one_that_takes_too_long_gives_its_turn_up(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protection, "UPLOAD_S", 0.05)
    keeper.delay_s = 60

    async def visit() -> list[int]:
        limits = UploadLimits(keeper)
        slow = await asyncio.gather(*(put(limits, f"session{n}/1") for n in range(8)))
        keeper.delay_s = 0
        return [*slow, await put(limits, "anna/1")]

    assert asyncio.run(visit()) == [408] * 8 + [204]
