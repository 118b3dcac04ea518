"""Untrusted input about accounts, made clean."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, Stage, TraitDefinition, TraitType
from crm.accounts.rules import domain
from crm.calendars.models import Calendar
from crm.lib.fields import Day, Suggesting, Text, Words, currency_field, language_field, zone_field
from crm.staff.models import Team, User
from crm.staff.rules import RIGHTS


class OtherAccount(Text):
    """An account named by its external id, among those that the person sees; lists of all accounts have no end."""

    def __init__(self, **more: Any) -> None:
        super().__init__(limit=255, **more)
        self.user: User | None = None

    def clean(self, value: Any) -> Any:
        external_id = super().clean(value)
        if not external_id:
            return None
        assert self.user is not None
        found = Account.objects.visible_to(self.user).filter(external_id=external_id).first()
        if found is None:
            raise ValidationError(_("You see no account with this external id. Copy it from the account's page."))
        return found


class AccountForm(forms.Form):
    name = Text(label=_("Name"), limit=255)
    segment = Text(label=_("Segment"), limit=80, required=False, help_text=_("Such as small, hotels, enterprise."))
    tags = Words(label=_("Tags"), each=60, required=False, help_text=_("Parted by commas."))
    domains = Words(
        label=_("Domains"), each=253, required=False, help_text=_("Such as acme.example; parted by commas.")
    )
    customer_since = Day(label=_("Customer since"), required=False)
    time_zone = zone_field(help_text=_("Response clocks and sending follow it."))
    calendar = forms.ModelChoiceField(
        label=_("Hours and holidays"),
        queryset=Calendar.objects.order_by("name", "pk"),
        required=False,
        help_text=_("By which response clocks run. Empty: the default."),
    )
    language = language_field()
    currency = currency_field()
    parent = OtherAccount(
        label=_("Parent account"), required=False, help_text=_("The external id of the company above this one.")
    )

    def __init__(self, *args: Any, user: User, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["parent"].user = user  # type: ignore[attr-defined]  # OtherAccount above
        # A parent that the person does not see is neither shown nor taken off.
        above = self.initial.get("parent")
        if above and not Account.objects.visible_to(user).filter(external_id=above).exists():
            del self.fields["parent"]

    def clean_domains(self) -> list[str]:
        found: dict[str, None] = {}
        for typed in self.cleaned_data["domains"]:
            if (name := domain(typed)) is None:
                text = _("“%(domain)s” is not a domain. Write it such as acme.example.")
                raise ValidationError(text, params={"domain": typed[:60]})
            found[name] = None
        return list(found)


class NewAccountForm(AccountForm):
    """`anyway`: the person has seen that there is one like it, and means another company."""

    anyway = forms.BooleanField(widget=forms.HiddenInput, required=False)
    external_id = Text(
        label=_("External id"),
        limit=255,
        help_text=_("The id of this customer in your own systems; usage and imports find it by this. It stays."),
    )
    stage = forms.ChoiceField(label=_("Stage"), choices=Stage.choices, initial=Stage.ONBOARDING)
    restricted = forms.BooleanField(
        label=_("Restricted"), required=False, help_text=_("Only the owner and the admins see it.")
    )
    field_order = ("name", "external_id", "stage")

    def __init__(self, *args: Any, user: User, **more: Any) -> None:
        super().__init__(*args, user=user, **more)
        if not user.may("reassign"):
            del self.fields["restricted"]

    def ask_again(self) -> None:
        """Show the box that says it is another company; until it is ticked nothing is added."""
        field = self.fields["anyway"]
        field.widget = forms.CheckboxInput()
        field.label = _("It is another company; add it all the same")
        self.order_fields(["anyway", *self.field_order])
        self.add_error("anyway", _("There is one like it already, see above. Open it, or tick this box."))


def initial(account: Account) -> dict[str, Any]:
    names = ("name", "segment", "tags", "domains", "customer_since", "time_zone", "calendar", "language", "currency")
    parent = account.parent.external_id if account.parent else ""
    return {name: getattr(account, name) for name in names} | {"parent": parent}


class OwnerForm(forms.Form):
    """A rep, a team's pool, or nobody, in one field: `owner` and `pool` in cleaned_data."""

    owner = forms.ChoiceField(label=_("Owner"), required=False)

    def __init__(self, *args: Any, user: User, **more: Any) -> None:
        super().__init__(*args, **more)
        people = User.objects.filter(is_active=True, role__in=RIGHTS["write_account"])
        teams = Team.objects.all()
        if not user.may("configure"):
            people = people.filter(Q(team=user.team_id) if user.team_id else Q(pk=user.pk))
            teams = teams.filter(pk=user.team_id) if user.team_id else teams.none()
        if not user.may("reassign"):  # a rep may only claim
            people, teams = people.filter(pk=user.pk), teams.none()
        self.found: dict[str, User | Team] = {f"user-{row.pk}": row for row in people.order_by("name", "pk")}
        self.found |= {f"team-{row.pk}": row for row in teams.order_by("name")}
        reps = [(key, row.name) for key, row in self.found.items() if isinstance(row, User)]
        pools = [(key, row.name) for key, row in self.found.items() if isinstance(row, Team)]
        choices: list[Any] = [(_("People"), reps), (_("Teams that share it until one claims it"), pools)]
        nobody = [("", _("Nobody"))] if user.may("configure") else []
        field = self.fields["owner"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = nobody + [group for group in choices if group[1]]
        field.required = not nobody

    @property
    def chosen(self) -> dict[str, Any]:
        row = self.found.get(self.cleaned_data["owner"])
        return {"owner": row if isinstance(row, User) else None, "pool": row if isinstance(row, Team) else None}


class NextStepForm(forms.Form):
    next_step = Text(label=_("Next step"), limit=200, required=False, help_text=_("One line. Empty takes it off."))
    next_step_on = Day(label=_("By"), required=False)


class NameForm(forms.Form):
    name = Text(label=_("Name"), limit=255)


class SegmentForm(forms.Form):
    segment = Text(
        label=_("Segment"),
        limit=80,
        required=False,
        help_text=_("Empty takes it off."),
    )


class TagsForm(forms.Form):
    """The tags it has, each to be kept or not, and more by name; `tags` is the list that comes of it."""

    keep = forms.MultipleChoiceField(label=_("Tags"), required=False, widget=forms.CheckboxSelectMultiple)
    tags = Words(label=_("More tags"), each=60, required=False, help_text=_("Parted by commas."))

    def __init__(self, data: Any = None, *, initial: dict[str, Any], known: Sequence[str] = ()) -> None:
        super().__init__(data, initial={"keep": initial["tags"]})
        keep, add = self.fields["keep"], self.fields["tags"]
        assert isinstance(keep, forms.MultipleChoiceField)
        keep.choices = [(tag, tag) for tag in initial["tags"]]
        add.widget = Suggesting([tag for tag in known if tag not in initial["tags"]])
        if not initial["tags"]:
            keep.widget = forms.MultipleHiddenInput()

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        return given | {"tags": list(dict.fromkeys([*given.get("keep", ()), *given.get("tags", ())]))}


class RenameTagForm(forms.Form):
    old = Text(label=_("Tag"), limit=60)
    new = Text(label=_("New name"), limit=60, help_text=_("If there is such a tag already, the two become one."))

    def clean_new(self) -> str:
        new: str = self.cleaned_data["new"]
        if "," in new:
            raise ValidationError(_("A comma parts tags, so a tag cannot hold one."))
        return new


class StageForm(forms.Form):
    stage = forms.ChoiceField(label=_("Stage"), choices=Stage.choices)


class MergeForm(forms.Form):
    into = OtherAccount(label=_("Merge into"), help_text=_("The external id of the account that takes its place."))

    def __init__(self, *args: Any, user: User, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["into"].user = user  # type: ignore[attr-defined]  # OtherAccount above


class TraitForm(forms.Form):
    """One trait of an account: which, and its new value as people write it."""

    trait = forms.ModelChoiceField(
        label=_("Trait"), queryset=TraitDefinition.objects.order_by("label", "pk"), empty_label=_("Choose one")
    )
    value = Text(label=_("Value"), limit=1000)


class TraitDefinitionForm(forms.Form):
    label = Text(label=_("Label"), limit=120)
    type = forms.ChoiceField(label=_("Type"), choices=TraitType.choices)
    unit = Text(label=_("Unit"), limit=40, required=False, help_text=_("Such as rooms, litres, people."))


class NewTraitDefinitionForm(TraitDefinitionForm):
    key = Text(label=_("Key"), limit=120, help_text=_("The name that group calls and imports use. It stays."))
    field_order = ("label", "key")
