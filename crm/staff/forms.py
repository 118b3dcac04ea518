"""Untrusted input about our own people and the installation, made clean."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import Day, Text, currency_field, language_field, zone_field
from crm.lib.formats import place_choices
from crm.staff.models import Installation, Team, User
from crm.staff.rules import RIGHTS

# Django's class takes its parameter only from the type checker.
if TYPE_CHECKING:
    AnyForm = forms.ModelForm[Any]
else:
    AnyForm = forms.ModelForm


class UserForm(AnyForm):
    """One of us. A password is required for somebody new; later an empty one leaves it as it is."""

    email = Text(label=_("Email address"), limit=254, widget=forms.EmailInput)
    name = Text(label=_("Name"), limit=120)
    job_title = Text(label=_("Job title"), limit=120, required=False)
    phone = Text(label=_("Phone"), limit=40, required=False)
    language = language_field()
    time_zone = zone_field()
    new_password = forms.CharField(
        label=_("New password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least ten characters. Empty: it stays as it is."),
    )

    class Meta:
        model = User
        fields = ("email", "name", "role", "team", "job_title", "phone", "language", "time_zone", "is_active")

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        if not password and self.instance.pk is None:
            raise forms.ValidationError(_("Give a first password; the person can change it."))
        if password:
            validate_password(password, self.instance)
        return password


class InItsLanguage(forms.Select):
    """A choice of languages, each read out in itself."""

    def create_option(self, name: str, value: Any, *args: Any, **more: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **more)
        option["attrs"]["lang"] = str(value)
        return option


class PreferencesForm(AnyForm):
    """How the pages look and read to one person."""

    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES, widget=InItsLanguage)
    time_zone = zone_field()
    place = forms.ChoiceField(
        label=_("Numbers and money as in"),
        required=False,
        choices=lambda: [("", str(_("As the language"))), *place_choices(get_language() or "en")],
        help_text=_("Months and weekdays stay in the language of the pages."),
    )

    class Meta:
        model = User
        fields = ("language", "time_zone", "place", "dates", "theme", "density")
        labels = {"dates": _("Dates"), "theme": _("Appearance"), "density": _("Rows")}
        widgets = dict.fromkeys(("dates", "theme", "density"), forms.RadioSelect)


class TeamForm(AnyForm):
    name = Text(label=_("Name"), limit=100)

    class Meta:
        model = Team
        fields = ("name",)


class InstallationForm(AnyForm):
    company_name = Text(label=_("Our company's name"), limit=120)
    product_name = Text(label=_("Our product's name"), limit=120)
    currency = currency_field()
    paid_through = Day(
        label=_("Subscriptions known through"),
        required=False,
        help_text=_("The last day for which the subscription data are complete. Empty: they are current."),
    )

    pulse_days = forms.IntegerField(
        label=_("Days that a pulse counts"),
        min_value=1,
        max_value=366,
        help_text=_("After so many days, how somebody found an account no longer says anything. 90 is usual."),
    )

    class Meta:
        model = Installation
        fields = ("company_name", "product_name", "visibility", "currency", "paid_through", "pulse_days", "sending")

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["currency"].help_text = _("The currency that MRR is reported in. Other ones need exchange rates.")


class CoverForm(forms.Form):
    """Who is away, a person or a team's pool in one field, and who stands in; among those the arranger may name."""

    away = forms.ChoiceField(label=_("Who is away"))
    covering = forms.ModelChoiceField(
        label=_("Who stands in"), queryset=User.objects.none(), empty_label=_("Choose one")
    )
    from_on = Day(label=_("First day"))
    until_on = Day(label=_("Back on"), help_text=_("On this day it has ended."))
    restricted = forms.BooleanField(
        label=_("Restricted accounts too"),
        required=False,
        help_text=_("Otherwise they stay with their owner and the admins alone."),
    )

    def __init__(self, *args: Any, user: User, **more: Any) -> None:
        super().__init__(*args, **more)
        people = User.objects.filter(is_active=True, role__in=RIGHTS["write_account"]).order_by("name", "pk")
        if not user.may("configure"):
            people = people.filter(team=user.team_id)
        leads = user.may("reassign")
        away = people if leads else people.filter(pk=user.pk)
        teams = Team.objects.order_by("name") if leads else Team.objects.none()
        if leads and not user.may("configure"):
            teams = teams.filter(pk=user.team_id or 0)
        self.found: dict[str, User | Team] = {f"user-{row.pk}": row for row in away}
        self.found |= {f"team-{row.pk}": row for row in teams}
        names = [(key, row.name if isinstance(row, User) else pool_words(row)) for key, row in self.found.items()]
        self.fields["away"].choices = names  # type: ignore[attr-defined]  # the ChoiceField above
        self.fields["covering"].queryset = people  # type: ignore[attr-defined]  # the ModelChoiceField above

    @property
    def chosen(self) -> dict[str, Any]:
        """The arguments of `arrange_cover`."""
        given = {**self.cleaned_data}
        row = self.found[given.pop("away")]
        return given | {
            "covered": row if isinstance(row, User) else None,
            "pool": row if isinstance(row, Team) else None,
        }


def pool_words(team: Team) -> str:
    return gettext("pool of %(team)s") % {"team": team.name}
