"""One value of an account changed where it stands; every change offers the way back."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.accounts import actions, forms
from crm.accounts.models import Account
from crm.accounts.queries import known_tags
from crm.accounts.views.seeing import address_of, back_to, own_account, shown
from crm.audit.rules import Actor
from crm.lib.fields import refusals
from crm.staff.views import Request, form_page, needs, offer_undo

Values = dict[str, Any]
MEANWHILE = gettext_lazy("It was changed meanwhile, so nothing was undone.")


@dataclass(frozen=True)
class Part:
    """A value with a form of its own. `read` gives the form's fields as they stand, `write` calls the action."""

    title: str | Promise
    submit: str | Promise
    said: str | Promise
    form: Callable[..., Any]
    read: Callable[[Account], Values]
    write: Callable[[Account, Values, datetime, Actor], Account]


def _ordinary(name: str) -> Callable[[Account, Values, datetime, Actor], Account]:
    return lambda account, given, at, by: actions.change_account(account, **{name: given[name]}, at=at, by=by)


def _step(account: Account, given: Values, at: datetime, by: Actor) -> Account:
    return actions.set_next_step(account, text=given["next_step"], on=given["next_step_on"], at=at, by=by)


PARTS = {
    "name": Part(
        gettext_lazy("Name"),
        gettext_lazy("Save the name"),
        gettext_lazy("The name is %(now)s."),
        forms.NameForm,
        lambda account: {"name": account.name},
        _ordinary("name"),
    ),
    "segment": Part(
        gettext_lazy("Segment"),
        gettext_lazy("Save the segment"),
        gettext_lazy("The segment is %(now)s."),
        forms.SegmentForm,
        lambda account: {"segment": account.segment},
        _ordinary("segment"),
    ),
    "tags": Part(
        gettext_lazy("Tags"),
        gettext_lazy("Save the tags"),
        gettext_lazy("The tags are %(now)s."),
        forms.TagsForm,
        lambda account: {"tags": account.tags},
        _ordinary("tags"),
    ),
    "stage": Part(
        gettext_lazy("Stage"),
        gettext_lazy("Set the stage"),
        gettext_lazy("The stage is %(now)s."),
        forms.StageForm,
        lambda account: {"stage": account.stage},
        lambda account, given, at, by: actions.set_stage(account, stage=given["stage"], at=at, by=by),
    ),
    "next-step": Part(
        gettext_lazy("Next step"),
        gettext_lazy("Pin it"),
        gettext_lazy("The next step is %(now)s."),
        forms.NextStepForm,
        lambda account: {"next_step": account.next_step, "next_step_on": account.next_step_on},
        _step,
    ),
}


@needs("write_account")
def change(request: Request, pk: int, part: str) -> HttpResponse:
    """GET: the form, in place or on a page; POST: the change, or with `only_if` its undoing."""
    account, kind = own_account(request, pk), PARTS[part]
    form = kind.form(request.POST or None, initial=kind.read(account), **_more(request, kind))
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            _save(request, account, kind, form.cleaned_data)
            return back_to(request, account)
    words = {"title": kind.title, "submit": kind.submit, "back_url": address_of(account)}
    return form_page(request, form, slot=f"edit-{part}", **words, **shown(request, account))  # type: ignore[arg-type]


def _more(request: Request, kind: Part) -> Values:
    return {"known": known_tags(request.user)} if kind.form is forms.TagsForm else {}


@transaction.atomic
def _save(request: Request, account: Account, kind: Part, given: Values) -> None:
    # Locked before it is compared, so that an undo never takes back what somebody else did meanwhile.
    account = actions.require_write(account, by=request.user)
    before = kind.read(account)
    if request.POST.get("only_if", mark(before)) != mark(before):
        messages.error(request, MEANWHILE)
        return
    after = kind.read(kind.write(account, given, request.now, request.user))
    if after == before:
        messages.info(request, _("No change."))
        return
    now = _shown(account, after)
    said = str(kind.said) % {"now": now} if now else _("Taken off.")
    offer_undo(request, said, request.path, **posted(before), only_if=mark(after))


def _shown(account: Account, values: Values) -> str:
    if "stage" in values:
        return str(dict(forms.StageForm.base_fields["stage"].choices)[values["stage"]])  # type: ignore[attr-defined]
    return str(next(iter(posted(values).values())))


def posted(values: Values) -> dict[str, str]:
    """The values as their form posts them."""
    return {name: _posted(value) for name, value in values.items()}


def _posted(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return value.isoformat() if isinstance(value, date) else str(value or "")


def mark(values: Mapping[str, Any]) -> str:
    """What tells these values from others, short enough to travel in a form."""
    return hashlib.sha256(json.dumps(posted(dict(values))).encode()).hexdigest()[:16]
