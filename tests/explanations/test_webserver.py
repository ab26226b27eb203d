"""The web server, asked over real sockets: what it serves, and what it never does."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette

from explanations.app.guard import Guard
from explanations.serving import listen
from explanations.webserver import WebFolder, app_origins, main, mount
from lemons_audio import write_audio
from lemons_utils import ParameterError, generate_audio_link

APP = "http://127.0.0.1:8501"
SECRET = b"not for the web"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, target: str, *, method: str = "GET", **headers: str) -> Reply:
    """Send a request byte for byte: no client library tidies the path up on the way."""
    host = headers.pop("Host", f"127.0.0.1:{port}")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    status_line, *header_lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in header_lines)
    return Reply(int(status_line.split()[1]), {k.lower(): v for k, v in pairs}, body)


@pytest.fixture(scope="module")
def web(serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    root = tmp_path_factory.mktemp("root")
    folder = root / "web"
    (folder / "stems" / "a b").mkdir(parents=True)
    (root / "secret.flac").write_bytes(SECRET)
    (root / "web-too").mkdir()
    (root / "web-too" / "secret.flac").write_bytes(SECRET)
    tone = np.sin(np.arange(8_000) / 20.0) * 0.5
    for suffix in ("flac", "wav", "mp3", "ogg"):
        write_audio(folder / "stems" / f"tone.{suffix}", tone, sample_rate=16_000)
    write_audio(folder / "stems" / "a b" / "gítar #1.flac", tone, sample_rate=16_000)
    (folder / "one.json").write_text(json.dumps({"a": 1}))
    np.savez(folder / "tables.npz", a=np.zeros(3, dtype=np.float32))
    (folder / "tables.bin").write_bytes(bytes(range(256)))
    (folder / "page.html").write_text("<script>alert(1)</script>")
    (folder / ".half.flac").write_bytes(SECRET)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.flac").write_bytes(SECRET)
    (folder / "out.flac").symlink_to(root / "secret.flac")
    (folder / "out").symlink_to(root)
    (folder / "inside.flac").symlink_to(folder / "stems" / "tone.flac")
    (folder / "loop.flac").symlink_to(folder / "loop.flac")
    os.mkfifo(folder / "pipe.flac")
    with serve(Guard(WebFolder(folder, allowed_origins=[APP]))) as port:
        yield port, folder


def test_a_whole_file_comes_with_type_length_and_tag(web: tuple[int, Path]) -> None:
    port, folder = web
    reply = ask(port, "/stems/tone.flac")
    assert reply.status == 200
    assert reply.body == (folder / "stems" / "tone.flac").read_bytes()
    assert reply.headers["accept-ranges"] == "bytes"
    assert reply.headers["content-length"] == str(len(reply.body))
    assert reply.headers["etag"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    policy = "default-src 'none'; frame-ancestors 'none'"
    assert reply.headers["content-security-policy"] == policy
    assert reply.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/stems/tone.flac", "audio/flac"),
        ("/stems/tone.mp3", "audio/mpeg"),
        ("/stems/tone.ogg", "audio/ogg"),
        ("/stems/tone.wav", "audio/wav"),
        ("/one.json", "application/json"),
        ("/tables.npz", "application/octet-stream"),
        ("/tables.bin", "application/octet-stream"),
        ("/page.html", "application/octet-stream"),
    ],
)
def test_types_do_not_depend_on_the_machine(
    web: tuple[int, Path], path: str, media_type: str
) -> None:
    assert ask(web[0], path).headers["content-type"] == media_type


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [("0-99", 0, 100), ("100-", 100, None), ("-50", -50, None), ("10-10", 10, 11)],
)
def test_range_answers_206_with_just_that_part(
    web: tuple[int, Path], asked: str, first: int, end: int | None
) -> None:
    port, folder = web
    whole = (folder / "tables.bin").read_bytes()
    reply = ask(port, "/tables.bin", Range=f"bytes={asked}")
    assert reply.status == 206
    assert reply.body == whole[first:end]
    start = first % 256
    assert reply.headers["content-range"] == f"bytes {start}-{start + len(reply.body) - 1}/256"


def test_range_beyond_the_end_is_416_and_says_the_size(web: tuple[int, Path]) -> None:
    reply = ask(web[0], "/tables.bin", Range="bytes=256-")
    assert reply.status == 416
    assert reply.headers["content-range"] == "bytes */256"


def test_several_ranges_come_as_parts(web: tuple[int, Path]) -> None:
    reply = ask(web[0], "/tables.bin", Range="bytes=0-1,10-11")
    assert reply.status == 206
    assert reply.headers["content-type"].startswith("multipart/byteranges")
    assert b"bytes 0-1/256" in reply.body
    assert b"bytes 10-11/256" in reply.body


def test_an_unchanged_file_is_304_and_a_changed_one_is_not(web: tuple[int, Path]) -> None:
    port, folder = web
    file = folder / "changing.json"
    file.write_text("1")
    tag = ask(port, "/changing.json").headers["etag"]
    same = ask(port, "/changing.json", If_None_Match=tag, Origin=APP)
    assert (same.status, same.body, same.headers["etag"]) == (304, b"", tag)
    assert same.headers["access-control-allow-origin"] == APP
    file.write_text("22")
    assert ask(port, "/changing.json", If_None_Match=tag).status == 200
    stale = ask(port, "/changing.json", Range="bytes=0-0", If_Range=tag)
    assert (stale.status, stale.body) == (200, b"22")


def test_head_says_the_same_without_the_body(web: tuple[int, Path]) -> None:
    whole, head = ask(web[0], "/one.json"), ask(web[0], "/one.json", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert head.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "MOVE"])
def test_other_methods_are_405(web: tuple[int, Path], method: str) -> None:
    port, folder = web
    reply = ask(port, "/one.json", method=method)
    assert reply.status == 405
    assert reply.headers["allow"] == "GET, HEAD"
    assert (folder / "one.json").exists()


OUTSIDE = [
    "/../secret.flac",
    "/stems/../../secret.flac",
    "/stems/../../web-too/secret.flac",
    "/../web-too/secret.flac",
    "/%2e%2e/secret.flac",
    "/%2e%2e%2fsecret.flac",
    "/..%2fsecret.flac",
    "/.%2e/secret.flac",
    "/%252e%252e/secret.flac",
    "/..%5csecret.flac",
    "/..\\secret.flac",
    "/..%c0%afsecret.flac",
    "/%c0%ae%c0%ae/secret.flac",
    "/..;/secret.flac",
    "/....//secret.flac",
    "//../secret.flac",
    "/./../secret.flac",
    "../secret.flac",
    "http://127.0.0.1/../secret.flac",
    "/out.flac",
    "/out/secret.flac",
    "/out/web-too/secret.flac",
    "/out/web/one.json/../../secret.flac",
    "/.half.flac",
    "/.hidden/x.flac",
    "/stems/../.half.flac",
    "/%2ehalf.flac",
    "/one.json%00.flac",
    "/loop.flac",
    "/pipe.flac",
    "/one.json/",
    "/one.json/x",
    "/nothing.flac",
    "/" + "x" * 300,
    "/" + "a/" * 2_000,
]


@pytest.mark.parametrize("target", OUTSIDE)
def test_nothing_outside_is_served(web: tuple[int, Path], target: str) -> None:
    reply = ask(web[0], target)
    # "/one.json/" names the same file once the path is made plain; that is inside.
    if target == "/one.json/":
        assert reply.body == b'{"a": 1}'
        return
    assert reply.status in (400, 404)
    assert SECRET not in reply.body
    assert b"/" not in reply.body  # no path of this machine in the answer


def test_absolute_paths_lead_nowhere(web: tuple[int, Path]) -> None:
    port, folder = web
    secret = (folder.parent / "secret.flac").resolve()
    for target in (f"/{secret}", f"//{secret}", "/" + str(secret).replace("/", "%2f"), str(secret)):
        reply = ask(port, target)
        assert reply.status == 404
        assert SECRET not in reply.body


@pytest.mark.parametrize(
    "target", ["/", "", "/stems", "/stems/", "/stems/a%20b/", "/.", "/stems/."]
)
def test_folders_are_not_listed(web: tuple[int, Path], target: str) -> None:
    reply = ask(web[0], target)
    assert reply.status in (400, 404)
    assert b"tone" not in reply.body


def test_links_that_stay_inside_are_followed(web: tuple[int, Path]) -> None:
    port, folder = web
    assert ask(port, "/inside.flac").body == (folder / "stems" / "tone.flac").read_bytes()


@pytest.mark.only_if(os.geteuid() != 0)  # root may read everything
def test_an_unreadable_file_is_404(web: tuple[int, Path]) -> None:
    port, folder = web
    (folder / "locked").mkdir(mode=0o000)
    (folder / "locked.flac").touch(mode=0o000)
    assert ask(port, "/locked/x.flac").status == 404
    assert ask(port, "/locked.flac").status == 404


def test_only_the_app_may_read_from_another_origin(web: tuple[int, Path]) -> None:
    port, _ = web
    reply = ask(port, "/one.json", Origin=APP, Range="bytes=0-0")
    assert reply.headers["access-control-allow-origin"] == APP
    assert "Content-Range" in reply.headers["access-control-expose-headers"]
    strangers = ["http://evil.example", "null", "http://127.0.0.1:85010", f"{APP}.evil.example"]
    for origin in strangers:
        reply = ask(port, "/one.json", Origin=origin)
        assert "access-control-allow-origin" not in reply.headers
        assert reply.headers["vary"] == "Origin"
    assert ask(port, "/nothing", Origin=APP).headers["access-control-allow-origin"] == APP
    assert ask(port, "/tables.bin", Origin=APP, Range="bytes=999-").headers[
        "access-control-allow-origin"
    ]


def test_mounted_into_an_app_it_serves_what_generate_audio_link_names(
    serve, web: tuple[int, Path]
) -> None:
    _, folder = web
    with serve(Starlette(routes=[mount(folder)])) as port:
        for name in ("stems/tone.flac", "stems/a b/gítar #1.flac"):
            link = generate_audio_link(name)
            assert link.startswith("/audio/")
            assert ask(port, link).body == (folder / name).read_bytes()
            part = ask(port, link, Range="bytes=0-3")
            assert (part.status, part.body) == (206, b"fLaC")
        for target in ("/audio/../secret.flac", "/audio/..%2fsecret.flac", "/audio/out.flac"):
            assert ask(port, target).status == 404
        assert ask(port, generate_audio_link("one.json"), method="POST").status == 405


def test_a_link_with_a_base_address_reaches_the_server_alone(web: tuple[int, Path]) -> None:
    port, folder = web
    link = generate_audio_link("stems/a b/gítar #1.flac", base_url=f"http://127.0.0.1:{port}")
    target = link.removeprefix(f"http://127.0.0.1:{port}")
    assert ask(port, target).body == (folder / "stems/a b/gítar #1.flac").read_bytes()


def test_the_folder_is_made_where_it_is_missing(tmp_path: Path) -> None:
    WebFolder(tmp_path / "not" / "yet")
    assert (tmp_path / "not" / "yet").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ParameterError, match="cannot be the web folder"):
        WebFolder(tmp_path / "file")


@pytest.mark.parametrize("origin", ["*", "127.0.0.1:8501", "http://127.0.0.1:8501/", "null"])
def test_an_origin_must_be_one(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ParameterError, match="expected an origin"):
        WebFolder(tmp_path, allowed_origins=[origin])


def test_the_app_on_this_machine_has_two_names() -> None:
    assert app_origins("127.0.0.1", 1) == ("http://127.0.0.1:1", "http://localhost:1")
    assert app_origins("music.example", 2) == ("http://music.example:2",)


def test_a_taken_port_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--folder", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(rf"error: cannot listen on 127\.0\.0\.1:{port} .*--port\n", error)


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--host", "no.such.host.invalid"]])
def test_a_wrong_port_or_host_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main([*arguments, "--folder", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_alone_it_serves_on_this_machine_only_until_interrupted(
    tmp_path: Path, wait_until: Any
) -> None:
    (tmp_path / "a.json").write_text("{}")
    command = [sys.executable, "-m", "explanations.webserver", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--folder", str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    try:
        assert isinstance(process.stderr, io.TextIOBase)
        line = process.stderr.readline()
        found = re.search(r"at http://127\.0\.0\.1:(\d+)$", line.strip())
        assert found, line
        port = int(found[1])
        wait_until(lambda: ask(port, "/a.json", Origin=APP).status == 200, seconds=10)
        assert ask(port, "/a.json", Host="evil.example").status == 403
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
