"""What every noun of the API has in common: lists in pages, one row, and writing by the noun's own actions."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.urls import include, path
from orjson import OPT_SORT_KEYS, dumps
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from crm.accounts.models import Account
from crm.api.access import rate_headers
from crm.api.bodies import Body, Day, Id
from crm.api.errors import Wrong, request_id
from crm.api.pages import MOST, USUAL
from crm.keys import actions as keys
from crm.lib.gate import clean_text

CALL_NAME = TEXT_LIMIT = 255


class Asked(Body):
    """What every list may be asked; a noun adds its own. `source` names the column that a value is compared with."""

    cursor = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=400, help_text="from `next` of the page before"
    )
    limit = serializers.IntegerField(
        required=False, default=USUAL, min_value=1, max_value=MOST, help_text="rows a page, at most"
    )


class OfAccount(Asked):
    """Rows that belong to an account."""

    account = Id(required=False, source="account_id", help_text="only of this account, by its id")


class Shape(serializers.ModelSerializer[Any]):
    """How a row is shown. All of it is read only: writing is the noun's actions' matter."""

    def get_extra_kwargs(self) -> dict[str, Any]:
        return super().get_extra_kwargs() | {name: {"read_only": True} for name in self.Meta.fields}

    def include_extra_kwargs(
        self, kwargs: MutableMapping[str, Any], extra_kwargs: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """A choice that may be empty is described as one, which what is only read is not otherwise."""
        may_be_empty = {"choices", "allow_blank"} <= kwargs.keys()
        kwargs = super().include_extra_kwargs(kwargs, extra_kwargs)
        if may_be_empty:
            kwargs["allow_blank"] = True
        return kwargs


class Noun(viewsets.GenericViewSet[Any]):
    """One noun. `takes`: what a call may send; `shapes`: what it answers with, where it is not `serializer_class`;
    `lists`: the calls that answer with a page; `upserts`: those that make a row or change it; `silent`: those that
    answer with 204 and nothing.
    """

    group: ClassVar[str] = ""
    asked: ClassVar[type[Asked]] = Asked
    asks: ClassVar[Mapping[str, type[Asked]]] = {}
    takes: ClassVar[Mapping[str, type[Body]]] = {}
    shapes: ClassVar[Mapping[str, Any]] = {}
    lists: ClassVar[frozenset[str]] = frozenset({"list"})
    upserts: ClassVar[frozenset[str]] = frozenset()
    silent: ClassVar[frozenset[str]] = frozenset({"destroy"})
    says: ClassVar[Mapping[str, str]] = {
        "list": "A page of rows, oldest first; `next` leads on.",
        "retrieve": "One row by its id.",
    }
    lookup_value_converter = "int"
    query: dict[str, Any]
    request: Any  # DRF's, with the instant of crm.middleware.clock, one of us as user, and the key as auth

    def rows(self) -> Any:
        """The rows that the key's owner sees."""
        raise NotImplementedError

    def narrowed(self, rows: Any, asked: dict[str, Any]) -> Any:
        """Those of the rows that are asked for."""
        return rows.filter(**asked)

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Let texts in the address through the gate as well."""
        super().initial(request, *args, **kwargs)
        for name, value in self.kwargs.items():
            if isinstance(value, str):
                self.kwargs[name] = clean_text(value, TEXT_LIMIT)

    # --- reading ---

    def page(self, rows: Callable[[dict[str, Any]], Any]) -> Response:
        """A page of what `rows` gives for the query; its shape is the action's."""
        reading = self.asks.get(self.action, self.asked)(
            data=self.request.query_params.dict(), context=self.get_serializer_context()
        )
        reading.is_valid(raise_exception=True)
        self.query = dict(reading.validated_data)
        asked = {name: value for name, value in self.query.items() if name not in ("cursor", "limit")}
        found = self.paginate_queryset(rows(asked))
        shape = self.shapes.get(self.action, self.serializer_class)
        return self.get_paginated_response(shape(found, many=True, context=self.get_serializer_context()).data)

    def found(self, pk: int) -> Any:
        if pk >= 2**63:
            raise Wrong(404, "not_found", "There is no such thing, or the owner of this key does not see it.")
        return self.rows().get(pk=pk)

    def shown(self, row: Any, status: int = 200) -> Response:
        shape = self.shapes.get(self.action, self.serializer_class)
        return Response(shape(row, context=self.get_serializer_context()).data, status=status)

    # --- writing ---

    def given(self, partial: bool = False) -> dict[str, Any]:
        """What was sent, as `takes` has it."""
        body = self.takes[self.action](data=self.request.data, partial=partial, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    def written(self, work: Callable[[], Any], status: int = 200) -> Response:
        """Do `work` in a transaction and show the row that it returns; a call made before is not made again."""
        at, key = self.request.now, self.request.auth
        name = self.request.headers.get("Idempotency-Key", "") if self.request.method == "POST" else ""
        if name and (len(name) > CALL_NAME or not name.isascii() or not name.isprintable()):
            raise Wrong(400, "invalid", "An Idempotency-Key has 1 to 255 printable ASCII characters.")
        with transaction.atomic():
            if name and (done := keys.answered(key, name, self._digest(), at=at)):
                return self._again(done)
            row = work()
            if name:
                keys.keep_answer(key, name, self._digest(), keys.Answered(status, row and row.pk), at=at)
        if row is None:
            return Response(status=204)
        return self.shown(self.rows().filter(pk=row.pk).first() or row, status)

    def _digest(self) -> bytes:
        said = dumps([self.request.method, self.request.path, self.request.data], option=OPT_SORT_KEYS)
        return hmac.new(settings.SECRET_KEY.encode(), said, hashlib.sha256).digest()

    def _again(self, done: keys.Answered) -> Response:
        response = Response(status=204) if done.row is None else self.shown(self.found(done.row), done.status)
        response["Idempotent-Replayed"] = "true"
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["X-Request-ID"] = request_id(request)
        response["Cache-Control"] = "no-store"
        for name, value in rate_headers(request).items():
            response[name] = value
        return response


class Listed(Noun):
    """A noun whose rows can be listed."""

    def list(self, request: Any) -> Response:
        return self.page(lambda asked: self.narrowed(self.rows(), asked))


class AskedDays(Asked):
    account = Id(source="account_id", help_text="of this account, by its id")
    since = Day(required=False, source="day__gte")
    until = Day(required=False, source="day__lt", help_text="the first day that is left out")


class DaysOfOneAccount(Listed):
    """Rows of one account by day; whose days they are must be said."""

    asked = AskedDays

    def narrowed(self, rows: Any, asked: dict[str, Any]) -> Any:
        if not Account.objects.visible_to(self.request.user).filter(pk=asked["account_id"]).exists():
            raise Wrong(404, "not_found", "There is no such account, or the owner of this key does not see it.")
        return rows.filter(**asked)


class Readable(Listed):
    """A noun whose rows can be listed and opened."""

    def retrieve(self, request: Any, pk: int) -> Response:
        return self.shown(self.found(pk))


def unchanged_left_out(row: models.Model, given: dict[str, Any]) -> dict[str, Any]:
    """Of the values given, those that are news."""
    return {name: value for name, value in given.items() if getattr(row, name) != value}


def missing(*names: str) -> ValidationError:
    return ValidationError({name: ["This is needed to make a new one."] for name in names})


def router(**nouns: type[Noun]) -> list[Any]:
    """The addresses of nouns: `accounts=Accounts` stands at accounts and is named api-accounts-…"""
    routes = SimpleRouter(trailing_slash=False, use_regex_path=False)
    for name, noun in nouns.items():
        word = name.replace("_", "-")
        routes.register(word, noun, basename=f"api-{word}")
    return [path("api/v1/", include(routes.urls))]
