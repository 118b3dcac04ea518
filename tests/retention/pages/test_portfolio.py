"""The portfolio: worst first, every account once, five queries, and nobody else's accounts."""

import base64
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from crm.segments.actions import keep_view
from crm.segments.models import AccountFigures
from retention.pages import listing
from retention.pages.listing import Cursor
from retention.pages.wanted import SORTS, WORST_FIRST, Wanted
from retention.pulses.actions import record_pulse
from retention.scores.models import ScoreNow
from tests import factories
from tests.retention.pages.desk import NOW, TODAY, judged, many, signed_in

pytestmark = pytest.mark.django_db
QUERIES = 4  # session, person with the ground, lists with saved views, the rows with their money


@pytest.fixture
def mina() -> Any:
    return factories.user("rep", name="Mina Kwon", team=factories.team("Europe"))


def listed(client: Any, **query: Any) -> Any:
    response = client.get(reverse("portfolio"), query)
    assert response.status_code == 200
    return [row.name for row in response.context["page"].rows]


@pytest.mark.parametrize("rows", [1, 3])
def test_it_takes_four_queries_however_many_accounts(mina, rows, django_assert_num_queries):
    for account in many(mina, [500] * rows):
        factories.subscription(account, 100, renews_on=TODAY + timedelta(days=85))
    client = signed_in(mina)
    with django_assert_num_queries(QUERIES):
        assert len(listed(client)) == rows


def test_worst_first_then_unknown(mina):
    never = factories.account("Never", owner=mina)
    for name, points in [("Steady", 700), ("Unknown", None), ("Leaving", 12), ("At risk", 460)]:
        judged(factories.account(name, owner=mina), points)
    assert listed(signed_in(mina)) == ["Leaving", "At risk", "Steady", never.name, "Unknown"]


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
    with django_assert_num_queries(3):
        response = client.get(reverse("portfolio-bands"))
    assert [chip["count"] for chip in response.context["bands"]] == [6, 1, 2, 1, 0, 2]


def test_the_list_is_counted_only_for_whoever_may_change_all_of_it(mina):
    many(mina, [399])
    assert "hx-swap-oob" in signed_in(mina).get("/accounts/bands/").content.decode()
    assert "hx-swap-oob" not in signed_in(mina).get("/accounts/bands/?q=nobody").content.decode()
    reader = factories.user("read_only", team=mina.team)
    assert "hx-swap-oob" not in signed_in(reader).get("/accounts/bands/").content.decode()


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
    assert "Three steps lead to a score for each" in page
    assert reverse("begin") in page


def test_an_odd_name_is_text(mina):
    name = "<script>alert(1)</script> 🙂 \u05d0\u05d1 " + "n" * 200
    factories.account(name, owner=mina)
    page = signed_in(mina).get(reverse("portfolio")).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 🙂" in page


def code(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    ["", "0.1", "é", "!!", code(), code(0, 1), code(2, 1, 5), code(0, "1", 5), code(0, 1, "x"), code(0, 1, None),
     code(1, 1, 5), code(0, -1, 5), code(0, 2**63, 5), code(0, 1, 2**70), code(0, 1, 5, 5), code(0, True, 5)],
)  # fmt: skip
def test_a_cursor_from_elsewhere_is_none(text):
    assert Cursor.read(text, WORST_FIRST) is None
    assert Cursor.read(code(0, 1, "n\0"), (("name", False),)) is None
    assert Cursor.read(code(0, 1, "NaN"), (("mrr", False),)) is None
    assert Cursor.read(str(Cursor(0, (5,), 1)), WORST_FIRST) == Cursor(0, (5,), 1)


def test_people_who_are_not_signed_in_are_asked_to(client):
    assert client.get(reverse("portfolio")).status_code == 302


def walked(client: Any, **query: str) -> tuple[list[str], list[str]]:
    """The names on all pages forward, and on all pages on the way back from the last one."""
    response = client.get(reverse("portfolio"), query)
    forward = [row.name for row in response.context["page"].rows]
    while response.context["next"]:
        response = client.get(reverse("portfolio"), query | {"after": response.context["next"]})
        forward += [row.name for row in response.context["page"].rows]
    last = [row.name for row in response.context["page"].rows]
    while response.context["previous"]:
        response = client.get(reverse("portfolio"), query | {"before": response.context["previous"]})
        last = [row.name for row in response.context["page"].rows] + last
    return forward, last


def test_every_order_shows_every_account_once_forward_and_back(mina, monkeypatch):
    """Three values and missing ones for each key; the expected order is worked out by sorting the rows plainly."""
    monkeypatch.setitem(listing.page.__kwdefaults__, "limit", 3)
    rows = []
    for n in range(11):
        day = [None, TODAY - timedelta(days=n % 3), TODAY + timedelta(days=n % 4)][n % 3]
        account = factories.account(f"N{n:02}", owner=mina, customer_since=day, next_step_on=day)
        if n % 4:
            judged(account, [None, 300, 500][n % 3], 400)
        figures = {
            "mrr": [None, 10, 20][n % 3],
            "renews_on": day,
            "last_use_on": day,
            "uses_28": [5, None, 7, 5][n % 4],
        }
        if n != 4:
            AccountFigures.objects.create(account=account, day=TODAY, **figures)
        value = [None, 2, 4, 2][n % 4]
        if value:
            record_pulse(account, value=value, reason="So it is.", at=NOW, by=mina)
        score = ScoreNow.objects.system("test").filter(account=account).first()
        none: dict[str, Any] = dict.fromkeys(figures) if n == 4 else figures
        values: dict[str, Any] = {
            "score": score and score.points,
            "change": score and score.change,
            "name": account.name.lower(),
            "pulse": value,
        }
        values |= {"mrr": none["mrr"], "renewal": none["renews_on"], "last_use": none["last_use_on"]}
        values |= {"uses": none["uses_28"], "customer_since": day, "next_step": day}
        rows.append((account, values))
    client = signed_in(mina)
    orders = [[(key, down)] for key in SORTS for down in (False, True)]
    orders += [[("mrr", True), ("uses", False)], [("renewal", False), ("score", True), ("name", True)]]
    orders += [[("uses", False), ("mrr", False)]]
    for order in orders:
        wanted = rows
        for key, down in reversed([*order, ("pk", order[0][1])]):
            value_of = lambda row, key=key: row[0].pk if key == "pk" else row[1][key]  # noqa: E731 - a key to sort by
            there = sorted((row for row in wanted if value_of(row) is not None), key=value_of, reverse=down)
            # Python's sort is stable both ways, as the next key needs it.
            wanted = there + [row for row in wanted if value_of(row) is None]
        text = ",".join(f"-{key}" if down else key for key, down in order)
        forward, back = walked(client, sort=text)
        assert forward == [account.name for account, _values in wanted], text
        assert back == forward, text


def test_every_order_is_read_along_its_index(mina):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        for key, index in [
            ("score", "score_now_worst_first"), ("change", "score_now_by_change"), ("name", "account_by_name"),
            ("mrr", "figures_by_mrr"), ("renewal", "figures_by_renewal"), ("last_use", "figures_by_last_use"),
            ("uses", "figures_by_uses"), ("customer_since", "account_by_tenure"), ("next_step", "account_by_next_step"),
        ]:  # fmt: skip
            for wanted in (Wanted(sort=((key, False),)), Wanted(sort=((key, True),))):
                text, parameters = listing.statement(mina, wanted, day=TODAY)
                cursor.execute(f"EXPLAIN {text}", parameters | {"limit": 51})
                assert index in "\n".join(row[0] for row in cursor.fetchall()), key


def test_conditions_narrow_the_list_and_can_be_taken_out(mina):
    factories.account("Vip", owner=mina, tags=["vip"], customer_since=TODAY)
    factories.account("Old", owner=mina, tags=["vip"])
    factories.account("Other", owner=mina)
    client = signed_in(mina)
    where = "tag.has.vip,any(customer_since.last.10,segment.is.hotels)"
    response = client.get(reverse("portfolio"), {"where": where, "sort": "-name"})
    assert [row.name for row in response.context["page"].rows] == ["Vip"]
    tag, either = response.context["conditions"]
    assert [(said.label, said.asked) for said in (*tag.alternatives, *either.alternatives)] == [
        ("Tags", "is vip"),
        ("Customer since", "in the last 10 days"),
        ("Segment", "is hotels"),
    ]
    assert tag.alternatives[0].without == "/accounts/?where=any(customer_since.last.10,segment.is.hotels)&sort=-name"
    assert either.alternatives[0].without == "/accounts/?where=tag.has.vip,segment.is.hotels&sort=-name"


@pytest.mark.parametrize(
    ("where", "said"), [("nothing.is.1", "There is no field “nothing”"), ("tag.has.vip,", "cannot be read from “”")]
)
def test_a_filter_that_cannot_be_run_shows_nobody_and_says_why(mina, where, said):
    factories.account("Mine", owner=mina)
    client = signed_in(mina)
    page = client.get(reverse("portfolio"), {"where": where})
    assert page.context["page"].rows == []
    assert said in page.content.decode()
    assert client.get(reverse("portfolio-bands"), {"where": where}).status_code == 200


def test_a_condition_is_chosen_step_by_step_without_a_script(mina):
    client: Any = signed_in(mina)
    url = reverse("portfolio-condition")
    state = {"state": "owner=me&where=tag.has.vip"}
    assert "Renewal" in client.get(url, state).content.decode()
    page = client.get(url, state | {"field": "renewal"})
    assert page.context["inputs"] == "days"
    assert client.get(url, state | {"field": "renewal", "op": "between"}).context["inputs"] == "two_days"
    page = client.get(url, state | {"field": "renewal", "op": "next", "first": "soon", "add": "1"})
    assert "“soon” is not a number of days" in page.content.decode()
    page = client.get(url, state | {"field": "renewal", "op": "next", "first": "90", "add": "1"})
    assert page.url == "/accounts/?owner=me&where=tag.has.vip,renewal.next.90"
    beside = state | {"beside": "0", "field": "band", "op": "is", "choice": ["leaving", "at_risk"], "add": "1"}
    assert client.get(url, beside).url == "/accounts/?owner=me&where=any(tag.has.vip,band.is.leaving~at_risk)"
    words = state | {"field": "segment", "op": "is", "first": "hotels, (old) ones", "add": "1"}
    assert client.get(url, words).url == "/accounts/?owner=me&where=tag.has.vip,segment.is.hotels~*28old*29+ones"
    part = client.get(url, state, HTTP_HX_REQUEST="true").content.decode()
    assert "<html" not in part


def test_a_saved_view_is_a_tab_and_costs_no_query(mina, django_assert_num_queries):
    many(mina, [500])
    keep_view(name="Renewing", query="where=renewal.next.90&sort=renewal", at=factories.NOW, by=mina)
    client = signed_in(mina)
    with django_assert_num_queries(QUERIES):
        page = client.get("/accounts/?where=renewal.next.90&sort=renewal")
    assert [(tab["name"], tab["here"]) for tab in page.context["tabs"]] == [("All accounts", False), ("Renewing", True)]


def test_columns_are_chosen_and_told_in_the_address(mina):
    plan = factories.plan(name="Team")
    account = factories.account("Nordwind", owner=mina, tags=["vip", "new"], segment="hotels")
    factories.subscription(account, 1240, plan=plan, seats=25)
    client = signed_in(mina)
    page = client.get(reverse("portfolio"), {"columns": ["plan", "seats", "tags"]})
    text = page.content.decode()
    row = re.sub(r"<[^>]+>|\s+", " ", text[text.index("<tbody") : text.index("</tbody>")])
    assert re.sub(r"\s+", " ", row).strip() == "Nordwind Team 25 vip, new"
    assert page.context["wanted"].query == "columns=plan,seats,tags"


def test_the_next_step_is_changed_where_it_stands(mina):
    account = factories.account("Nordwind", owner=mina, next_step="Call Lena", next_step_on=TODAY)
    client: Any = signed_in(mina)
    url = reverse("account-step", args=[account.pk])
    assert url in client.get(reverse("portfolio")).content.decode()
    htmx = {"HTTP_HX_REQUEST": "true"}
    assert 'value="Call Lena"' in client.get(url, **htmx).content.decode()
    wrong = client.post(url, {"next_step": "Call Tom", "next_step_on": ""}, **htmx).content.decode()
    assert "Say by which day" in wrong
    line = client.post(url, {"next_step": "Call <Tom>", "next_step_on": "2026-12-01"}, **htmx).content.decode()
    assert "Call &lt;Tom&gt;" in line
    assert "<form" not in line
    assert client.post(url, {"next_step": "", "next_step_on": ""}).url == reverse("portfolio")
    account.refresh_from_db()
    assert (account.next_step, account.next_step_on) == ("", None)


def test_a_colleague_s_next_step_is_not_offered(mina):
    colleague = factories.user("rep", team=mina.team)
    factories.account("Theirs", owner=colleague, next_step="Call", next_step_on=TODAY)
    assert "/step/" not in signed_in(mina).get(reverse("portfolio")).content.decode()
