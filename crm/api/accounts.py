"""Accounts, their traits, owners and tags."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action

from crm.accounts import actions, rules
from crm.accounts.models import Account, OwnerChange, Stage, TagRename, Trait, TraitDefinition, TraitType
from crm.accounts.queries import current_traits
from crm.api.bodies import AccountField, Body, Day, Id, RowField, Text
from crm.api.errors import Wrong
from crm.api.nouns import Asked, Listed, OfAccount, Readable, Shape, missing
from crm.lib.money import currency_codes
from crm.lib.places import language_codes, zone_names
from crm.segments import rules as filters
from crm.segments.queries import narrowed
from crm.staff.models import Team, User


class AccountShape(Shape):
    parent = serializers.SerializerMethodField(help_text="the account above it; null also where that is not seen")  # type: ignore[assignment]  # a name of the answer
    merged_into = serializers.SerializerMethodField(help_text="the account that took its place")

    class Meta:
        model = Account
        fields = (
            "id", "external_id", "name", "domains", "stage", "segment", "tags", "time_zone", "language", "currency",
            "owner", "pool", "restricted", "parent", "merged_into", "customer_since", "next_step", "next_step_on",
            "created_at",
        )  # fmt: skip

    def get_parent(self, row: Any) -> int | None:
        return self._seen(row.parent_id)

    def get_merged_into(self, row: Any) -> int | None:
        return self._seen(row.merged_into_id)

    def _seen(self, pk: int | None) -> int | None:
        return pk if pk in self._related() else None

    def _related(self) -> set[int]:
        """Which of the accounts that the rows at hand point at are seen; one query for a whole page."""
        known: set[int] | None = self.context.get("related")
        if known is None:
            rows = self.parent.instance if isinstance(self.parent, serializers.ListSerializer) else [self.instance]
            named = {pk for row in rows for pk in (row.parent_id, row.merged_into_id) if pk}  # type: ignore[union-attr]  # rows
            seen = Account.objects.visible_to(self.context["request"].user).filter(pk__in=named)
            known = set(seen.values_list("pk", flat=True)) if named else set()
            self.context["related"] = known  # type: ignore[index]  # a plain dict of ours
        return known


class AccountBody(Body):
    name = Text(max_length=255, required=False)
    domains = serializers.ListField(child=Text(max_length=253), max_length=50, required=False)
    segment = Text(max_length=80, allow_blank=True, required=False)
    tags = serializers.ListField(child=Text(max_length=60), max_length=50, required=False)
    time_zone = Text(max_length=60, required=False, help_text="such as Europe/Berlin")
    language = Text(max_length=10, required=False, help_text="such as en or ko")
    currency = Text(max_length=3, required=False, help_text="such as EUR")
    parent = AccountField(required=False, allow_null=True)  # type: ignore[assignment]  # a name of the answer
    customer_since = Day(required=False, allow_null=True)

    def validate_domains(self, found: list[str]) -> list[str]:
        read = {name: rules.domain(name) for name in found}
        if odd := [name for name, plain in read.items() if plain is None]:
            raise serializers.ValidationError(f"“{odd[0][:60]}” is not a domain. Send it such as acme.example.")
        return list(dict.fromkeys(plain for plain in read.values() if plain))

    def validate_tags(self, found: list[str]) -> list[str]:
        if any("," in tag for tag in found):
            raise serializers.ValidationError("A tag cannot hold a comma.")
        return list(dict.fromkeys(found))

    def validate_time_zone(self, name: str) -> str:
        return _one_of(name, zone_names(), "There is no such time zone.")

    def validate_language(self, code: str) -> str:
        return _one_of(code, language_codes(), "There is no such language.")

    def validate_currency(self, code: str) -> str:
        return _one_of(code, currency_codes(), "There is no such currency.")


def _one_of(value: str, known: Any, words: str) -> str:
    if value not in known:
        raise serializers.ValidationError(words)
    return value


class NewAccountBody(AccountBody):
    external_id = Text(max_length=255)
    name = Text(max_length=255)
    stage = serializers.ChoiceField(choices=Stage.choices, required=False)
    owner = RowField(rows=lambda user: User.objects.all(), required=False, allow_null=True)
    pool = RowField(rows=lambda user: Team.objects.all(), required=False, allow_null=True)
    restricted = serializers.BooleanField(required=False)


class OwnerBody(Body):
    owner = RowField(rows=lambda user: User.objects.all(), required=False, allow_null=True, default=None)
    pool = RowField(rows=lambda user: Team.objects.all(), required=False, allow_null=True, default=None)


class StageBody(Body):
    stage = serializers.ChoiceField(choices=Stage.choices)


class NextStepBody(Body):
    next_step = Text(max_length=200, allow_blank=True)
    next_step_on = Day(required=False, allow_null=True, default=None)


class RestrictionBody(Body):
    restricted = serializers.BooleanField()


class AskedAccounts(Asked):
    filter = serializers.CharField(
        required=False,
        max_length=filters.LONGEST,
        help_text="as in the address of the portfolio, such as renewal.next.90,any(tag.has.vip,mrr.at_least.1000)",
    )
    external_id = Text(required=False, max_length=255)
    stage = serializers.ChoiceField(choices=Stage.choices, required=False)
    owner = Id(required=False, source="owner_id")
    tag = Text(required=False, max_length=60)


class Accounts(Readable):
    """Customer companies. Owner, stage, next step and restriction are changed at addresses of their own."""

    group = "accounts"
    serializer_class = AccountShape
    asked = AskedAccounts
    upserts = frozenset({"upsert"})
    takes = {
        "create": NewAccountBody, "partial_update": AccountBody, "upsert": AccountBody, "owner": OwnerBody,
        "stage": StageBody, "next_step": NextStepBody, "restriction": RestrictionBody,
    }  # fmt: skip

    def rows(self) -> Any:
        return Account.objects.visible_to(self.request.user)

    def narrowed(self, rows: Any, asked: dict[str, Any]) -> Any:
        wanted, tag = asked.pop("filter", ""), asked.pop("tag", "")
        if wanted:
            tree = filters.read(wanted)
            rows = narrowed(rows, tree, day=self.request.now.date(), user=self.request.user)
        return (rows.filter(tags__contains=[tag]) if tag else rows).filter(**asked)

    def create(self, request: Any) -> Any:
        """Add an account. A rep's own new account is the rep's."""
        given = self.given()
        return self.written(lambda: actions.create_account(**given, at=request.now, by=request.user), 201)

    def partial_update(self, request: Any, pk: int) -> Any:
        """Change what is sent and leave the rest."""
        row, given = self.found(pk), self.given(partial=True)
        return self.written(lambda: actions.change_account(row, **given, at=request.now, by=request.user))

    @action(detail=False, url_path="by-external-id/<path:external_id>")
    def by_external_id(self, request: Any, external_id: str) -> Any:
        """One account by the id of your own systems."""
        return self.shown(self.rows().get(external_id=external_id))

    @by_external_id.mapping.put
    def upsert(self, request: Any, external_id: str) -> Any:
        """Add the account of this external id (201), or change what is sent of the one that has it (200)."""
        given = self.given(partial=True)
        row = self.rows().filter(external_id=external_id).first()
        if row is not None:
            return self.written(lambda: actions.change_account(row, **given, at=request.now, by=request.user))
        if "name" not in given:
            raise missing("name")
        given["external_id"] = Text(max_length=255).run_validation(external_id)
        return self.written(lambda: actions.create_account(**given, at=request.now, by=request.user), 201)

    @action(detail=True, methods=["put"], url_path="owner")
    def owner(self, request: Any, pk: int) -> Any:
        """Hand the account to one of us, to a team's pool, or to nobody."""
        return self._set(pk, actions.change_owner)

    @action(detail=True, methods=["put"], url_path="stage")
    def stage(self, request: Any, pk: int) -> Any:
        """Set the lifecycle stage; where there are subscriptions, these keep it true afterwards."""
        return self._set(pk, actions.set_stage)

    @action(detail=True, methods=["put"], url_path="next-step")
    def next_step(self, request: Any, pk: int) -> Any:
        """Pin one line with a date; an empty text takes it off."""
        given = self.given()
        row, text, on = self.found(pk), given["next_step"], given["next_step_on"]
        return self.written(lambda: actions.set_next_step(row, text=text, on=on, at=request.now, by=request.user))

    @action(detail=True, methods=["put"], url_path="restriction")
    def restriction(self, request: Any, pk: int) -> Any:
        """Hide the account from everybody but its owner and the admins, or show it again."""
        return self._set(pk, actions.restrict)

    def _set(self, pk: int, change: Any) -> Any:
        row, given = self.found(pk), self.given()

        def work() -> Any:
            change(row, **given, at=self.request.now, by=self.request.user)
            return Account.objects.system("it was just changed").get(pk=row.pk)

        return self.written(work)


class OwnerChangeShape(Shape):
    class Meta:
        model = OwnerChange
        fields = ("id", "account", "owner", "pool", "from_at")


class OwnerChanges(Listed):
    """Who owned an account from when on; both null: nobody."""

    group = "accounts"
    serializer_class = OwnerChangeShape
    asked = OfAccount

    def rows(self) -> Any:
        return OwnerChange.objects.visible_to(self.request.user)


# --- traits ----------------------------------------------------------------------------------------------------------


class TraitShape(Shape):
    class Meta:
        model = TraitDefinition
        fields = ("id", "key", "label", "type", "unit", "proposed")


class TraitBody(Body):
    label = Text(max_length=120)  # type: ignore[assignment]  # a name of the answer
    type = serializers.ChoiceField(choices=TraitType.choices)
    unit = Text(max_length=40, allow_blank=True, required=False, default="")


class NewTraitBody(TraitBody):
    key = Text(max_length=120)


class Traits(Readable):
    """What else may be known about accounts: definitions with type and unit."""

    group = "accounts"
    serializer_class = TraitShape
    takes = {"create": NewTraitBody, "update": TraitBody}

    def rows(self) -> Any:
        return TraitDefinition.objects.all()

    def create(self, request: Any) -> Any:
        """Define a trait."""
        given = self.given()
        return self.written(lambda: actions.define_trait(**given, at=request.now, by=request.user), 201)

    def update(self, request: Any, pk: int) -> Any:
        """Rename or retype a trait. Values that do not fit the new type no longer count."""
        row, given = self.found(pk), self.given()
        return self.written(lambda: actions.change_trait(row, **given, at=request.now, by=request.user)[0])


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]})
class AnyValue(serializers.Field[Any, Any, Any, Any]):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | int | float):
            raise serializers.ValidationError("Send a text, a number, true or false.")
        return Text(max_length=rules.TEXT_LIMIT).run_validation(data) if isinstance(data, str) else data

    def to_representation(self, value: Any) -> Any:
        return value if isinstance(value, bool) else str(value)


class ValueShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    account = serializers.IntegerField(source="account_id")
    trait = serializers.IntegerField(source="definition_id")
    key = serializers.CharField(source="definition.key")
    value = AnyValue(help_text="true or false for a flag, else a text")
    at = serializers.DateTimeField(help_text="since when it holds")


class ValueBody(Body):
    account = AccountField()
    key = Text(max_length=120)
    value = AnyValue()


class AskedValues(Asked):
    account = Id(help_text="of this account, by its id")


class TraitValues(Listed):
    """The values of an account's traits that hold now."""

    group = "accounts"
    serializer_class = ValueShape
    asked = AskedValues
    takes = {"create": ValueBody}

    def rows(self) -> Any:
        return Trait.objects.visible_to(self.request.user).select_related("definition")

    def narrowed(self, rows: Any, asked: dict[str, Any]) -> Any:
        held = current_traits(at=self.request.now, accounts=[asked["account"]])
        return rows.filter(account=asked["account"], pk__in=[row.pk for row in held])

    def create(self, request: Any) -> Any:
        """Say what a trait of an account is from now on; the same value again changes nothing."""
        given = self.given()
        account, definition = given["account"], TraitDefinition.objects.filter(key=given["key"]).first()
        if definition is None:
            raise Wrong(400, "invalid", "Some values were refused; see fields.", {"key": ["There is no such trait."]})

        def work() -> Any:
            actions.set_trait(account, definition, given["value"], at=request.now, by=request.user)
            return current_traits(definition=definition, at=request.now, accounts=[account.pk]).get()

        return self.written(work, 201)


# --- tags ------------------------------------------------------------------------------------------------------------


class RenameShape(Shape):
    class Meta:
        model = TagRename
        fields = ("id", "old", "new", "at", "undone_at")


class RenameBody(Body):
    old = Text(max_length=60)
    new = Text(max_length=60)

    def validate_new(self, new: str) -> str:
        if "," in new:
            raise serializers.ValidationError("A tag cannot hold a comma.")
        return new


class TagRenames(Readable):
    """Tags renamed on all accounts at once. Tags themselves are set with their account; list accounts by `tag`."""

    group = "accounts"
    serializer_class = RenameShape
    takes = {"create": RenameBody}

    def rows(self) -> Any:
        rows = TagRename.objects.all()
        return rows if self.request.user.may("configure") else rows.none()

    def create(self, request: Any) -> Any:
        """Let every account that is tagged `old` be tagged `new`."""
        given = self.given()
        return self.written(lambda: actions.rename_tag(**given, at=request.now, by=request.user), 201)

    @action(detail=True, methods=["post"], url_path="undo")
    def undo(self, request: Any, pk: int) -> Any:
        """Take a renaming back, within 30 days."""
        row = self.found(pk)
        return self.written(lambda: actions.undo_rename(row, at=request.now, by=request.user))
