"""The people at accounts, and what they agreed to; masked for owners who may not read contact data."""

from typing import Any

from django.core.exceptions import PermissionDenied
from rest_framework import serializers
from rest_framework.decorators import action

from crm.api.bodies import AccountField, Body, Day, Id, RowField, Text
from crm.api.nouns import OfAccount, Readable, Shape, missing
from crm.consents import actions as consents
from crm.consents.models import Consent, Purpose
from crm.contacts import actions, rules
from crm.contacts.models import Contact, ContactRole

MASKS = {"name": rules.masked_name, "email": rules.masked_email, "phone": rules.masked_phone}


class ContactShape(Shape):
    email = serializers.CharField(read_only=True, help_text="empty: none is known")

    class Meta:
        model = Contact
        fields = (
            "id", "account", "external_id", "name", "email", "job_title", "phone", "role", "language", "time_zone",
            "left_on", "erased_at", "created_at",
        )  # fmt: skip

    def to_representation(self, row: Any) -> dict[str, Any]:
        shown = super().to_representation(row)
        if self.context["request"].user.may("read_contact_data"):
            return shown
        # External ids are often addresses.
        return shown | {name: mask(shown[name]) for name, mask in MASKS.items()} | {"external_id": None}


class ContactBody(Body):
    name = Text(max_length=200, required=False)
    email = serializers.EmailField(max_length=254, allow_blank=True, required=False)
    job_title = Text(max_length=120, allow_blank=True, required=False)
    phone = Text(max_length=40, allow_blank=True, required=False)
    role = serializers.ChoiceField(choices=ContactRole.choices, required=False)
    language = Text(max_length=10, allow_blank=True, required=False)
    time_zone = Text(max_length=60, allow_blank=True, required=False)

    def validate_email(self, address: str) -> str:
        return str(Text(max_length=254, allow_blank=True).run_validation(address))


class NewContactBody(ContactBody):
    account = AccountField()
    name = Text(max_length=200)
    external_id = Text(max_length=255, required=False, allow_null=True)


class UpsertContactBody(ContactBody):
    account = AccountField(required=False, help_text="needed to make a new one")


class LeftBody(Body):
    on = Day(allow_null=True)


class AskedContacts(OfAccount):
    email = Text(required=False, max_length=254, source="email__iexact", help_text="with `account`")
    external_id = Text(required=False, max_length=255)

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        # Addresses are unique, and quick to find, at one account.
        if "email__iexact" in asked and "account_id" not in asked:
            raise serializers.ValidationError({"email": ["Send `account` as well."]})
        if not self.context["request"].user.may("read_contact_data") and {"email__iexact", "external_id"} & set(asked):
            raise PermissionDenied
        return asked


class Contacts(Readable):
    """People at accounts whom we may write to."""

    group = "contacts"
    serializer_class = ContactShape
    asked = AskedContacts
    upserts = frozenset({"upsert"})
    takes = {"create": NewContactBody, "partial_update": ContactBody, "upsert": UpsertContactBody, "left": LeftBody}

    def rows(self) -> Any:
        return Contact.objects.visible_to(self.request.user)

    def create(self, request: Any) -> Any:
        """Add a person to an account."""
        given = self.given()
        account = given.pop("account")
        return self.written(lambda: actions.create_contact(account, **given, at=request.now, by=request.user), 201)

    def partial_update(self, request: Any, pk: int) -> Any:
        """Change what is sent and leave the rest."""
        row, given = self.found(pk), self.given(partial=True)
        return self.written(lambda: actions.change_contact(row, **given, at=request.now, by=request.user))

    @action(detail=False, url_path="by-external-id/<path:external_id>")
    def by_external_id(self, request: Any, external_id: str) -> Any:
        """One person by the id of your own systems."""
        if not request.user.may("read_contact_data"):
            raise PermissionDenied
        return self.shown(self.rows().get(external_id=external_id))

    @by_external_id.mapping.put
    def upsert(self, request: Any, external_id: str) -> Any:
        """Add the person of this external id (201), or change what is sent of the one who has it (200)."""
        given = self.given(partial=True)
        account, row = given.pop("account", None), self.rows().filter(external_id=external_id).first()
        if row is not None:
            if account and account.pk != row.account_id:
                raise serializers.ValidationError({"account": ["This person belongs to another account."]})
            return self.written(lambda: actions.change_contact(row, **given, at=request.now, by=request.user))
        if account is None or "name" not in given:
            raise missing(*(name for name in ("account", "name") if name not in given))
        given["external_id"] = Text(max_length=255).run_validation(external_id)
        return self.written(lambda: actions.create_contact(account, **given, at=request.now, by=request.user), 201)

    @action(detail=True, methods=["put"], url_path="left")
    def left(self, request: Any, pk: int) -> Any:
        """Say from which day on the person is no longer there; null takes that back."""
        row, given = self.found(pk), self.given()
        return self.written(lambda: actions.mark_left(row, **given, at=request.now, by=request.user))


# --- consents --------------------------------------------------------------------------------------------------------


class ConsentShape(Shape):
    class Meta:
        model = Consent
        fields = ("id", "contact", "purpose", "given", "on", "source", "wording", "recorded_at")


class ConsentBody(Body):
    contact = RowField(rows=lambda user: Contact.objects.visible_to(user).select_related("account"))
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    given = serializers.BooleanField(help_text="true: a yes with its exact words; false: a no, which withdraws it")
    on = Day()
    source = Text(max_length=200)  # type: ignore[assignment]  # a name of the answer
    wording = Text(max_length=5_000, required=False, allow_blank=True, default="")


class AskedConsents(OfAccount):
    account = Id(required=False, source="contact__account_id")
    contact = Id(required=False, source="contact_id")
    purpose = serializers.ChoiceField(choices=Purpose.choices, required=False)


class Consents(Readable):
    """What people agreed to: rows are added, never changed; the last word on a purpose holds."""

    group = "contacts"
    serializer_class = ConsentShape
    asked = AskedConsents
    takes = {"create": ConsentBody}

    def rows(self) -> Any:
        if not self.request.user.may("read_contact_data"):
            raise PermissionDenied
        return Consent.objects.visible_to(self.request.user)

    def create(self, request: Any) -> Any:
        """Record a yes or a no."""
        given = self.given()
        contact, said_yes = given.pop("contact"), given.pop("given")
        if not said_yes:
            given.pop("wording")
        record = consents.grant_consent if said_yes else consents.withdraw_consent
        return self.written(lambda: record(contact, **given, at=request.now, by=request.user), 201)
