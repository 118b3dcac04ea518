"""The portfolio: worst first, every account once, five queries, and nobody else's accounts."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.postgres.search import SearchVector
from django.db import connection
from django.urls import reverse

from crm.accounts.models import Account
from retention.pages.listing import Cursor
from tests import factories
from tests.retention.pages.desk import TODAY, judged, many, signed_in

pytestmark = pytest.mark.django_db
QUERIES = 5  # session, person, settings with heartbeat, list, money


@pytest.fixture
def mina() -> Any:
    return factories.user("rep", name="Mina Kwon", team=factories.team("Europe"))


def listed(client: Any, **query: Any) -> Any:
    response = client.get(reverse("portfolio"), query)
    assert response.status_code == 200
    return [row.name for row in response.context["page"].rows]


@pytest.mark.parametrize("rows", [1, 3])
def test_it_takes_five_queries_however_many_accounts(mina, rows, django_assert_num_queries):
    for account in many(mina, [500] * rows):
        factories.subscription(account, 100, renews_on=TODAY + timedelta(days=85))
    client = signed_in(mina)
    with django_assert_num_queries(QUERIES):
        assert len(listed(client)) == rows


def test_worst_first_then_unknown_then_never_judged(mina):
    never = factories.account("Never", owner=mina)
    for name, points in [("Steady", 700), ("Unknown", None), ("Leaving", 12), ("At risk", 460)]:
        judged(factories.account(name, owner=mina), points)
    assert listed(signed_in(mina)) == ["Leaving", "At risk", "Steady", "Unknown", never.name]


def test_a_row_says_how_why_and_what_it_is_worth(mina):
    account = factories.account("Nordwind", owner=mina, next_step="Call Lena", next_step_on=TODAY - timedelta(days=1))
    factories.subscription(account, 1240, renews_on=TODAY + timedelta(days=85))
    judged(account, 460, 590)
    page = signed_in(mina).get(reverse("portfolio")).content.decode()
    row = re.sub(r"<[^>]+>|\s+", " ", page[page.index("<tbody") : page.index("</tbody>")])
    assert re.sub(r"\s+", " ", row).strip() == (
        "Nordwind At risk 46 −13 in 28 days Key features used €1,240 in 85 days Mina Kwon Call Lena 17 Nov"
    )


POINTS = [*[(n * 7) % 1000 for n in range(90)], *[444] * 20, *[None] * 20]


def test_paging_shows_every_account_once_forward_and_back(mina):
    accounts = many(mina, POINTS) + [factories.account(owner=mina) for _ in range(20)]
    assert len(accounts) == 150
    client = signed_in(mina)
    forward: list[list[int]] = []
    after: str | None = ""
    while after is not None:
        response = client.get(reverse("portfolio"), {"after": after} if after else {})
        forward.append([row.pk for row in response.context["page"].rows])
        after = response.context["next"]
    assert [len(page) for page in forward] == [50, 50, 50]
    assert sorted(pk for page in forward for pk in page) == [account.pk for account in accounts]
    backward: list[list[int]] = []
    before: str | None = response.context["previous"]
    while before is not None:
        response = client.get(reverse("portfolio"), {"before": before})
        backward.append([row.pk for row in response.context["page"].rows])
        before = response.context["previous"]
    assert backward == [forward[1], forward[0]]


def test_the_way_back_takes_no_more_queries(mina, django_assert_num_queries):
    many(mina, [500] * 51)
    client = signed_in(mina)
    after = client.get(reverse("portfolio")).context["next"]
    before = client.get(reverse("portfolio"), {"after": after}).context["previous"]
    with django_assert_num_queries(QUERIES):
        assert len(listed(client, before=before)) == 50


@pytest.mark.parametrize(
    ("band", "names"),
    [
        ("leaving", ["L"]),
        ("at_risk", ["R"]),
        ("steady", ["S"]),
        ("thriving", ["T"]),
        ("unknown", ["U", "N"]),
        ("no such band", ["L", "R", "S", "T", "U", "N"]),
    ],
)
def test_bands_narrow_the_list(mina, band, names):
    for name, points in [("L", 399), ("R", 400), ("S", 600), ("T", 800), ("U", None)]:
        judged(factories.account(name, owner=mina), points)
    factories.account("N", owner=mina)
    assert listed(signed_in(mina), band=band) == names


def test_the_chips_count_each_band_in_one_more_request(mina, django_assert_num_queries):
    many(mina, [399, 400, 599, 600, None])
    factories.account(owner=mina)
    client = signed_in(mina)
    with django_assert_num_queries(4):
        response = client.get(reverse("portfolio-bands"))
    assert [chip["count"] for chip in response.context["bands"]] == [6, 1, 2, 1, 0, 2]


def test_owners_and_stages_narrow_the_list(mina):
    colleague = factories.user("rep", team=mina.team)
    factories.account("Mine", owner=mina)
    factories.account("Theirs", owner=colleague)
    factories.account("Pool", pool=mina.team)
    factories.account("Gone", owner=mina, stage="churned")
    client = signed_in(mina)
    assert listed(client) == ["Mine", "Theirs", "Pool"]
    assert listed(client, owner="me") == ["Mine"]
    assert listed(client, owner="team") == ["Mine", "Theirs", "Pool"]
    assert listed(client, owner="nobody") == []
    assert listed(client, owner=str(colleague.pk)) == ["Theirs"]
    assert listed(client, stage="churned") == ["Gone"]
    assert listed(client, stage="all") == ["Mine", "Theirs", "Pool", "Gone"]


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("nord", ["Nordwind Logistics"]),
        ("LOG nor", ["Nordwind Logistics"]),
        ("wind", []),
        ("한빛", ["한빛소프트"]),
        ("acme-7", ["Zeta"]),
        ("acme-77", ["Zeta"]),
        ("o'n", ["O'Neil & Söhne"]),
        ("söh", ["O'Neil & Söhne"]),
        ("🚀", ["🚀 Rocket"]),
        ("%", []),
        ("!!! & |", []),
        ("\\ ' :* \x00", []),
        ("x" * 5000, []),
    ],
)
def test_names_and_ids_are_found_by_how_their_words_begin(mina, q, names):
    for name in ["Nordwind Logistics", "한빛소프트", "O'Neil & Söhne", "🚀 Rocket"]:
        factories.account(name, owner=mina, external_id=name)
    factories.account("Zeta", owner=mina, external_id="acme-77")
    assert listed(signed_in(mina), q=q) == names


def test_search_words_run_along_the_index(mina):
    from retention.pages.listing import named

    rows = named(Account.objects.system("test"), "nord").annotate(
        v=SearchVector("name", "external_id", config="simple")
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = rows.values("pk").explain()
    assert "account_search" in plan
    assert "account_name_prefix" in plan


@pytest.mark.parametrize("role", ["rep", "manager", "read_only"])
def test_other_teams_accounts_are_not_there(mina, role):
    factories.account("Foreign", owner=mina)
    assert listed(signed_in(factories.user(role, team=factories.team("Korea"))), q="Foreign") == []


@pytest.mark.parametrize("role", ["ops_admin", "system_admin"])
def test_admins_see_all(mina, role):
    factories.account("Foreign", owner=mina)
    assert listed(signed_in(factories.user(role))) == ["Foreign"]


def test_merged_accounts_are_not_listed(mina):
    account = factories.account("Stays", owner=mina)
    factories.account("Merged", owner=mina, merged_into=account)
    assert listed(signed_in(mina)) == ["Stays"]


def test_an_empty_installation_says_what_to_do_first(ops):
    page = signed_in(ops).get(reverse("portfolio")).content.decode()
    assert "Three steps to a working score" in page
    assert [name for name in ("imports", "sources", "features") if reverse(name) in page] == [
        "imports",
        "sources",
        "features",
    ]


def test_an_odd_name_is_text(mina):
    name = "<script>alert(1)</script> 🙂 \u05d0\u05d1 " + "n" * 200
    factories.account(name, owner=mina)
    page = signed_in(mina).get(reverse("portfolio")).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 🙂" in page


@pytest.mark.parametrize("text", ["", "0.1", "3.1.1", "0.99999.1", "0.1.1; DROP", "٠.1.1", "-1.1.1"])
def test_a_cursor_from_elsewhere_is_none(text):
    assert Cursor.read(text) is None


def test_people_who_are_not_signed_in_are_asked_to(client):
    assert client.get(reverse("portfolio")).status_code == 302
