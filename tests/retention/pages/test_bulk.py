"""Many accounts at once from the portfolio, its file, and why an account is in."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.bulk_edits.models import BulkEdit
from crm.segments.actions import keep_segment
from crm.segments.rules import read
from retention.agenda.models import PutOff
from retention.pages import export
from retention.tasks.models import Task
from tests import factories
from tests.retention.pages.desk import NOW, TODAY, judged, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Any:
    north = factories.team("North")
    return {role: factories.user(role, name=f"{role} Person", team=north) for role in ("manager", "rep", "ops_admin")}


def tags() -> dict[str, list[str]]:
    return dict(Account.objects.system("test").values_list("name", "tags"))


def test_ticked_rows_are_changed_and_the_toast_offers_to_take_it_back(team):
    rep = team["rep"]
    a, b = factories.account("A", owner=rep), factories.account("B", owner=rep)
    foreign = factories.account("Foreign")
    client = signed_in(rep)
    chosen = {"id": [a.pk, foreign.pk], "state": "sort=name"}
    page = client.post(reverse("portfolio-bulk"), chosen)
    assert (page.context["selected"], page.context["own"], page.context["ids"]) == (1, 1, [a.pk])
    page = client.post(reverse("portfolio-bulk"), chosen | {"do": "add_tag", "tag": "vip"}, follow=True)
    assert page.redirect_chain == [("/accounts/?sort=name", 302)]
    assert "1 account was changed." in page.content.decode()
    assert tags() == {"A": ["vip"], "B": [], "Foreign": []}
    undo = reverse("portfolio-bulk-undo", args=[BulkEdit.objects.get().pk])
    assert undo in page.content.decode()
    page = client.post(undo, follow=True)
    assert "1 account is as it was." in page.content.decode()
    assert tags()["A"] == []
    assert "taken back already" in client.post(undo, follow=True).content.decode()
    assert b.pk


def test_all_that_match_are_chosen_by_the_filter_itself(team):
    rep, colleague = team["rep"], factories.user("rep", team=team["rep"].team)
    for n in range(60):
        factories.account(f"N{n}", owner=rep, segment="hotels")
    factories.account("Theirs", owner=colleague, segment="hotels")
    factories.account("Other", owner=rep)
    client = signed_in(rep)
    state = {"state": "where=segment.is.hotels", "which": "all"}
    page = client.post(reverse("portfolio-bulk"), state)
    assert (page.context["selected"], page.context["own"], page.context["others"]) == (61, 60, 1)
    page = client.post(reverse("portfolio-bulk"), state | {"do": "segment", "segment": "inns"}, follow=True)
    assert "60 accounts were changed. 1 is not yours to change and was left out." in page.content.decode()
    assert Account.objects.system("test").filter(segment="inns").count() == 60


def test_a_manager_hands_over_and_a_rep_is_not_offered_to(team):
    rep, manager = team["rep"], team["manager"]
    a = factories.account("A", owner=rep)
    assert "owner" not in signed_in(rep).post(reverse("portfolio-bulk"), {"id": a.pk}).context["forms"]
    given = {"id": a.pk, "do": "owner", "owner": f"user-{manager.pk}"}
    signed_in(manager).post(reverse("portfolio-bulk"), given)
    a.refresh_from_db()
    assert a.owner == manager
    assert signed_in(rep).post(reverse("portfolio-bulk"), given).status_code == 200
    a.refresh_from_db()
    assert a.owner == manager


def test_what_does_not_fit_is_said_at_its_field(team):
    a = factories.account(owner=team["rep"])
    client = signed_in(team["rep"])
    page = client.post(reverse("portfolio-bulk"), {"id": a.pk, "do": "next_step", "text": "Call", "on": ""})
    assert "Say by which day" in page.content.decode()
    page = client.post(reverse("portfolio-bulk"), {"id": a.pk, "do": "add_tag", "tag": "a, b"})
    assert "One tag at a time" in page.content.decode()
    assert "Tick some rows first" in client.post(reverse("portfolio-bulk"), {"do": "add_tag", "tag": "x"}, follow=True).content.decode()  # fmt: skip  # noqa: E501
    assert BulkEdit.objects.count() == 0


def test_a_task_for_each_owner_is_made_and_withdrawn_unless_settled(team):
    rep = team["rep"]
    a, b = factories.account("A", owner=rep), factories.account("B", owner=rep)
    client = signed_in(rep)
    client.post(reverse("portfolio-bulk"), {"id": [a.pk, b.pk], "do": "tasks", "title": "Call", "due_on": "2026-12-01"})
    tasks = Task.objects.system("test")
    assert [(t.account, t.title, t.assignee) for t in tasks.order_by("account")] == [
        (a, "Call", None),
        (b, "Call", None),
    ]
    tasks.filter(account=a).update(done_at=NOW)
    page = client.post(reverse("portfolio-bulk-undo", args=[BulkEdit.objects.get().pk]), follow=True)
    assert "1 account is as it was. 1 was changed since and stays so." in page.content.decode()
    assert list(tasks.open()) == []


def test_many_are_put_off_for_a_reason_and_brought_back(team):
    rep = team["rep"]
    a, b = factories.account("A", owner=rep), factories.account("B", owner=rep)
    foreign = factories.account("Foreign")
    client = signed_in(rep)
    given = {"id": [a.pk, b.pk, foreign.pk], "do": "put_off", "until": str(TODAY), "why": "holidays"}
    assert "Choose a day after today" in client.post(reverse("portfolio-bulk"), given).content.decode()
    client.post(reverse("portfolio-bulk"), given | {"until": str(TODAY + timedelta(days=7))})
    rows = PutOff.objects.system("test").order_by("account")
    assert [(row.account, row.until, row.why) for row in rows] == [
        (a, TODAY + timedelta(days=7), "holidays"),
        (b, TODAY + timedelta(days=7), "holidays"),
    ]
    rows.filter(account=a).update(taken_back_at=NOW)
    page = client.post(reverse("portfolio-bulk-undo", args=[BulkEdit.objects.get().pk]), follow=True)
    assert "1 account is as it was. 1 was changed since and stays so." in page.content.decode()
    assert not rows.filter(taken_back_at=None).exists()


def test_a_filter_that_cannot_be_run_selects_nothing(team):
    factories.account(owner=team["rep"])
    given = {"state": "where=nothing.is.1", "which": "all", "do": "add_tag", "tag": "vip"}
    page = signed_in(team["rep"]).post(reverse("portfolio-bulk"), given)
    assert page.status_code == 302
    assert BulkEdit.objects.count() == 0


def rows_of(response: Any) -> list[list[str]]:
    text = b"".join(response).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


def test_the_file_is_the_list_on_screen_and_holds_no_formula(team, monkeypatch):
    monkeypatch.setattr(export, "BLOCK", 2)
    rep = team["rep"]
    for n, name in enumerate(["=1+1", "-cmd", "@x", "+49 30", 'Söhne, "한빛"']):
        account = factories.account(name, owner=rep, external_id=f"e{n}", tags=["vip"], segment="\tx")
        factories.subscription(account, 100 + n, renews_on=TODAY + timedelta(days=10))
        judged(account, 460, 590)
    factories.account("Not asked for", owner=rep)
    state = "where=tag.has.vip&sort=-name&columns=health,mrr,renewal,segment"
    rows = rows_of(signed_in(team["manager"]).post(reverse("export", args=["portfolio"]), {"state": state}))
    assert rows[0] == [
        "external_id", "name", "health", "health_computed", "score", "score_change_28_days", "mrr", "renews_on",
        "segment",
    ]  # fmt: skip
    assert [row[1] for row in rows[1:]] == ['Söhne, "한빛"', "'@x", "'=1+1", "'-cmd", "'+49 30"]
    assert rows[1][2:] == ["At risk", "", "46", "-13.0", "104.000000", "2026-11-28", "'\tx"]
    record = AuditRow.objects.get(action="list.exported")
    assert (record.actor_label, record.after["view"]) == ("manager Person", state)


@pytest.mark.parametrize("role", ["rep"])
def test_reps_take_no_file(team, role):
    assert signed_in(team[role]).post(reverse("export", args=["portfolio"])).status_code == 403


@pytest.mark.parametrize("n", [1, 3])
def test_why_an_account_is_in_is_one_query_for_all_segments(team, n, django_assert_num_queries):
    rep = team["rep"]
    account = factories.account("A", owner=rep, tags=["vip"])
    for each in range(n):
        keep_segment(name=f"In {each}", tree=read("tag.has.vip"), at=NOW, by=rep)
        keep_segment(name=f"Out {each}", tree=read(f"tag.has.t{each}"), at=NOW, by=rep)
        keep_segment(name=f"Lost {each}", tree=read("nothing.is.1"), at=NOW, by=rep)
    client = signed_in(rep)
    with django_assert_num_queries(6):  # session, person with settings, account, lists, segments, conditions
        page = client.get(reverse("account-segments", args=[account.pk]), {"state": "where=segment.is.hotels"})
    assert [row["name"] for row in page.context["inside"]] == [f"In {each}" for each in range(n)]
    assert [row["name"] for row in page.context["outside"]] == [f"Out {each}" for each in range(n)]
    assert [row["reason"].holds for row in page.context["here"]] == [False]
    assert "There is no field “nothing”" in page.content.decode()
