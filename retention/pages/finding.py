"""Search from anywhere: accounts and people whose name, id or address begins like what was typed."""

from django.contrib.postgres.search import SearchVector
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import render

from crm.accounts.models import Account
from crm.contacts.models import Contact
from crm.lib.search import beginnings, cleaned
from crm.staff.models import User
from crm.staff.views import Request, needs
from retention.pages.listing import named
from retention.scores.models import Band, ScoreNow

MOST = 20


@needs("read")
def search(request: Request) -> HttpResponse:
    """Two queries beside session, person and settings.

    Who may not read contact data searches accounts only: a list that answers each letter typed would spell out
    the very names that are masked elsewhere.
    """
    q = cleaned(request.GET.get("q", ""))
    people = request.user.may("read_contact_data")
    accounts = found_accounts(request.user, q) if q else []
    contacts = found_contacts(request.user, q) if q and people else []
    context = {
        "q": q,
        "accounts": [{"row": row, "band": Band(row.band or 0).word} for row in accounts[:MOST]],  # type: ignore[attr-defined]
        "contacts": contacts[:MOST],
        "more_accounts": len(accounts) > MOST,
        "more_contacts": len(contacts) > MOST,
        "people": people,
    }
    return render(request, "retention/search.html", context)


def found_accounts(user: User, q: str) -> list[Account]:
    """By name, one more than are shown."""
    score = ScoreNow.objects.system("of accounts that the user sees").filter(account=OuterRef("pk"))
    rows = named(Account.objects.visible_to(user).filter(merged_into=None), q).select_related("owner")
    rows = rows.annotate(points=Subquery(score.values("points")), band=Subquery(score.values("band")))
    return list(rows.order_by(Lower("name"), "pk")[: MOST + 1])


def found_contacts(user: User, q: str) -> list[Contact]:
    """By name, one more than are shown; erased people are nobody."""
    words = SearchVector("name", "email", config="simple")
    rows = Contact.objects.visible_to(user).filter(erased_at=None).alias(words=words).filter(words=beginnings(q))
    return list(rows.select_related("account").order_by(Lower("name"), "pk")[: MOST + 1])
