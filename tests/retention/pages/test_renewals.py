"""Renewals: by month and owner, foreseen in the list, and judged by what came."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from crm.audit.models import AuditRow
from crm.subscriptions.models import SubscriptionChange
from retention.forecasts.models import Forecast
from retention.pages import export
from tests import factories
from tests.retention.pages.desk import NOW, TODAY, judged, signed_in

pytestmark = pytest.mark.django_db
QUERIES = 8
DUE = TODAY + timedelta(days=22)  # 10 December
HTMX = {"HX-Request": "true"}


@pytest.fixture
def mina() -> Any:
    factories.installation(currency="EUR", visibility="all")
    return factories.user("rep", name="Mina Kwon", team=factories.team("Europe"))


def page(client: Any, **query: Any) -> Any:
    response = client.get(reverse("renewals"), query)
    assert response.status_code == 200
    return response


def renewing(owner: Any, name: str = "", mrr: int = 100, on: Any = DUE, **more: Any) -> Any:
    account = factories.account(name, owner=owner)
    judged(account, 460)
    factories.subscription(account, mrr, renews_on=on, **more)
    return account


def said(account: Any, category: str, by: Any, *, on: Any = DUE, days: int = 3) -> Forecast:
    at = datetime(on.year, on.month, on.day, tzinfo=UTC) - timedelta(days=days)
    return Forecast.objects.create(account=account, renews_on=on, category=category, currency="EUR", at=at, by=by)


def names(response: Any) -> list[str]:
    return [row["name"] for row in response.context["rows"]]


@pytest.mark.parametrize("times", [1, 3])
def test_eight_queries_however_many_renew(mina, times, django_assert_num_queries):
    for n in range(times):
        said(renewing(mina, mrr=100 + n), "renews", mina)
        gone = renewing(factories.user("rep"), on=TODAY - timedelta(days=5))
        said(gone, "renews", mina, on=TODAY - timedelta(days=5), days=40)
    client = signed_in(mina)
    with django_assert_num_queries(QUERIES):
        assert len(names(page(client, owner="all"))) == 2 * times


def test_a_row_says_when_how_much_and_what_is_expected(mina):
    account = renewing(mina, "Nordwind", 1240, notice_on=TODAY + timedelta(days=7))
    said(account, "renews", mina, days=40)
    Forecast.objects.create(
        account=account, renews_on=DUE, category="at_risk", mrr=900, currency="EUR", reason="They cut seats.",
        at=NOW, by=mina,
    )  # fmt: skip
    (row,) = page(signed_in(mina)).context["rows"]
    assert (row["renews"], row["in"]) == ("10 Dec", "in 22 days")
    assert (row["notice"], row["soon"]) == ("by 25 Nov, in 7 days", True)
    assert (row["amount"], row["year"]) == ("€1,240 a month", "€14,880 a year")
    assert (row["category"], row["expected"], row["tone"]) == ("At risk", "€900 a month", "at_risk")
    assert [each["what"] for each in row["said"]] == ["At risk, €900 a month", "Renews"]
    assert row["said"][0] == {
        "what": "At risk, €900 a month", "who": "Mina Kwon, 18 Nov", "why": "They cut seats."
    }  # fmt: skip


def test_a_notice_day_that_has_passed_is_said_in_words(mina):
    renewing(mina, notice_on=TODAY - timedelta(days=2))
    (row,) = page(signed_in(mina)).context["rows"]
    assert (row["notice"], row["soon"]) == ("passed 16 Nov", True)


def test_the_head_counts_and_sums_leave_out_what_has_no_rate(mina):
    renewing(mina, "Known", 100, notice_on=TODAY + timedelta(days=3))
    said(renewing(mina, "Foreign", 500, currency="USD"), "renews", mina)
    response = page(signed_in(mina))
    assert response.context["sheet"].facts() == [
        "2 renewals", "1 without a forecast", "1 notice day within 30 days",
        "1 without an exchange rate, not in the sums",
    ]  # fmt: skip
    assert [row["amount"] for row in response.context["rows"]] == ["€100 a month", "no exchange rate"]


def test_months_and_owners_add_up(mina):
    jan = factories.user("rep", name="Jan Oude")
    for owner, mrr, on, category in [
        (mina, 100, DUE, "renews"), (mina, 50, DUE, "leaves"), (jan, 400, DUE, "grows"), (jan, 30, DUE, ""),
        (jan, 20, DUE + timedelta(days=31), "renews"),
    ]:  # fmt: skip
        account = renewing(owner, mrr=mrr, on=on)
        if category:
            said(account, category, owner, on=on)
    sheet = page(signed_in(mina), owner="all").context["sheet"]
    head, rows = sheet.bars()["head"], sheet.bars()["rows"]
    assert head[4:] == ["Grows", "Renews", "At risk or less", "Leaves", "No forecast"]
    assert rows == [
        ["December 2026", "4", "€580", "€580", "€400", "€100", "€0", "€50", "€30"],
        ["January 2027", "1", "€20", "€20", "€0", "€20", "€0", "€0", "€0"],
    ]
    assert [(name, cells[:2]) for name, cells, _ in sheet.owners()] == [
        ("Jan Oude", ["3", "€450"]), ("Mina Kwon", ["2", "€150"]),
    ]  # fmt: skip


def test_a_settled_renewal_stands_beside_its_forecast(mina):
    on = TODAY - timedelta(days=8)
    kept, left = renewing(mina, "Kept", on=on), renewing(mina, "Left", on=on, ends_on=on)
    said(kept, "leaves", mina, on=on, days=40)
    said(left, "leaves", mina, on=on, days=40)
    renewing(mina, "Silent", on=on)
    rows = {row["name"]: row for row in page(signed_in(mina)).context["rows"]}
    assert (rows["Kept"]["outcome"], rows["Kept"]["judged"]) == (
        "Renewed", "otherwise than foreseen 30 days before: Leaves",
    )  # fmt: skip
    assert (rows["Left"]["outcome"], rows["Left"]["judged"]) == ("Left", "as foreseen 30 days before: Leaves")
    assert rows["Silent"]["judged"] == "no forecast 30 days before"
    assert {row["form_url"] for row in rows.values()} == {""}


@pytest.mark.parametrize(
    ("judged_ones", "words"),
    [
        (0, "none judged yet"),
        (7, "7 of 7 came as foreseen; not enough data below 8"),
        (8, "8 of 8 came as foreseen (100\u00a0%)"),
    ],
)
def test_a_reps_record_is_said_from_eight_on(mina, judged_ones, words):
    on = TODAY - timedelta(days=8)
    for _ in range(judged_ones):
        said(renewing(mina, on=on), "renews", mina, on=on, days=40)
    assert f"your forecasts of the last year: {words}" in page(signed_in(mina)).content.decode()


def test_filters_stand_in_the_address_and_each_role_begins_where_it_looks(mina):
    jan = factories.user("rep", team=mina.team)
    renewing(mina, "Mine")
    said(renewing(jan, "Jan's"), "leaves", jan)
    renewing(factories.user("rep"), "Foreign")
    renewing(mina, "Spring", on=TODAY + timedelta(days=150))
    client = signed_in(mina)
    assert names(page(client)) == ["Mine"]
    assert names(page(client, owner="team")) == ["Mine", "Jan's"]
    assert names(page(client, owner="team", forecast="leaves")) == ["Jan's"]
    assert names(page(client, owner="all", forecast="none")) == ["Mine", "Foreign"]
    assert names(page(client, owner="all", band="thriving")) == []
    assert names(page(client, owner=str(jan.pk))) == ["Jan's"]
    assert names(page(client, **{"from": "2027-04", "months": "1"})) == ["Spring"]
    assert names(page(client, **{"from": "2027-13", "months": "99", "band": "x", "after": "2026-99-99.1"})) == ["Mine"]
    assert names(page(signed_in(factories.user("manager", team=mina.team)))) == ["Mine", "Jan's"]
    assert len(names(page(signed_in(factories.user("ops_admin"))))) == 3


def test_pages_follow_each_other_by_day(mina):
    accounts = [renewing(mina, f"A{n:02}", on=DUE + timedelta(days=n % 3)) for n in range(53)]
    client = signed_in(mina)
    first = page(client)
    second = page(client, after=first.context["next"])
    assert sorted(names(first) + names(second)) == sorted(account.name for account in accounts)
    assert (len(names(first)), second.context["next"]) == (50, None)


def test_a_forecast_is_given_on_a_plain_page_and_can_be_undone(mina):
    account = renewing(mina, "Nordwind")
    client, url = signed_in(mina), reverse("forecast", args=[account.pk, DUE])
    assert "What do you expect of this renewal?" in client.get(url).content.decode()
    body = client.post(url, {"category": "leaves"}).content.decode()
    assert "Say why, so that somebody can do something about it." in body
    response = client.post(url, {"category": "leaves", "reason": "They told us."}, follow=True)
    assert response.redirect_chain == [("/renewals/?from=2026-12", 302)]
    assert response.context["rows"][0]["category"] == "Leaves"
    assert "Nordwind: Leaves." in response.content.decode()
    row = Forecast.objects.system("test").get()
    client.post(reverse("forecast-undo", args=[row.pk]))
    assert page(client).context["rows"][0]["category"] == ""


def test_with_htmx_the_row_turns_into_its_form_and_back(mina):
    account = renewing(mina, "Nordwind")
    client, url = signed_in(mina), reverse("forecast", args=[account.pk, DUE])
    form = client.get(url, headers=HTMX).content.decode()
    assert form.strip().startswith('<tr class="editing">')
    assert client.get(f"{url}?row", headers=HTMX).content.decode().strip().startswith(f'<tr id="renewal-{account.pk}')
    response = client.post(
        url, {"category": "renews"}, headers=HTMX | {"HX-Current-URL": "http://testserver/renewals/?owner=me"}
    )
    assert response.headers["HX-Trigger"] == "renewals-changed"
    body = response.content.decode()
    assert f'<tr id="renewal-{account.pk}' in body
    assert 'value="/renewals/?owner=me"' in body  # the way back after an undo, beside the row


def test_the_form_begins_with_what_holds_and_is_saved_as_it_stands(mina):
    account = renewing(mina, mrr=100)
    client, url = signed_in(mina), reverse("forecast", args=[account.pk, DUE])
    client.post(url, {"category": "at_risk", "mrr": "60.50", "reason": "They cut seats."})
    start = client.get(url).context["form"].initial
    assert (start["category"], str(start["mrr"])) == ("at_risk", "60.50")
    client.post(url, start | {"reason": "They cut more."})
    assert Forecast.objects.system("test").count() == 2


def test_a_day_on_which_nothing_renews_has_no_page(mina):
    account = renewing(mina)
    client = signed_in(mina)
    for on in ("2026-12-11", "soon", "2026-02-30"):
        assert client.get(reverse("forecast", args=[account.pk, on])).status_code == 404


def test_what_is_settled_takes_no_forecast(mina):
    account = renewing(mina, on=TODAY - timedelta(days=1))
    response = signed_in(mina).post(
        reverse("forecast", args=[account.pk, TODAY - timedelta(days=1)]), {"category": "renews"}
    )
    assert "This renewal is settled." in response.content.decode()
    assert not Forecast.objects.system("test").exists()


def test_when_nothing_renews_it_says_where_renewals_come_from(mina):
    assert "Nothing renews in these months." in page(signed_in(mina)).content.decode()
    assert "No renewal of these months is like that." in page(signed_in(mina), forecast="leaves").content.decode()


def test_no_change_is_offered_to_who_may_not_write(mina):
    renewing(factories.user("rep"), "Foreign")
    (row,) = page(signed_in(mina), owner="all").context["rows"]
    assert row["form_url"] == ""
    assert SubscriptionChange.objects.system("test").count() == 1


def test_ones_own_are_those_of_whoever_is_covered_too(mina):
    jan = factories.user("rep", team=mina.team)
    renewing(jan, "Jan's")
    client = signed_in(mina)
    assert names(page(client)) == []
    factories.cover(mina, jan, from_at=NOW - timedelta(days=1), until_at=NOW + timedelta(days=5))
    assert names(page(client)) == ["Jan's"]


def test_the_file_holds_all_pages_of_the_list_and_no_formula(mina, monkeypatch):
    monkeypatch.setattr(export, "BLOCK", 2)
    manager = factories.user("manager", name="Bea Boss", team=mina.team)
    for n, name in enumerate(["=1+1", "Nord", "Süd"]):
        on = DUE + timedelta(days=n)
        said(renewing(mina, name, 100 + n, on=on), "renews", mina, on=on, days=40)
    renewing(mina, "Later", on=DUE + timedelta(days=200))
    client = signed_in(manager)
    assert reverse("export", args=["renewals"]) in page(client, owner="team").content.decode()
    response = client.post(reverse("export", args=["renewals"]), {"state": "owner=team"})
    rows = list(csv.reader(io.StringIO(b"".join(response).decode().removeprefix("\ufeff"))))
    assert rows[0][:4] == ["external_id", "name", "renews_on", "notice_on"]
    assert [(row[1], row[2], row[4], row[8], row[9]) for row in rows[1:]] == [
        ("'=1+1", "2026-12-10", "Mina Kwon", "100.00", "Renews"),
        ("Nord", "2026-12-11", "Mina Kwon", "101.00", "Renews"),
        ("Süd", "2026-12-12", "Mina Kwon", "102.00", "Renews"),
    ]
    record = AuditRow.objects.get(action="list.exported", object_id="renewals")
    assert (record.actor_label, record.after) == ("Bea Boss", {"view": "owner=team"})
    assert signed_in(mina).post(reverse("export", args=["renewals"])).status_code == 403
    assert reverse("export", args=["renewals"]) not in page(signed_in(mina)).content.decode()
