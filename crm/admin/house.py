"""Our own people and the installation in the admin; records, appended and derived rows to read."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from crm.accounts.models import OwnerChange, Trait
from crm.admin.door import Rows, Writable, site
from crm.audit.models import AuditRow
from crm.fills.models import Beat, Fill
from crm.imports.models import ImportRefusal, ImportRun
from crm.outbox.models import OutboundMail
from crm.sources.models import Reject
from crm.staff import actions as staff
from crm.staff.forms import InstallationForm, TeamForm, UserForm
from crm.staff.models import Installation, Team, User
from crm.subscriptions.models import Subscription, SubscriptionChange


@admin.register(User, site=site)
class Users(Writable):
    form = UserForm
    fields = (
        "email", "name", "role", "team", "job_title", "phone", "language", "time_zone", "is_active", "new_password",
    )  # fmt: skip
    list_display = ("name", "email", "role", "team", "is_active")
    list_filter = ("role", "is_active")
    related = ("team",)
    ordering = ("name", "pk")
    verb = "manage_users"

    def write(self, row: User | None, values: dict[str, Any], *, at: datetime, by: User) -> User:
        password = values.pop("new_password")
        if row is None:
            return staff.create_user(**values, password=password, at=at, by=by)
        return staff.change_user(row, **values, password=password, at=at, by=by)


@admin.register(Team, site=site)
class Teams(Writable):
    form = TeamForm
    list_display = ("name",)
    ordering = ("name",)
    verb = "manage_users"

    def write(self, row: Team | None, values: dict[str, Any], *, at: datetime, by: User) -> Team:
        if row is None:
            return staff.create_team(**values, at=at, by=by)
        return staff.change_team(row, **values, at=at, by=by)


@admin.register(Installation, site=site)
class Installations(Writable):
    form = InstallationForm
    verb = "manage_users"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not Installation.objects.exists()

    def write(self, row: Installation | None, values: dict[str, Any], *, at: datetime, by: User) -> Installation:
        return staff.change_installation(**values, at=at, by=by)


@admin.register(AuditRow, site=site)
class AuditRows(Rows):
    list_display = ("at", "actor_kind", "actor_label", "on_behalf_of", "action", "object_kind", "object_id")
    list_filter = ("actor_kind",)
    search_fields = ("action__startswith", "object_id__exact")


@admin.register(OwnerChange, site=site)
class OwnerChanges(Rows):
    list_display = ("account", "owner", "pool", "from_at")
    related = ("account", "owner", "pool")


@admin.register(Trait, site=site)
class Traits(Rows):
    list_display = ("account", "definition", "value", "at", "recorded_at")
    related = ("account", "definition")


@admin.register(Subscription, site=site)
class Subscriptions(Rows):
    list_display = ("external_id", "account", "plan", "created_at")
    search_fields = ("external_id__startswith",)
    related = ("account", "plan")


@admin.register(SubscriptionChange, site=site)
class SubscriptionChanges(Rows):
    list_display = ("account", "subscription", "effective_on", "ends_on", "plan", "seats", "mrr", "currency")
    related = ("account", "subscription", "plan")


@admin.register(OutboundMail, site=site)
class OutboundMails(Rows):
    list_display = ("subject", "account", "state", "due_at", "signer", "settled_at")
    list_filter = ("state",)
    related = ("account", "signer")


@admin.register(Fill, site=site)
class Fills(Rows):
    list_display = ("stage", "through_at", "finished_at", "behind", "said", "failed")


@admin.register(Beat, site=site)
class Beats(Rows):
    list_display = ("name", "at")


@admin.register(ImportRun, site=site)
class ImportRuns(Rows):
    list_display = ("filename", "kind", "started_at", "finished_at", "created", "updated", "unchanged", "refused")


@admin.register(ImportRefusal, site=site)
class ImportRefusals(Rows):
    list_display = ("run", "line", "reason")
    related = ("run",)


@admin.register(Reject, site=site)
class Rejects(Rows):
    list_display = ("source", "at", "position", "reason")
    related = ("source",)
