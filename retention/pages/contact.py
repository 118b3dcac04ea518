"""One person at a customer: who it is, what we may send, what went to and fro. Constant queries, whatever there is."""

from datetime import datetime
from typing import Any

from django.db.models import Max, OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from crm.accounts.actions import may_write
from crm.attention.queries import budget_of
from crm.consents.queries import standings
from crm.contacts.models import Contact
from crm.contacts.queries import standing_merge
from crm.contacts.views import line
from crm.lib.places import language_choices, zone_choices
from crm.outbox.models import OutboundMail
from crm.outbox.queries import refused_scopes
from crm.people.models import Person
from crm.staff.views import Request, needs
from crm.templatetags.ui import ago
from crm.templatetags.ui import day as day_words
from feedback.answers.models import Answer
from retention.follow_ups.models import FollowUp

LATEST = 8
# What a person refused by a link, as the words of this page.
REFUSED = {
    "everything": gettext_lazy("This address gets no mail from us any more: it unsubscribed, bounced or complained."),
    "survey": gettext_lazy("Unsubscribed from surveys."),
    "advertising": gettext_lazy("Unsubscribed from offers and news."),
    "unattended": gettext_lazy("Unsubscribed from automatic mail."),
}


def seen_contact(request: Request, pk: int) -> Contact:
    """The contact, if the person sees the account; else 404, and so for whoever was erased."""
    people = Person.objects.filter(contact=OuterRef("pk")).order_by().values("contact")
    rows = Contact.objects.visible_to(request.user).select_related("account__owner", "account__pool")
    seen = Subquery(people.annotate(at=Max("last_seen_at")).values("at"))
    contact: Contact = get_object_or_404(rows.annotate(seen_at=seen), pk=pk, erased_at=None)
    return contact


@needs("read")
def contact(request: Request, pk: int) -> HttpResponse:
    row = seen_contact(request, pk)
    plain = request.user.may("read_contact_data")
    mine = line(row, request.user)
    context = {
        "contact": row,
        "account": row.account,
        "account_url": reverse("account", args=[row.account_id]),
        "erase_url": reverse("contact-erase", args=[row.pk]) if request.user.may("erase") else "",
        "may_write": may_write(row.account, by=request.user),
        "name": mine.name,
        "merge": standing_merge(row) if row.merged_into_id else None,
        "facts": facts(row, request),
        "details": details(row, mine.email, mine.phone),
        "consents": standings(row),
        "plain": plain,
        **(_written(row, request) if plain else {}),
    }
    return render(request, "retention/contact.html", context)


def facts(row: Contact, request: Request) -> list[str]:
    seen_at: datetime | None = row.seen_at  # type: ignore[attr-defined]  # annotated by seen_contact
    words = [row.job_title] if row.job_title else []
    words.append(str(row.get_role_display()))
    if row.left_on:
        words.append(_("left %(day)s") % {"day": day_words(row.left_on, request.now)})
    elif seen_at:
        words.append(_("last seen in the product %(when)s") % {"when": ago(seen_at, request.now)})
    else:
        words.append(_("never seen in the product"))
    return words


def details(row: Contact, email: str, phone: str) -> list[tuple[str, str, str]]:
    """(term, value, remark) of what is known; the account's language and zone stand in where the person has none."""
    language, zone = row.language or row.account.language, row.time_zone or row.account.time_zone
    inherited = _("as the account")
    return [
        (_("Email"), email, ""),
        (_("Phone"), phone, ""),
        (_("Role"), str(row.get_role_display()), ""),
        (
            _("Language"),
            dict(language_choices(get_language() or "en")).get(language, language),
            "" if row.language else inherited,
        ),
        (_("Time zone"), dict(zone_choices()).get(zone, zone), "" if row.time_zone else inherited),
    ]


def _written(row: Contact, request: Request) -> dict[str, Any]:
    """What went to and fro: the newest mails, the drafts that wait, the answers; and what may still be asked."""
    why = "of a person whose account is seen"
    mails = OutboundMail.objects.system(why).filter(account=row.account_id, contact=row).order_by("-pk")
    drafts = FollowUp.objects.system(why).drafts().filter(account=row.account_id, contact=row)
    answers = Answer.objects.system(why).filter(account=row.account_id, contact=row, set_aside="")
    refused = refused_scopes(row.email) if row.email else set()
    return {
        "mails": list(mails[:LATEST]),
        "drafts": list(drafts.order_by("occurrence_on", "pk")[:LATEST]),
        "answers": list(answers.order_by("-answered_at", "-pk")[:LATEST]),
        "budget": "" if row.left_on else budget_of(row, at=request.now).sentence,
        "refused": [words for scope, words in REFUSED.items() if scope in refused],
    }
