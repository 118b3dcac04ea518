"""The tracking API (product.md §3): what Segment's and RudderStack's SDKs send, unchanged.

It reads the WSGI environment rather than Django's request: chunked bodies have no length, which Django
takes for no body, and a body must never be parsed as a form because of its Content-Type.
"""

import base64
import binascii
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from orjson import dumps

from crm.lib.db_trouble import is_trouble
from crm.lib.gate import Refused
from crm.lib.inflate import Broken, TooLarge, inflate
from crm.sources.actions import Behind, UnknownKey, accept
from crm.sources.forms import BATCH_LIMIT, read_call

CALLS = {
    "identify": "identify", "group": "group", "track": "track", "page": "page", "screen": "screen", "alias": "alias",
    "i": "identify", "g": "group", "t": "track", "p": "page", "s": "screen", "a": "alias",
    "batch": "batch", "b": "batch", "import": "batch",
}  # fmt: skip
METRICS = "m"  # the browser SDK's figures about itself: taken and dropped
RETRY_WHEN_BEHIND, RETRY_WHEN_AWAY = 30, 5
# A body over the limit is still read to its end, up to here: a client that is cut off while it sends never sees
# the 413 and sends again.
_DISCARD = 32 * 1024 * 1024
_PIECE = 64 * 1024

PLAIN = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Environ = Mapping[str, Any]
log = logging.getLogger("holdfast.tracking")


@dataclass(frozen=True)
class Answer:
    """What goes back; `body` null: none, as for a preflight."""

    status: int
    body: dict[str, Any] | None
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return b"" if self.body is None else dumps(self.body)


class Stopped(Exception):
    """The request ends here, with this status and sentence."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        # RudderStack's Python SDK reads `code` and `message`, and retries for ever when one is missing.
        body = {"success": False, "error": code, "code": code, "message": message}
        self.answer = Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def take(environ: Environ, name: str, at: datetime) -> Answer:
    """Answer one POST under /v1/: 200 once its events are committed, else what was wrong."""
    try:
        if name == METRICS:
            _read(environ)
            return Answer(200, {"success": True})
        call = CALLS.get(name)
        if call is None:
            raise Stopped(404, "not_found", "There is no such call. Send to /v1/batch, /v1/track or another of them.")
        incoming = read_call(call, _inflated(environ))
        key = _key_beside(environ) or incoming.write_key
        if not key:
            raise Stopped(401, "unauthorized", "There is no write key. Send it as Basic user name or as writeKey.")
        accept(key=key, call=call, body=incoming.body, events=incoming.events, at=at)
    except Stopped as stopped:
        return stopped.answer
    except Refused as refused:
        return Stopped(400, "invalid_request", refused.reason).answer
    except UnknownKey:
        return Stopped(401, "unauthorized", "This write key is not known here, or it was revoked.").answer
    except Behind:
        words = "Earlier events still wait to be counted. Send these again later."
        return Stopped(429, "too_many_requests", words, Retry_After=str(RETRY_WHEN_BEHIND)).answer
    except (DatabaseError, InterfaceError) as error:
        if not is_trouble(error):
            raise
        log.warning("A request was answered 503: %s", error)
        connection.close()
        words = "The database is not available at the moment. Send these events again."
        return Stopped(503, "unavailable", words, Retry_After=str(RETRY_WHEN_AWAY)).answer
    return Answer(200, {"success": True})


def _inflated(environ: Environ) -> bytes:
    raw = _read(environ)
    try:
        return inflate(raw, environ.get("HTTP_CONTENT_ENCODING", ""), BATCH_LIMIT)
    except TooLarge:
        raise _too_large() from None
    except Broken:
        raise Stopped(
            400, "invalid_request", "The body is not what its Content-Encoding says, or is cut off."
        ) from None
    except LookupError:
        raise Stopped(415, "unsupported_encoding", "Send the body as it is, or with gzip or deflate.") from None


def _too_large() -> Stopped:
    return Stopped(413, "too_large", f"The body is larger than {BATCH_LIMIT // 1024 // 1024} MB. Send smaller batches.")


def _read(environ: Environ) -> bytes:
    """Read the body, of a given length or in chunks, and never keep more than the limit."""
    length = _length(environ)
    pieces: list[bytes] = []
    got = 0
    while length is None or got < length:
        want = _PIECE if length is None else min(_PIECE, length - got)
        try:
            piece = environ["wsgi.input"].read(want)
        except Exception as error:  # servers raise errors of their own for chunks that are none
            raise Stopped(400, "invalid_request", "The body could not be read to its end.") from error
        if not piece:
            break
        got += len(piece)
        if got <= BATCH_LIMIT:
            pieces.append(piece)
        elif got > _DISCARD:
            break
    if got > BATCH_LIMIT:
        raise _too_large()
    if length is not None and got < length:
        raise Stopped(400, "invalid_request", "The body is shorter than its Content-Length.")
    return b"".join(pieces)


def _length(environ: Environ) -> int | None:
    """The announced length in bytes; None for a chunked body, whose end the server marks."""
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        if not environ.get("wsgi.input_terminated"):
            raise Stopped(411, "length_required", "This server does not read chunked bodies. Send a Content-Length.")
        return None
    try:
        return max(0, int(environ.get("CONTENT_LENGTH") or 0))
    except ValueError:
        raise Stopped(400, "invalid_request", "The Content-Length is not a number.") from None


def _key_beside(environ: Environ) -> str:
    """The write key in the Authorization header or the query; empty when there is none."""
    scheme, _blank, credentials = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _colon, _password = base64.b64decode(credentials).decode().partition(":")
        except (binascii.Error, ValueError):
            raise Stopped(401, "unauthorized", "The Authorization header cannot be read.") from None
        if user:
            return user
    query = environ.get("QUERY_STRING", "")
    return parse_qs(query).get("writeKey", [""])[0] if "writeKey=" in query else ""


def _open_to_all(environ: Environ) -> dict[str, str]:
    """The CORS headers of every answer: pages of any origin may send here, as the write key is all that counts."""
    origin = environ.get("HTTP_ORIGIN", "")
    if not origin:
        return {"Access-Control-Allow-Origin": "*", "Vary": "Origin"}
    # A beacon is sent with credentials, for which browsers do not take the star.
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }


def _preflight(environ: Environ, methods: str) -> dict[str, str]:
    asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    return {
        "Allow": methods,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": asked or "Authorization, Content-Type, Content-Encoding",
        "Access-Control-Max-Age": "86400",
    }


def respond(environ: Environ, method: str, answered: Callable[[], Answer]) -> Answer:
    """Answer the preflight, refuse other methods, and put the headers on whatever comes out."""
    methods, asked = f"{method}, OPTIONS", environ["REQUEST_METHOD"]
    if asked == "OPTIONS":
        return Answer(204, None, _open_to_all(environ) | _preflight(environ, methods))
    if asked == method:
        answer = answered()
    else:
        answer = Stopped(405, "method_not_allowed", f"Only {method} is answered here.", Allow=methods).answer
    headers = PLAIN | answer.headers | _open_to_all(environ)
    return Answer(answer.status, None if asked == "HEAD" else answer.body, headers)


# --- the two ways in: for events a bare WSGI one, as Django's middleware costs more than all the rest ---------

PATHS = {
    f"{front}/v1/{name}{slash}": name for front in ("", "/beacon") for name in (*CALLS, METRICS) for slash in ("", "/")
}


def in_front_of(site: WSGIApplication) -> WSGIApplication:
    """Serve the calls of SDKs without Django's request cycle, and all else by the site."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        name = PATHS.get(environ.get("PATH_INFO", ""))
        if name is None:
            return site(environ, start_response)
        answer = _served(environ, name)
        body = answer.content()
        headers = [*answer.headers.items(), ("Content-Length", str(len(body)))]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [body]

    return application


def _served(environ: Environ, name: str) -> Answer:
    close_old_connections()
    try:
        return respond(environ, "POST", lambda: take(environ, name, datetime.now(UTC)))
    except Exception:
        log.exception("A call of %s failed", name)
        words = "Something went wrong here, and it was written down. Send these events again later."
        return respond(environ, "POST", lambda: Stopped(500, "failed", words).answer)
    finally:
        close_old_connections()


@csrf_exempt
@login_not_required
def tracking(request: HttpRequest, name: str) -> HttpResponse:
    """Every address under /v1/ that nothing in front of Django has answered."""
    return _http(respond(request.META, "POST", lambda: take(request.META, name, datetime.now(UTC))))


@csrf_exempt
@login_not_required
def segment_settings(request: HttpRequest, key: str) -> HttpResponse:
    """What analytics.js asks its CDN for before it sends: no destinations, and this site as the place to send to."""
    to = {"apiKey": key, "apiHost": f"{request.get_host()}/v1", "protocol": request.scheme, "addBundledMetadata": True}
    settings = {
        "integrations": {"Segment.io": to},
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }
    return _http(respond(request.META, "GET", lambda: Answer(200, settings)))


@csrf_exempt
@login_not_required
def rudder_settings(request: HttpRequest) -> HttpResponse:
    """What RudderStack's browser SDK asks its control plane for before it sends: no destinations."""
    source = {
        "id": "holdfast",
        "name": "Holdfast",
        "writeKey": "",
        "enabled": True,
        "workspaceId": "holdfast",
        "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
        "destinations": [],
        "connections": [],
    }
    return _http(respond(request.META, "GET", lambda: Answer(200, {"source": source, "isHosted": True})))


def _http(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.content(), status=answer.status, headers=answer.headers)
