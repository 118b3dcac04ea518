"""The account book in the admin: each class names the actions that write its rows."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crm.accounts import actions as accounts
from crm.accounts.models import Account, TraitDefinition
from crm.admin.door import AnyForm, Writable, site
from crm.contacts import actions as contacts
from crm.contacts.models import Contact
from crm.lib.fields import Text, Words, currency_field, language_field, zone_field
from crm.plans import actions as plans
from crm.plans.models import Feature, Plan
from crm.staff.models import User
from crm.subscriptions import actions as subscriptions
from crm.subscriptions.models import ExchangeRate


class AccountForm(AnyForm):
    name = Text(label=_("Name"), limit=255)
    segment = Text(label=_("Segment"), limit=80, required=False)
    tags = Words(label=_("Tags"), each=60, required=False)
    domains = Words(label=_("Domains"), each=253, required=False)
    time_zone = zone_field()
    language = language_field()
    currency = currency_field()


@admin.register(Account, site=site)
class Accounts(Writable):
    """Owner, stage, restriction and next step are named actions of the product's own pages."""

    form = AccountForm
    fields = (
        "external_id", "name", "domains", "segment", "tags", "time_zone", "language", "currency", "customer_since",
        "parent", "restricted", "owner", "pool", "stage", "next_step", "next_step_on", "merged_into", "created_at",
    )  # fmt: skip
    readonly_fields = (
        "restricted", "owner", "pool", "stage", "next_step", "next_step_on", "merged_into", "created_at",
    )  # fmt: skip
    once = ("external_id",)
    list_display = ("name", "external_id", "stage", "owner", "pool", "customer_since")
    list_filter = ("stage",)
    search_fields = ("name__istartswith", "external_id__startswith")
    autocomplete_fields = ("parent",)
    related = ("owner", "pool")
    verb = "write_account"

    def write(self, row: Account | None, values: dict[str, Any], *, at: datetime, by: User) -> Account:
        if row is None:
            return accounts.create_account(**values, at=at, by=by)
        return accounts.change_account(row, **values, at=at, by=by)


class ContactForm(AnyForm):
    name = Text(label=_("Name"), limit=200)
    job_title = Text(label=_("Job title"), limit=120, required=False)
    phone = Text(label=_("Phone"), limit=40, required=False)
    language = language_field(required=False)
    time_zone = zone_field(required=False)


@admin.register(Contact, site=site)
class Contacts(Writable):
    form = ContactForm
    fields = (
        "account",
        "name",
        "email",
        "job_title",
        "phone",
        "role",
        "language",
        "time_zone",
        "left_on",
        "created_at",
    )
    readonly_fields = ("left_on", "created_at")
    once = ("account",)
    list_display = ("name", "email", "role", "account", "left_on")
    list_filter = ("role",)
    search_fields = ("name__istartswith", "email__istartswith")
    autocomplete_fields = ("account",)
    related = ("account",)
    verb = "write_account"

    def write(self, row: Contact | None, values: dict[str, Any], *, at: datetime, by: User) -> Contact:
        if row is None:
            return contacts.create_contact(values.pop("account"), **values, at=at, by=by)
        return contacts.change_contact(row, **values, at=at, by=by)


class FeatureForm(AnyForm):
    name = Text(label=_("Name"), limit=120)
    unit = Text(label=_("Unit"), limit=40, required=False)


@admin.register(Feature, site=site)
class Features(Writable):
    form = FeatureForm
    fields = ("key", "name", "is_key", "counts_amount", "unit", "threshold")
    once = ("key",)
    list_display = ("name", "key", "is_key", "threshold", "unit")
    ordering = ("name", "pk")

    def write(self, row: Feature | None, values: dict[str, Any], *, at: datetime, by: User) -> Feature:
        if row is None:
            return plans.create_feature(**values, at=at, by=by)
        return plans.change_feature(row, **values, at=at, by=by)


class PlanForm(AnyForm):
    name = Text(label=_("Name"), limit=120)


@admin.register(Plan, site=site)
class Plans(Writable):
    form = PlanForm
    fields = ("external_id", "name", "includes_everything", "features")
    once = ("external_id",)
    list_display = ("name", "external_id", "includes_everything")
    ordering = ("name", "pk")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **more: Any) -> Any:
        more["widget"] = forms.CheckboxSelectMultiple()
        return super().formfield_for_manytomany(db_field, request, **more)

    def write(self, row: Plan | None, values: dict[str, Any], *, at: datetime, by: User) -> Plan:
        if row is None:
            return plans.create_plan(**values, at=at, by=by)
        return plans.change_plan(row, **values, at=at, by=by)


class TraitForm(AnyForm):
    label = Text(label=_("Label"), limit=120)
    unit = Text(label=_("Unit"), limit=40, required=False)


@admin.register(TraitDefinition, site=site)
class TraitDefinitions(Writable):
    form = TraitForm
    fields = ("key", "label", "type", "unit", "proposed")
    readonly_fields = ("proposed",)
    once = ("key",)
    list_display = ("label", "key", "type", "unit", "proposed")
    ordering = ("label", "pk")

    def write(self, row: TraitDefinition | None, values: dict[str, Any], *, at: datetime, by: User) -> TraitDefinition:
        if row is None:
            return accounts.define_trait(**values, at=at, by=by)
        return accounts.change_trait(row, **values, at=at, by=by)[0]


class RateForm(AnyForm):
    currency = currency_field()


@admin.register(ExchangeRate, site=site)
class ExchangeRates(Writable):
    """Dated and added to, never edited: past MRR stands on them."""

    form = RateForm
    list_display = ("currency", "day", "rate")
    list_filter = ("currency",)
    ordering = ("-day", "currency")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def write(self, row: ExchangeRate | None, values: dict[str, Any], *, at: datetime, by: User) -> ExchangeRate:
        return subscriptions.set_rate(**values, at=at, by=by)
