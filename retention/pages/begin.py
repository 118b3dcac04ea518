"""The first run in three steps: accounts, usage, three outcomes; then every account has a score with its reasons."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account
from crm.lib.doorbell import ring
from crm.plans.models import Feature
from crm.staff.queries import installation
from crm.staff.views import Request, needs
from crm.usage.models import UsageDay
from retention.scorecards import rules
from retention.scorecards.actions import begin_with
from retention.scorecards.models import ScorecardVersion


class OutcomesForm(forms.Form):
    """What kind of product it is, for whom, and what its customers should get out of it."""

    rhythm = forms.ChoiceField(label=_("How often is your product used?"), widget=forms.RadioSelect)
    size = forms.ChoiceField(label=_("How large are your customers?"), widget=forms.RadioSelect)
    outcomes = forms.MultipleChoiceField(
        label=_("What should a customer get? Choose three."), widget=forms.CheckboxSelectMultiple
    )
    features = forms.ModelMultipleChoiceField(
        Feature.objects.none(),
        label=_("Which features matter most?"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = rules.outcomes("weekly", "small").values()
        choices: dict[str, list[tuple[str, str]]] = {
            "rhythm": [(key, gettext(each.words)) for key, each in rules.RHYTHMS.items()],
            "size": [(key, gettext(words)) for key, (words, _times) in rules.SIZES.items()],
            "outcomes": [
                (
                    each.key,
                    gettext("{words} (needs {what})").format(words=gettext(each.words), what=gettext(each.needs)),
                )
                for each in offered
            ],
        }
        for name, values in choices.items():
            self.fields[name].choices = values  # type: ignore[attr-defined]
        self.fields["features"].queryset = Feature.objects.all()  # type: ignore[attr-defined]
        self.initial = {"rhythm": "weekly", "size": "small", "outcomes": list(rules.CHOSEN), **self.initial}

    def clean_outcomes(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["outcomes"]
        if len(chosen) != 3:
            raise ValidationError(_("Choose three, not %(n)s.") % {"n": len(chosen)})
        return chosen


def steps(request: Request) -> dict[str, bool]:
    """Which of the steps the person's role may take."""
    user = request.user
    return {"import": user.may("import"), "sources": user.may("read_sources"), "configure": user.may("configure")}


def done(request: Request) -> dict[str, bool]:
    """Which steps are behind us."""
    accounts = Account.objects.system("whether there is any yet").exists()
    return {
        "accounts": accounts,
        "usage": accounts and UsageDay.objects.exists(),
        "outcomes": ScorecardVersion.objects.filter(published_by__isnull=False).exists(),
    }


@needs("read")
def begin(request: Request) -> HttpResponse:
    """Where one stands, and the next step; the last one is taken here."""
    may, data = steps(request), request.POST if request.method == "POST" and request.user.may("configure") else None
    form = OutcomesForm(data, initial={"features": Feature.objects.all()[:12]})
    if data is not None and form.is_valid():
        given = form.cleaned_data
        begin_with(
            given["outcomes"],
            rhythm=given["rhythm"],
            size=given["size"],
            features=given["features"],
            at=request.now,
            by=request.user,
        )
        ring("pipeline")
        messages.success(request, _("Published. Within a minute every account has its score, with the reasons."))
        return redirect("portfolio")
    context = {
        "may": may,
        "done": done(request),
        "form": form,
        "is_demo": installation().is_demo,
        "assumes": gettext(rules.OURS),
    }
    return render(request, "retention/begin.html", context)
