"""The API described: as OpenAPI 3 for programs, and as a page of our own for people, which works offline."""

from functools import cache
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import override
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from orjson import dumps

METHODS = ("get", "post", "put", "patch", "delete")


@cache
def schema() -> dict[str, Any]:
    """The whole description, in English; it changes with the code alone."""
    with override("en"):
        found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


@cache
def _document() -> bytes:
    return dumps(schema(), default=str)


@require_safe
@login_not_required
def openapi(request: HttpRequest) -> HttpResponse:
    """Nothing in it is secret: it is the same for every installation of a version."""
    return HttpResponse(_document(), content_type="application/json", headers={"Cache-Control": "public, max-age=3600"})


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    site = f"{request.scheme}://{request.get_host()}"
    return render(request, "crm/api_reference.html", {"nouns": _nouns(), "site": site})


@cache
def _nouns() -> list[tuple[str, list[dict[str, Any]]]]:
    """(noun, its calls) as the page shows them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for address, calls in schema()["paths"].items():
        for method in METHODS:
            if method in calls:
                found.setdefault(calls[method]["tags"][0], []).append(_call(address, method, calls[method]))
    return sorted(found.items())


def _call(address: str, method: str, call: dict[str, Any]) -> dict[str, Any]:
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    said, _dot, scope = call["description"].rpartition("Scope: ")
    return {
        "id": call["operationId"],
        "method": method.upper(),
        "address": address,
        "says": said,
        "scope": scope.strip("`."),
        "parameters": [(each["name"], _kind(each["schema"]), each) for each in call.get("parameters", [])],
        "fields": _fields(body),
        "answers": _fields(_answer(call)),
    }


def _answer(call: dict[str, Any]) -> dict[str, Any]:
    """The row that a call answers with, or those of its page."""
    for status in ("200", "201"):
        content = call["responses"].get(status, {}).get("content", {}).get("application/json", {})
        if content:
            shape = _resolved(content["schema"])
            results = shape.get("properties", {}).get("results")
            return _resolved(results["items"]) if results else shape
    return {}


def _fields(shape: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """(name, kind, what is said of it, whether it is needed)."""
    shape = _resolved(shape)
    needed = shape.get("required", [])
    return [
        (name, _kind(each), str(each.get("description", "")), name in needed)
        for name, each in shape.get("properties", {}).items()
    ]


def _resolved(shape: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in shape:
        found: dict[str, Any] = schema()["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
        return found
    return shape


def _kind(shape: dict[str, Any]) -> str:
    """A schema in a few words, such as: text, at most 255."""
    for several in ("allOf", "oneOf"):
        if several in shape:
            kinds = dict.fromkeys(_kind(each) for each in shape[several])
            return " / ".join(kind for kind in kinds if kind)
    shape = _resolved(shape)
    if "enum" in shape:
        return " | ".join(str(value) for value in shape["enum"] if value not in ("", None))
    if shape.get("type") == "array":
        return f"[{_kind(shape['items'])}]"
    kind = str(shape.get("format") or shape.get("type") or "")
    return f"{kind} ≤ {shape['maxLength']}" if "maxLength" in shape else kind
