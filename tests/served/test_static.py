"""Static files under the real Apache, below a mount point: static_versions, caching, encodings, ranges."""

import gzip
import os
import re
import shutil
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import brotli  # type: ignore[import-untyped]
import pytest
from flask import Flask
from serving import Project, ask, wait_for, with_views
from test_background import Service

from flask_modwsgi.apache import precompressed
from flask_modwsgi.worker import static_versions

pytestmark = pytest.mark.slow

FOREVER = "public, max-age=31536000, immutable"
SHORT = "public, max-age=300"
TEXT = "main { color: red; }\n" * 400
NOISE = bytes(os.urandom(4000))
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
}
ENDINGS = {"gzip": "gz", "br": "br"}


@pytest.fixture(scope="module")
def service(changed: Project) -> Iterator[Service]:
    static = changed.package / "static"
    (static / "deep").mkdir()
    files = [static / "deep" / "big.css", static / "noise.png", static / "gone.css"]
    files[0].write_text(TEXT, "utf-8")
    files[1].write_bytes(NOISE)
    files[2].write_text(TEXT, "utf-8")
    link, hidden, leftover = static / "link.css", static / ".hidden.css", static / "big.css~"
    link.symlink_to("/etc/passwd")
    hidden.write_text(TEXT, "utf-8")
    leftover.write_text(TEXT, "utf-8")
    service = Service(changed)
    try:
        with with_views(changed, VIEWS):
            started = service.run("start", MOUNT_POINT="/app")
            assert started.returncode == 0, started.stderr
            service.url += "/app"
            yield service
            service.run("stop")
    finally:
        for file in (*files, link, hidden, leftover):
            file.unlink(missing_ok=True)
        (static / "deep").rmdir()


VIEWS = """

@bp.get("/address/<path:name>")
def address(name: str) -> str:
    return url_for("static", filename=name)
"""


def versioned(service: Service, name: str) -> str:
    """The path of a static file as the application writes it."""
    return ask(f"{service.url}/address/{name}").text


class Reply:
    """Status, headers and body as they came."""

    def __init__(self, service: Service, path: str, encoding: str = "identity", **fields: str):
        connection = HTTPConnection("127.0.0.1", int(service.port), timeout=60)
        headers = {"Accept-Encoding": encoding}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        self.status, self.headers, self.body = response.status, response.headers, response.read()
        connection.close()

    def decoded(self) -> bytes:
        """The body, by what is said of its encoding."""
        return DECODERS[self.headers["Content-Encoding"] or "identity"](self.body)


def has_brotli(service: Service) -> bool:
    """Whether this Apache compresses with brotli as it goes."""
    return Reply(service, "/app/", "br").headers["Content-Encoding"] == "br"


def test_an_address_has_the_version_of_the_file(service: Service) -> None:
    address = versioned(service, "deep/big.css")
    assert re.fullmatch(r"/app/static/deep/big\.css\?v=[0-9a-f]{16}", address)
    page = ask(f"{service.url}/").text
    assert re.search(r'href="/app/static/style\.css\?v=[0-9a-f]{16}"', page)
    assert "?v=" in ask(f"http://127.0.0.1:{service.port}/none", Accept="text/html").text


@pytest.mark.parametrize("name", ["none.css", "link.css", "deep"])
def test_what_is_no_file_has_no_version(service: Service, name: str) -> None:
    assert "?v=" not in versioned(service, name)


def test_only_the_version_that_is_there_is_kept_for_ever(service: Service) -> None:
    plain = "/app/static/deep/big.css"
    for path, expected in {
        versioned(service, "deep/big.css"): FOREVER,
        versioned(service, "noise.png"): FOREVER,
        plain: SHORT,
        f"{plain}?v=": SHORT,
        f"{plain}?v=0123456789abcdef": SHORT,
        f"{plain}?v=../../deep": SHORT,
        versioned(service, "deep/big.css") + "&w=1": SHORT,
    }.items():
        for encoding in DECODERS:
            assert Reply(service, path, encoding).headers["Cache-Control"] == expected, path
    assert Reply(service, "/app/static/none.css").headers["Cache-Control"] is None


@pytest.fixture
def odd(service: Service) -> Iterator[Path]:
    """A folder of static files, each of which needs more than its ending to say what it is."""
    folder = service.project.package / "static" / "odd"
    folder.mkdir()
    names = "page.html note.txt code.js data.json logo.svg logo.svgz CNAME thing.unknown game.wasm.br game.js.gz"
    for name in names.split():
        (folder / name).write_text("é", "utf-8")
    yield folder
    shutil.rmtree(folder)


def test_what_is_sent_is_what_flask_would_send(service: Service, odd: Path) -> None:
    flask = Flask(__name__, static_folder=odd.parent).test_client()
    for file in sorted(odd.iterdir()):
        theirs = flask.get(f"/static/odd/{file.name}")
        theirs.close()
        ours = Reply(service, f"/app/static/odd/{file.name}")
        for name in ("Content-Type", "Content-Encoding"):
            assert ours.headers[name] == theirs.headers.get(name), (file.name, name)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_another_method_is_refused_by_flask(service: Service, method: str) -> None:
    for query in ("", "?v=0123456789abcdef"):
        request = Request(f"{service.url}/static/style.css{query}", method=method)
        with pytest.raises(HTTPError) as refused:
            urlopen(request, timeout=60)
        with refused.value as answer:
            assert (answer.code, "GET" in answer.headers["Allow"]) == (405, True)


@pytest.mark.parametrize("is_versioned", [True, False], ids=["versioned", "plain"])
@pytest.mark.parametrize("encoding", DECODERS)
def test_encodings(service: Service, is_versioned: bool, encoding: str) -> None:
    """Decoded, each is the file; with its own ETag, that is good for it and no other."""
    path = versioned(service, "deep/big.css") if is_versioned else "/app/static/deep/big.css"
    if encoding == "br" and not is_versioned and not has_brotli(service):
        pytest.skip("this Apache has no mod_brotli; on Debian: apt-get install libbrotli-dev")
    # Within a second of being written Apache calls an ETag weak.
    wait_for(lambda: not Reply(service, path).headers["ETag"].startswith("W/"), 5, "a strong ETag")
    reply = Reply(service, path, encoding)
    assert reply.status == 200
    assert DECODERS[encoding](reply.body) == TEXT.encode()
    expected = None if encoding == "identity" else encoding
    assert reply.headers["Content-Encoding"] == expected
    assert reply.headers["Content-Type"] == "text/css; charset=utf-8"
    assert reply.headers["Vary"] == "Accept-Encoding"
    assert reply.headers["Accept-Ranges"] == "bytes"
    etag = reply.headers["ETag"]

    again = Reply(service, path, encoding, If_None_Match=etag)
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert again.headers["Vary"] == "Accept-Encoding"
    assert again.headers["Cache-Control"] == reply.headers["Cache-Control"]
    others = DECODERS.keys() - {encoding, "identity"}
    if not is_versioned and not has_brotli(service):
        others -= {"br"}
    for other in others:
        if encoding != "identity":
            refused = Reply(service, path, other, If_None_Match=etag)
            assert refused.status == 200
        assert Reply(service, path, other).headers["ETag"] != etag
    since = reply.headers["Last-Modified"]
    assert Reply(service, path, encoding, If_Modified_Since=since).status == 304

    part = Reply(service, path, encoding, Range="bytes=5-14")
    assert (part.status, part.body) == (206, reply.body[5:15])
    assert part.headers["Content-Range"] == f"bytes 5-14/{len(reply.body)}"
    assert Reply(service, path, encoding, Range="bytes=999999-").status == 416
    whole = Reply(service, path, encoding, Range="bytes=5-14", If_Range='"another"')
    assert (whole.status, whole.body) == (200, reply.body)


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0.000, br ; q=0.0", None),
        ("gzip;q=0.5", "gzip"),
        ("x-bra, gzippy", None),
        ("deflate", None),
        ("", None),
    ],
)
def test_what_is_sent_is_what_is_accepted(
    service: Service, accepted: str, chosen: str | None
) -> None:
    path = versioned(service, "deep/big.css")
    assert Reply(service, path, accepted).headers["Content-Encoding"] == chosen


def made(service: Service) -> dict[str, Path]:
    folder = service.project.path / "var" / "apache" / "static"
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize("encoding", ENDINGS)
def test_copies_are_made_before(service: Service, encoding: str) -> None:
    path = versioned(service, "deep/big.css")
    version = path.partition("?v=")[2]
    copy = made(service)[f"{version}.css.{ENDINGS[encoding]}"].read_bytes()
    assert Reply(service, path, encoding).body == copy
    assert len(copy) < len(TEXT) / 20


def test_copies_are_made_only_of_what_gets_smaller_and_is_served(service: Service) -> None:
    found = made(service)
    style, big, gone, icon, noise = (
        versioned(service, name).partition("?v=")[2]
        for name in ("style.css", "deep/big.css", "gone.css", "icon.svg", "noise.png")
    )
    assert {name for name in found if "." not in name} == {style, big, gone, icon, noise}
    assert not any(name.startswith(f"{noise}.") for name in found)
    for name, path in found.items():
        if "." in name:
            assert path.stat().st_size < len(TEXT)
    for encoding in DECODERS:
        assert Reply(service, versioned(service, "noise.png"), encoding).body == NOISE
    for name, status in {"link.css": 403, ".hidden.css": 404, "big.css~": 404}.items():
        assert Reply(service, f"/app/static/{name}", "gzip").status == status


def test_copies_have_no_address_of_their_own(service: Service) -> None:
    for name in made(service):
        for path in (f"/app/static/{name}", f"/static/{name}", f"/app/{name}", f"/{name}"):
            assert Reply(service, path, "gzip").status == 404


def test_doctor_names_a_link(service: Service) -> None:
    assert "links are not served, such as" in service.run("doctor").stdout


def test_dynamic_answers_are_compressed(service: Service) -> None:
    plain = Reply(service, "/app/")
    for encoding in ENDINGS:
        reply = Reply(service, "/app/", encoding)
        if encoding == "br" and not has_brotli(service):
            continue
        assert DECODERS[encoding](reply.body) == plain.body
        assert reply.headers["Vary"] == "Accept-Encoding"


def test_a_change_is_never_hidden(service: Service) -> None:
    """Changed files come as they are at once; a reload renews what is kept of them."""
    big = service.project.package / "static" / "deep" / "big.css"
    old = versioned(service, "deep/big.css")
    text = TEXT.replace("red", "blue")
    big.write_text(text, "utf-8")
    new = wait_for(
        lambda: (path := versioned(service, "deep/big.css")) != old and path, 5, "a new address"
    )
    for encoding in DECODERS:
        before = Reply(service, new, encoding)
        assert before.decoded() == text.encode()
        assert before.headers["Cache-Control"] == SHORT

    # Removed files are gone at once, for everybody.
    gone = versioned(service, "gone.css")
    (service.project.package / "static" / "gone.css").unlink()
    assert {Reply(service, gone, encoding).status for encoding in DECODERS} == {404}

    done = service.run("reload", MOUNT_POINT="/app")
    assert done.returncode == 0, done.stderr
    for encoding in DECODERS:
        after = Reply(service, new, encoding)
        assert after.decoded() == text.encode()
        assert after.headers["Cache-Control"] == FOREVER
        outdated = Reply(service, old, encoding)
        assert outdated.decoded() == text.encode()
        assert outdated.headers["Cache-Control"] == SHORT
    kept = {name.partition(".")[0] for name in made(service)}
    assert old.partition("?v=")[2] not in kept
    assert gone.partition("?v=")[2] not in kept
    assert Reply(service, new, "br").headers["Content-Encoding"] == "br"


def test_what_is_outside_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "in.css").write_text(TEXT, "utf-8")
    (tmp_path / "out.css").write_text(TEXT, "utf-8")
    known = static_versions.Versions(tmp_path / "static")
    assert known.of("in.css")
    for name in ("../out.css", str(tmp_path / "out.css"), "", ".", "a\0b", "in.css/x"):
        assert known.of(name) is None


def test_making_copies_again_makes_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "a.css").write_text(TEXT, "utf-8")
    (source / "link.css").symlink_to(source / "a.css")
    (source / "folder").symlink_to(tmp_path)
    precompressed.make(source, target)
    first = {path.name: path.stat().st_mtime_ns for path in target.iterdir()}
    assert sorted(Path(name).suffix for name in first) == ["", ".br", ".gz"]
    precompressed.make(source, target)
    again = {path.name: path.stat().st_mtime_ns for path in target.iterdir() if path.suffix}
    assert again.items() <= first.items()
