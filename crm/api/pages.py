"""Lists in pages that stay true while rows are added: after the row that a cursor names, in the order of the key."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from orjson import JSONDecodeError, dumps, loads
from rest_framework.pagination import BasePagination
from rest_framework.response import Response

from crm.api.errors import Wrong

USUAL, MOST = 50, 200


class Pages(BasePagination):
    """`limit` rows after `cursor`; the answer names the next page, or null at the end. Nothing is ever counted."""

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        asked = view.query
        self.request, self.limit = request, asked["limit"]
        if asked["cursor"]:
            queryset = queryset.filter(pk__gt=_place(asked["cursor"], queryset.model))
        found = list(queryset.order_by("pk")[: self.limit + 1])
        self.last = found[self.limit - 1] if len(found) > self.limit else None
        return found[: self.limit]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._next(), "results": data})

    def _next(self) -> str | None:
        if self.last is None:
            return None
        query = self.request.query_params.copy()
        query["cursor"] = _cursor(self.last)
        return str(self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}"))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        following = {
            "type": "string",
            "nullable": True,
            "format": "uri",
            "description": "The address of the next page; null at the end.",
        }
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {"next": following, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return []


def _cursor(row: models.Model) -> str:
    values = row.pk if isinstance(row.pk, tuple) else (row.pk,)
    return urlsafe_b64encode(dumps([str(value) for value in values])).decode().rstrip("=")


def _place(cursor: str, model: type[models.Model]) -> Any:
    """The key that a cursor stands for, in the types of its columns."""
    fields = model._meta.pk_fields
    try:
        values = loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(fields):
            raise ValueError
        place = tuple(field.to_python(value) for field, value in zip(fields, values, strict=True))
        if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in place):
            raise ValueError
    except (ValueError, TypeError, JSONDecodeError, ValidationError, OverflowError):
        raise Wrong(400, "invalid", "This cursor is not one of ours.", {"cursor": ["Take it from `next`."]}) from None
    return place if len(fields) > 1 else place[0]
