"""One shape for everything that goes wrong in the API: code, message, errors by field, and the request's id."""

import logging
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as Refusal
from django.db import DatabaseError, InterfaceError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from crm.keys.actions import AnotherCall, InProgress
from crm.lib.db_trouble import is_trouble
from crm.lib.gate import Refused
from crm.segments.queries import Unusable
from crm.sign_in.actions import note_denied
from crm.staff.models import User

log = logging.getLogger("holdfast.api")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
RETRY_WHEN_AWAY = 5


class Problem(serializers.Serializer[Any]):
    """What every error looks like. `fields` is there when single values were refused, with sentences for each."""

    code = serializers.CharField(help_text="a word for programs, such as invalid, not_found or rate_limited")
    message = serializers.CharField(help_text="a sentence for people: what was wrong, and how to mend it")
    fields = serializers.DictField(  # type: ignore[assignment]  # the name is the answer's, not the serializer's
        child=serializers.ListField(child=serializers.CharField()), required=False
    )
    request_id = serializers.CharField(help_text="the header X-Request-ID of the answer")


class Wrong(exceptions.APIException):
    """An error with a status, a code and a sentence of its own."""

    def __init__(self, status: int, code: str, message: str, fields: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(message, code)
        self.status_code, self.code, self.fields = status, code, dict(fields or {})


def request_id(request: Any) -> str:
    """The id under which this request is found in the logs: the caller's own, where it sends a fitting one."""
    plain: HttpRequest = getattr(request, "_request", request)
    known: str = plain.__dict__.get("request_id", "")
    if not known:
        asked = plain.headers.get("X-Request-ID", "")
        known = asked if _ID.fullmatch(asked) else uuid4().hex
        plain.__dict__["request_id"] = known
    return known


def problem(request: Any, code: str, message: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    body = {"code": code, "message": message, "request_id": request_id(request)}
    return body | ({"fields": fields} if fields else {})


def answer_for(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler: None for what is a fault of ours, which is logged and answered 500."""
    request = context["request"]
    found = _told(error)
    if found is None:
        log.exception("The API failed at %s", _route(request), exc_info=error)
        found = Wrong(500, "failed", "Something went wrong here, and it was written down. Try again later.")
    if found.status_code == 403 and isinstance(request.user, User):
        note_denied(_route(request), method=request.method, at=request.now, by=request.user)
    body = problem(request, found.code, str(found.detail), found.fields)
    response = Response(body, status=found.status_code, exception=True)
    if found.status_code == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Holdfast"'
    if found.status_code == 503:
        response["Retry-After"] = str(RETRY_WHEN_AWAY)
    return response


def _route(request: Any) -> str:
    """The address without what was put into it: an external id may be a person's."""
    return f"/{request.resolver_match.route}"


def _told(error: Exception) -> Wrong | None:
    match error:
        case Wrong():
            return error
        case exceptions.ValidationError():
            return Wrong(400, "invalid", "Some values were refused; see fields.", _by_field(error.detail))
        case Refusal():
            return _refused(error)
        case Refused():
            return Wrong(400, "invalid", error.reason)
        case Unusable():
            return Wrong(400, "invalid", str(error), {"filter": [each.reason for each in error.problems]})
        case InProgress():
            return Wrong(
                409, "in_progress", "A call with this Idempotency-Key is being answered. Ask again in a moment."
            )
        case AnotherCall():
            return Wrong(422, "another_call", "This Idempotency-Key was used for another call. Take a new one.")
        case PermissionDenied() | exceptions.PermissionDenied():
            return Wrong(403, "not_permitted", "The owner of this key may not do this here.")
        case Http404() | ObjectDoesNotExist() | exceptions.NotFound():
            return Wrong(404, "not_found", "There is no such thing, or the owner of this key does not see it.")
        case RequestDataTooBig():
            return Wrong(413, "too_large", "The body is too large.")
        case exceptions.APIException():
            return Wrong(error.status_code, str(error.default_code), str(error.detail))
        case DatabaseError() | InterfaceError() if is_trouble(error):
            connection.close()
            return Wrong(503, "unavailable", "The database is not available at the moment. Ask again in a few seconds.")
    return None


def _refused(error: Refusal) -> Wrong:
    """What an action refused, by field where it names one."""
    if hasattr(error, "error_dict"):
        fields = {name: [str(each) for each in said.messages] for name, said in _each(error)}
        return Wrong(400, "invalid", "Some values were refused; see fields.", fields)
    return Wrong(400, "invalid", " ".join(error.messages))


def _each(error: Refusal) -> list[tuple[str, Refusal]]:
    return [(name, Refusal(said)) for name, said in error.error_dict.items()]


def _by_field(detail: Any, place: str = "") -> dict[str, list[str]]:
    """DRF's nested details, flat: {"terms.price": ["…"]}."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            found |= _by_field(inner, f"{place}.{name}" if place else str(name))
        return found
    said = detail if isinstance(detail, list) else [detail]
    if any(isinstance(each, Mapping | list) for each in said):
        found = {}
        for n, inner in enumerate(said):
            found |= _by_field(inner, f"{place}.{n}") if inner else {}
        return found
    return {place or "body": [str(each) for each in said]}


def unusable(request: HttpRequest) -> HttpResponse:
    """A request that no view of ours gets to see, such as one for a host that this is not."""
    words = "The request cannot be read. Look at its headers, above all at Host."
    return JsonResponse(problem(request, "invalid", words), status=400)


def unknown(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Every address under /api/v1/ that is none."""
    words = "There is no such address. GET /api/v1/openapi.json describes those that there are."
    response = JsonResponse(problem(request, "not_found", words), status=404)
    response["X-Request-ID"] = request_id(request)
    return response
