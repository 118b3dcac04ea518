"""Scorecards in Django's admin, whose drafts are edited there, and what else of retention is read in it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin, messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crm.admin import Rows, site
from crm.admin.door import AnyForm, user_of
from crm.staff.views import Request
from retention.forecasts.models import Forecast
from retention.measures.queries import KINDS
from retention.scorecards import actions
from retention.scorecards.forms import NO_WEIGHT
from retention.scorecards.models import Scorecard, ScorecardGroup, ScorecardMeasure, ScorecardVersion

if TYPE_CHECKING:
    AnyInline = admin.TabularInline[Any, Any]
    AnyFormSet = BaseInlineFormSet[Any, Any, Any]
else:
    AnyInline, AnyFormSet = admin.TabularInline, BaseInlineFormSet


def may_write(request: HttpRequest, row: models.Model | None) -> bool:
    """Drafts only: a published version is read."""
    return user_of(request).may("configure") and not (isinstance(row, ScorecardVersion) and row.is_published)


def now(request: HttpRequest) -> datetime:
    return cast(Request, request).now


class NamedRows(AnyFormSet):
    """Named after its model, since rows without a reverse name would all be called the same."""

    @classmethod
    def get_default_prefix(cls) -> str:
        assert cls.model is not None
        return str(cls.model._meta.model_name)


class OfDraft(AnyInline):
    """Rows of a version; read-only once it is published."""

    extra = 0
    formset = NamedRows

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return user_of(request).is_staff

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_write(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_write(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_write(request, obj)


class GroupInline(OfDraft):
    model = ScorecardGroup


class MeasureForm(AnyForm):
    """Refuses at the field what publishing would refuse."""

    class Meta:
        model = ScorecardMeasure
        fields: ClassVar[list[str]] = [
            "position", "key", "name", "kind", "window", "feature", "threshold", "trait", "valid_days",
            "per_price", "scale", "red", "green",
            "steps", "weight", "group", "unit",
        ]  # fmt: skip
        error_messages: ClassVar[dict[str, Any]] = {"weight": {"min_value": NO_WEIGHT}}

    def clean_kind(self) -> str:
        kind = str(self.cleaned_data["kind"])
        if kind not in KINDS:
            raise ValidationError(_("Choose one of: %(kinds)s.") % {"kinds": ", ".join(KINDS)})
        return kind

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own step that fills the instance
        if not self.errors.keys() - {NON_FIELD_ERRORS}:
            try:
                actions.check_measure(self.instance)
            except ValidationError as error:
                # Said at its field, with what to do; a constraint would only give its name.
                self.errors.pop(NON_FIELD_ERRORS, None)
                self.add_error(None, error)


class MeasureInline(OfDraft):
    model = ScorecardMeasure
    form = MeasureForm


class Drafts(Rows):
    """Rows that are edited while they are drafts, through the noun's actions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_write(request, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_write(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actions.keep_row(obj, at=now(request), by=user_of(request))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        rows = formset.save(commit=False)
        for row in formset.deleted_objects:
            actions.remove_row(row, at=now(request), by=user_of(request))
        for row in rows:
            actions.keep_row(row, at=now(request), by=user_of(request))


class ScorecardForm(AnyForm):
    """Refuses at the field a segment that cannot say which accounts are judged."""

    class Meta:
        model = Scorecard
        fields: ClassVar[list[str]] = ["name", "position", "is_default", "segment"]

    at: datetime

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own step that fills the instance
        if not self.errors:
            try:
                actions.check_segment(self.instance, self.at)
            except ValidationError as error:
                self.add_error(None, error)


@admin.register(Scorecard, site=site)
class Scorecards(Drafts):
    form = ScorecardForm
    list_display = ("name", "position", "is_default", "segment", "retired_at")
    related = ("segment",)
    readonly_fields = ("retired_at",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        made = super().get_form(request, obj, change, **kwargs)
        made.at = now(request)  # type: ignore[attr-defined]  # a ScorecardForm
        return made


@admin.register(ScorecardVersion, site=site)
class ScorecardVersions(Drafts):
    list_display = ("__str__", "state", "published_at", "published_by")
    related = ("scorecard", "published_by")
    list_filter = ("scorecard", "state")
    readonly_fields = ("state", "published_at", "published_by")
    inlines = (GroupInline, MeasureInline)
    actions = ("publish", "start_draft")

    @admin.action(description=_("Publish the chosen draft for good"), permissions=["add"])
    def publish(self, request: HttpRequest, chosen: QuerySet[ScorecardVersion]) -> None:
        for version in chosen:
            try:
                actions.publish(version, at=now(request), by=user_of(request))
            except ValidationError as error:
                self.message_user(request, f"{version}: {' '.join(error.messages)}", messages.ERROR)
            else:
                self.message_user(request, _("%(version)s counts from the next run on.") % {"version": version})

    @admin.action(description=_("Start a draft from this version"), permissions=["add"])
    def start_draft(self, request: HttpRequest, chosen: QuerySet[ScorecardVersion]) -> None:
        for version in chosen:
            draft = actions.start_draft(version, at=now(request), by=user_of(request))
            self.message_user(request, _("%(draft)s is ready to be edited.") % {"draft": draft})


@admin.register(Forecast, site=site)
class Forecasts(Rows):
    list_display = ("__str__", "account", "by", "at")
    related = ("account", "by")
