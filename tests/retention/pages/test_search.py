"""Search: accounts and people by how their words begin, for whoever may see them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.accounts.models import Account
from crm.audit.rules import System
from crm.contacts.models import Contact
from crm.conversations.actions import receive
from tests import factories
from tests.factories import NOW
from tests.retention.pages.desk import judged, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def mina() -> Any:
    return factories.user("rep", name="Mina Kwon", team=factories.team("Europe"))


def found(client: Any, q: Any) -> Any:
    context = client.get(reverse("search"), {"q": q}).context
    return [each.name for each in context["accounts"]], [each.name for each in context["contacts"]]


@pytest.mark.parametrize("rows", [1, 3])
def test_it_takes_three_queries_however_much_is_found(mina, rows, django_assert_num_queries):
    for n in range(rows):
        judged(account := factories.account(f"Nordwind {n}", owner=mina), 460)
        factories.contact(account, name=f"Nora {n}")
    client = signed_in(mina)
    with django_assert_num_queries(3):
        assert [len(rows_) for rows_ in found(client, "no")] == [rows, rows]


@pytest.mark.parametrize(
    ("q", "accounts", "people"),
    [
        ("nordw", ["Nordwind"], []),
        ("len", [], ["Lena Vogt"]),
        ("lena@nord", [], ["Lena Vogt"]),
        ("lena@nordwind.example", [], ["Lena Vogt"]),
        ("nord", ["Nordwind"], []),
        ("김도", [], ["김도윤"]),
        ("ordwind", [], []),
        ("", [], []),
    ],
)
def test_words_are_found_by_their_beginning(mina, q, accounts, people):
    account = factories.account("Nordwind", owner=mina)
    factories.contact(account, name="Lena Vogt", email="lena@nordwind.example")
    factories.contact(account, name="김도윤", email="")
    factories.contact(account, name="Nordwin, erased", erased_at="2026-01-01T00:00:00Z")
    assert found(signed_in(mina), q) == (accounts, people)


@pytest.mark.parametrize(
    "q", ["'", "\\", ":*", "a'b:*|!c", "<script>", "\x00", "\u202e", "🙂", "x" * 3000, "' OR 1=1 --"]
)
def test_odd_input_finds_nothing_and_breaks_nothing(mina, q):
    factories.account("Nordwind", owner=mina)
    response = signed_in(mina).get(reverse("search"), {"q": q})
    assert response.status_code == 200
    assert "<script>" not in response.content.decode().replace("<script src", "")


def test_other_teams_are_not_found(mina):
    account = factories.account("Nordwind", owner=mina)
    factories.contact(account, name="Lena Vogt")
    stranger = signed_in(factories.user("rep", team=factories.team("Korea")))
    assert found(stranger, "nordwind") == ([], [])
    assert found(stranger, "lena") == ([], [])


def test_who_may_not_read_contact_data_cannot_spell_names_out(mina):
    account = factories.account("Nordwind", owner=mina)
    factories.contact(account, name="Lena Vogt", email="lena@nordwind.example")
    reader = signed_in(factories.user("read_only", team=mina.team))
    assert found(reader, "nordwind") == (["Nordwind"], [])
    assert found(reader, "lena") == ([], [])
    assert "only accounts are searched" in reader.get(reverse("search"), {"q": "lena"}).content.decode()


def test_twenty_are_shown_and_more_are_told(mina):
    for n in range(21):
        factories.account(f"Nordwind {n:02}", owner=mina)
    response = signed_in(mina).get(reverse("search"), {"q": "nordwind"})
    assert [each.name for each in response.context["accounts"]] == [f"Nordwind {n:02}" for n in range(20)]
    assert f"{reverse('portfolio')}?q=nordwind" in response.content.decode()


def test_people_of_a_merged_account_are_found_under_the_one_that_stayed(mina):
    stays = factories.account("Stays", owner=mina)
    factories.contact(factories.account("Merged", owner=mina, merged_into=stays), name="Lena Vogt")
    context = signed_in(mina).get(reverse("search"), {"q": "lena"}).context
    assert [(person.name, person.account_id, person.owner) for person in context["contacts"]] == [
        ("Lena Vogt", stays.pk, "Stays")
    ]


def test_among_many_rows_the_search_runs_along_the_indexes(ops):
    Account.objects.bulk_create(
        Account(external_id=f"a{n}", name=f"{n:x}{n} Company", created_at=factories.NOW) for n in range(3000)
    )
    first = Account.objects.system("test").earliest("pk").pk
    Contact.objects.bulk_create(
        Contact(account_id=first + n, name=f"{n:x}{n} Person", email=f"p{n}@a.example", created_at=factories.NOW)
        for n in range(3000)
    )
    client = signed_in(ops)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crm_account, crm_contact")
        # As autovacuum would: until then each search reads all that waits to be put into the index.
        cursor.execute("SELECT gin_clean_pending_list('account_search'), gin_clean_pending_list('contact_search')")
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse("search"), {"q": "7d0"})
        (text,) = [query["sql"] for query in asked.captured_queries if "finding.sql" in query["sql"]]
        cursor.execute(f"EXPLAIN {text}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "account_search" in plan and "contact_search" in plan
    # Which of the two is a matter of the database's collation: only the first knows beginnings under any.
    assert "account_name_prefix" in plan or "account_by_name" in plan


def commands(client: Client, q: str) -> list[str]:
    return [command.words for command in client.get("/search/palette/", {"q": q}).context["commands"]]


def test_the_palette_offers_places_and_what_the_role_may_do(as_user, rep, ops) -> None:
    factories.subscription(factories.account())
    assert commands(as_user(rep), "") == [
        "Today", "Accounts", "Renewals", "New account", "Appearance: light", "Appearance: dark",
        "Appearance: as the device", "Rows: regular", "Rows: tighter", "English", "한국어", "Log out",
    ]  # fmt: skip
    assert commands(as_user(rep), "new") == ["Renewals", "New account"]
    assert commands(as_user(ops), "NEW sur") == ["New survey"]
    assert commands(as_user(rep), "scorecards") == ["Scorecards"]  # settings come once something is typed
    assert commands(as_user(rep), "pipeline") == []


def test_the_palette_and_the_page_find_the_same_and_both_do_without_a_script(as_user, rep) -> None:
    factories.account("Fjord Energi", owner=rep)
    client = as_user(rep)
    piece = client.get("/search/palette/", {"q": "fjord"}).content.decode()
    assert "<html" not in piece
    assert (piece.count("Fjord Energi"), 'data-found="fjord"' in piece) == (1, True)
    page = client.get("/search/", {"q": "dark"}).content.decode()
    assert re.search(r'action="/settings/you/set/">.*?name="theme" value="dark".*?Appearance: dark', page, re.DOTALL)


def test_the_palette_speaks_the_language_of_whoever_asks(as_user, rep) -> None:
    """Commands are worked out once for each role and language."""
    assert commands(as_user(rep), "new acc") == ["New account"]
    rep.language = "ko"
    rep.save()
    assert commands(as_user(rep), "새 고객사") == ["새 고객사"]
    assert commands(as_user(factories.user("read_only", language="ko")), "새 고객사") == []
    assert commands(as_user(factories.user("rep")), "new acc") == ["New account"]


def test_a_conversation_is_found_by_its_subject_by_whoever_sees_the_account(mina):
    """The newest first; three letters at least, and not in the palette, which asks at each letter."""
    account = factories.account("Nordwind", owner=mina)
    for n, subject in enumerate(["Export stops", "Exports by mail"]):
        receive(
            account, channel="ticket", text="Look.", subject=subject, said_at=NOW - timedelta(2 - n), at=NOW, by=mina
        )
    receive(factories.account("Far away"), channel="ticket", text="Look.", subject="Export", at=NOW, by=System("test"))
    client = signed_in(mina)

    def subjects(q: str) -> list[str]:
        return [each.name for each in client.get(reverse("search"), {"q": q}).context["talks"]]

    assert subjects("export") == ["Exports by mail", "Export stops"]
    assert [subjects("stops"), subjects("ex"), subjects("look")] == [["Export stops"], [], []]
    assert client.get(reverse("palette"), {"q": "export"}).context["talks"] == []
    factories.installation(visibility="all")
    reader = signed_in(factories.user("read_only"))
    assert reader.get(reverse("search"), {"q": "export"}).context["talks"] == []


def test_of_many_conversations_the_newest_are_found_however_old_they_are(mina, monkeypatch):
    """Week by week: 30 in as many weeks, one of two years ago, and words that only the parser takes apart."""
    account = factories.account("Nordwind", owner=mina)
    said = [(f"Export {n:02}", 7 * n) for n in range(30)] + [("E-mail of o'brien: \\path export", 730)]
    for subject, days in said:
        row = receive(account, channel="ticket", text="Look.", subject=subject, at=NOW, by=mina)
        row.last_at = NOW - timedelta(days)
        row.save()
    client = signed_in(mina)

    def subjects(q: str) -> list[str]:
        return [each.name for each in client.get(reverse("search"), {"q": q}).context["talks"]]

    assert subjects("export") == [subject for subject, _days in said[:20]]
    assert [subjects(q) for q in ("path", "e-mail", "mail", "o'brien", "export path")] == [[said[-1][0]]] * 5
    assert [subjects(q) for q in ("2968/export", "296", "🙂🙂🙂")] == [[], [], []]
    page = client.get(reverse("search"), {"q": "export"}).content.decode()
    assert "These are the newest; type more of the subject to find others." in page


def test_who_sees_few_of_many_is_told_that_older_ones_were_not_looked_at(mina, monkeypatch):
    """A cap of 2: of the newest three one is one's own; of those of the weeks before nothing is said but that."""
    theirs, own = factories.account("Far away"), factories.account("Nordwind", owner=mina)
    for n, account in enumerate([theirs, own, theirs, own]):
        row = receive(account, channel="ticket", text="Look.", subject=f"Export {n}", at=NOW, by=System("test"))
        row.last_at = NOW - timedelta(n // 3 * 30, minutes=n)
        row.save()
    client = signed_in(mina)
    assert [each.name for each in client.get("/search/", {"q": "export"}).context["talks"]] == ["Export 1", "Export 3"]
    monkeypatch.setattr("retention.pages.finding.MANY", 2)
    response = client.get("/search/", {"q": "export"})
    assert [each.name for each in response.context["talks"]] == ["Export 1"]
    assert "These are the newest; type more of the subject to find others." in response.content.decode()
