"""What Apache's threads do with a request: the application gets it when its body is complete.

They are many, because each may wait for a slow client; see `capacity.client_threads`.
"""

import itertools
import json
import locale
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import unquote_to_bytes, urljoin
from wsgiref.util import is_hop_by_hop

from werkzeug.exceptions import (
    GatewayTimeout,
    HTTPException,
    InternalServerError,
    LengthRequired,
    RequestTimeout,
    ServiceUnavailable,
)

from ..apache import app_profile, proxy_status
from ..machine import files
from ..machine.capacity import place_wait
from . import app_logging, body_limits, runner
from .places import Places
from .pool import Pool
from .stream import IN_MEMORY, Headers, Pieces, Stream, breakable, may_be_short

_NO_SENDFILE = (
    "%s %s has the header %s, for a server that sends that file; this one does not."
    " flask.send_file() sends it without USE_X_SENDFILE"
)
_TOO_LARGE = "%s %s got a 413 from the application: %s"
_NO_ROOM = "%s %s got a 507: its body cannot be written to a temporary file: %s"
_TOO_SLOW = "%s %s reached RequestReadTimeout: the client sent its body too slowly, or stopped"
# Beside those that wsgiref knows: CGI's, and more of https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1.
_FOR_CONNECTION = {"status", "proxy-connection", "trailer"}


class InsufficientStorage(HTTPException):
    """https://www.rfc-editor.org/rfc/rfc4918#section-11.5, of which Werkzeug has no class."""

    code = 507
    description = "The server has no room for this upload."


class _Lost(Exception):
    """The client does not send the rest of its body, or Apache does not take it."""


class Gate:
    """A WSGI application around another one."""

    def __init__(
        self, application: Any, runs: runner.Runner, patience: int, streamed: tuple[str, ...] = ()
    ) -> None:
        """
        :param runs: What runs the application.
        :param patience: Seconds that a request waits for it.
        :param streamed: Paths with a slash at the end, where an upload is read while it comes.
        """
        self.taken = 0
        self.runner = runs
        self.told = {"flask_modwsgi.threads": runs.threads}  # mod_wsgi counts all that wait, too
        self._flask = app_profile.flask_object(application)
        if self._flask is not None:
            body_limits.watch(self._flask)
        self._patience = patience
        self._streamed = streamed
        self._numbers = itertools.count(1)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if _is_lost(environ):
            return self._refused(LengthRequired(), environ, start_response)
        environ["PATH_INFO"] = _path_as_sent(environ)
        try:
            if not f"{environ['PATH_INFO']}/".startswith(self._streamed):
                _complete(environ)
        except _Lost as error:
            return self._cut_short(error, environ, start_response)
        except OSError as error:
            _log(_NO_ROOM, environ, error)
            return self._refused(InsufficientStorage(), environ, start_response)
        self.taken = next(self._numbers)
        request_id = environ.get("REQUEST_ID", "")
        # Stays until the thread's next request, for what is logged while the answer is sent.
        app_logging.request_id.set(request_id)
        path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
        environ.update(self.told)
        work = runner.Work(request_id, environ["REQUEST_METHOD"], path, environ)
        try:
            self.runner.do(work, self._patience)
        except runner.NoPlace:
            busy = ServiceUnavailable(retry_after=self._patience)
            return self._refused(busy, environ, start_response)
        except runner.TimeLimit:
            return self._refused(GatewayTimeout(), environ, start_response)
        if not work.start:
            return work.answer
        status, headers = work.start
        if status.startswith("413"):
            limits = body_limits.told(self._flask, environ)
            app_logging.LOGGER.warning(_TOO_LARGE, work.method, work.path, limits)
        if work.is_for_apache:
            if "FROM_PROXY" not in environ and (name := _names_a_file(headers)):
                return self._without_file(work, name, start_response)
            headers = _for_apache(headers, status, environ)
        answer = work.answer
        if "IS_HEAD" in environ:
            if isinstance(answer, Stream | Pieces) and work.length is None:
                # Nothing of it would be sent, so Apache would not notice that the client has gone.
                answer.close()
                answer = ()
        elif may_be_short(answer, work.length) and not status.startswith(("1", "204", "304")):
            answer, headers = breakable(answer, headers, environ, work.length)
        start_response(status, headers)
        return answer

    def report(self, file: Path) -> None:
        """Write how busy this process is; the first report says that it is ready."""
        found = {
            "time": time.time(),
            "requests": self.taken,
            "busy": len(self.runner.current),
            "locale": locale.setlocale(locale.LC_CTYPE),
        }
        files.write(file, json.dumps(found))

    def _cut_short(
        self, error: _Lost, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        """The answer to a body of which there is not all."""
        if "timeout" not in str(error):
            start_response("400 BAD REQUEST", [])  # the client has gone, or has an answer of Apache
            return ()
        _log(_TOO_SLOW, environ)
        return self._refused(RequestTimeout(), environ, start_response)

    def _without_file(self, work: runner.Work, name: str, start_response: Any) -> Iterable[bytes]:
        """The answer in place of one that has a server send a file."""
        if close := getattr(work.answer, "close", None):
            close()
        app_logging.LOGGER.error(_NO_SENDFILE, work.method, work.path, name)
        return self._refused(InternalServerError(), work.environ, start_response)

    def _refused(
        self, error: HTTPException, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        """The page that the application has for an error."""
        application, response = self._flask, error.get_response(environ)
        if application is not None:
            with application.request_context(environ):
                response = application.make_response(application.handle_http_exception(error))
        response.headers.extend(proxy_status.of(error.code))
        return response(environ, start_response)


def of(application: Any, start: dict[str, Any], folder: Path) -> Gate:
    """The gate before an application.

    :param start: What `server.launch` wrote down.
    :param folder: Of what the processes of this server have in common.
    """
    limit = start["request_limit"]
    eviction = runner.Eviction(**start["eviction"])
    kind = Pool if start["own_threads"] else Places
    runs = kind(application, start["threads"], limit, folder, eviction)
    streamed = tuple(f"{path.rstrip('/')}/" for path in start["stream_uploads"])
    gate = Gate(application, runs, place_wait(limit), streamed)
    gate.told["flask_modwsgi.processes"] = start["processes"]
    return gate


def _names_a_file(headers: Headers) -> str:
    """The header that a proxy may understand, but otherwise the client would get, with nothing else."""
    return next((name for name, _ in headers if name.lower() in runner.SENDFILE), "")


def _for_apache(headers: Headers, status: str, environ: dict[str, Any]) -> Headers:
    """Headers of the application without what Apache would take for its own.

    ``Status`` would change that of the answer, and a path in ``Location`` have another page answer.
    What the application's ``Connection`` names is of a connection of its own.
    https://www.rfc-editor.org/rfc/rfc3875#section-6.2
    """
    named = ",".join(value for name, value in headers if name.lower() == "connection").lower()
    others = _FOR_CONNECTION | set(map(str.strip, named.split(","))) - {"content-length"}
    apart = {name for name, _ in headers if is_hop_by_hop(name) or name.lower() in others}
    if dropped := sorted(apart):
        told = ", ".join(dropped)
        app_logging.LOGGER.warning("dropped from the answer, which only Apache may say: %s", told)
    kept = [pair for pair in headers if pair[0] not in apart]
    if not status.startswith("200"):
        return kept
    here = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', environ['SERVER_NAME'])}"
    return [
        (name, urljoin(here, value) if (name.lower(), value[:1]) == ("location", "/") else value)
        for name, value in kept
    ]


def _log(message: str, environ: dict[str, Any], *more: object) -> None:
    """An error of a request that the application does not get."""
    app_logging.request_id.set(environ.get("REQUEST_ID", ""))
    path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
    app_logging.LOGGER.error(message, environ["REQUEST_METHOD"], path, *more)


class _Body(SpooledTemporaryFile[bytes]):
    """Goes with its last reader, which may be what streams the answer."""

    def __del__(self) -> None:
        with suppress(OSError):  # the disk is full, and was when it was written
            self.close()


def _path_as_sent(environ: dict[str, Any]) -> str:
    """``PATH_INFO`` with the slashes that Apache merges: ``/proxy/http://example.com``, encoded or not.

    Those at its beginning stay one, because a redirect to ``//example.com`` leads to another host. A path
    with ``..`` stays as Apache resolved it.
    """
    merged: str = environ["PATH_INFO"]
    sent: str = environ["REQUEST_URI"].partition("?")[0]
    if "//" not in sent and "%2f" not in sent.lower():
        return merged
    if not sent.startswith("/"):  # http://host/path
        sent = f"/{sent.partition('://')[2].partition('/')[2]}"
    # A proxy took off its prefix, which mod_wsgi puts before the mount point: apache/conf/proxies.conf.
    mounted_at = environ["SCRIPT_NAME"].removeprefix(environ.get("PREFIX_OUTSIDE", ""))
    path = unquote_to_bytes(sent).decode("latin-1").removeprefix(mounted_at)
    return f"/{path.lstrip('/')}" if re.sub("//+", "/", path) == merged else merged


def _is_lost(environ: dict[str, Any]) -> bool:
    """Whether there was a body without a length over HTTP/2, of which mod_wsgi gives nothing."""
    protocol: str = environ["SERVER_PROTOCOL"]
    return protocol.startswith("HTTP/2") and "HTTP_TRANSFER_ENCODING" in environ


def _complete(environ: dict[str, Any]) -> None:
    """Read the whole body.

    A body without a length gets one: the application cannot know where it ends otherwise.

    :raises _Lost: the client is too slow, has gone, or sends too much.
    :raises OSError: it cannot be written to a temporary file.
    """
    has_no_length = "HTTP_TRANSFER_ENCODING" in environ
    if not has_no_length and environ.get("CONTENT_LENGTH", "") in ("", "0"):
        return
    body = _Body(max_size=IN_MEMORY)
    size = 0
    while chunk := _received(environ["wsgi.input"]):
        size += body.write(chunk)
    body.seek(0)
    environ["wsgi.input"] = body
    if has_no_length:
        environ["CONTENT_LENGTH"] = str(size)
        del environ["HTTP_TRANSFER_ENCODING"]


def _received(stream: Any) -> bytes:
    """The next piece of a body; empty at its end.

    :raises _Lost: there is none.
    """
    try:
        piece: bytes = stream.read(64 * 1024)
    except OSError as error:
        raise _Lost(str(error)) from None
    return piece
