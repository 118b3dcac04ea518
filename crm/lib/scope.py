"""Rows that nobody reads by accident: a queryset that raises until it has been told for whom it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model, covariant=True)


class ScopeRequired(RuntimeError):
    """A query over customers' rows was about to run without saying who asks."""


class ScopedQuerySet(models.QuerySet[M]):
    """Raises `ScopeRequired` when it runs before `.system(why)` or a subclass's `.visible_to(user)`.

    It raises when it runs, not when it is built, because Django builds unscoped querysets for form fields
    and related managers that are narrowed afterwards.
    """

    _scope: str = ""

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]  # private, but the only place where state is carried
        clone._scope = self._scope
        return clone

    def scoped(self, scope: str) -> Self:
        clone = self._clone()
        clone._scope = scope
        return clone

    def system(self, why: str) -> Self:
        """All rows, for work that no person asked for; `why` is read by whoever reviews the caller."""
        if not why:
            raise ScopeRequired("Say why the whole table is read.")
        return self.scoped(f"system: {why}")

    def _require_scope(self) -> None:
        if not self._scope:
            raise ScopeRequired(
                f"{self.model.__name__} rows were read without a scope: use .visible_to(user) or .system(why)."
            )

    def _fetch_all(self) -> None:
        self._require_scope()
        super()._fetch_all()

    def iterator(self, *args: Any, **kwargs: Any) -> Any:
        self._require_scope()
        return super().iterator(*args, **kwargs)

    def count(self) -> int:
        self._require_scope()
        return super().count()

    def exists(self) -> bool:
        self._require_scope()
        return super().exists()

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._require_scope()
        return super().aggregate(*args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        self._require_scope()
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        self._require_scope()
        return super().delete()

    def create(self, **kwargs: Any) -> M:
        """Inserting reads nothing, so it needs no scope."""
        return self.model._base_manager.create(**kwargs)

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[M]:
        return self.model._base_manager.bulk_create(*args, **kwargs)


def named_text(rows: models.QuerySet[Any, Any], prefix: str = "seen") -> tuple[str, dict[str, Any]]:
    """The statement of a scoped queryset and its parameters by name, to stand in brackets inside a SQL file."""
    assert isinstance(rows, ScopedQuerySet)
    rows._require_scope()
    return named(*rows.query.sql_with_params(), prefix=prefix)


def named(text: str, values: Sequence[Any], *, prefix: str) -> tuple[str, dict[str, Any]]:
    """SQL with its parameters in their order, turned into SQL with parameters by name."""
    given = {f"{prefix}{n}": value for n, value in enumerate(values)}
    return text % tuple(f"%({name})s" for name in given), given


class ScopedModel(models.Model):
    """A model whose default manager is scoped; what is unique is left to the database.

    Django would ask the default manager whether a value is taken before it writes, which is a race as
    well as an unscoped read; actions turn the database's own refusal into a message at the field.
    """

    class Meta:
        abstract = True

    def _perform_unique_checks(self, unique_checks: Any) -> dict[str, Any]:
        return {}

    def validate_constraints(self, exclude: Any = None) -> None:
        return None
