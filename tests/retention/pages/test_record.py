"""The record is read by admins whole, beside an account by whoever sees it, and taken away as a file that says so."""

from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.translation import override

from crm.accounts.actions import change_owner
from crm.audit.actions import record
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.staff.models import User
from retention.pages.record import PAGE
from retention.pages.record_words import Words
from tests.factories import NOW, account, team, user

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def admin(as_user):
    return as_user(user("ops_admin", name="Olga Admin"))


def made(n, at=NOW, **more):
    with transaction.atomic():
        for i in range(n):
            record(more.get("action", "thing.made"), ("thing", str(i)), at=at + timedelta(seconds=i), by=System("test"))


def seen(response):
    return [line.row.object_id for line in response.context["lines"]]


def test_the_newest_come_first_page_by_page_and_none_twice(admin):
    made(PAGE + 2)
    made(1, at=NOW)  # the same instant as an earlier one
    first = admin.get("/settings/audit/?action=thing.made")
    second = admin.get(f"/settings/audit/?action=thing.made&after={first.context['next']}")
    assert (len(seen(first)), len(seen(second)), second.context["next"]) == (PAGE, 3, "")
    rows = [line.row.pk for response in (first, second) for line in response.context["lines"]]
    wanted = AuditRow.objects.filter(action="thing.made").order_by("-at", "-id")
    assert rows == list(wanted.values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("who=system:test", 3),
        ("who=user:7", 0),
        ("action=thing.made", 3),
        ("action=thing", 0),
        ("of=thing:1", 1),
        ("from_on=2026-11-21&until_on=2026-11-21&action=thing.made", 3),
        ("until_on=2026-11-20&action=thing.made", 0),
        ("from_on=2026-11-22&action=thing.made", 0),
        ("from_on=yesterday", 0),
        ("action=thing.made&after=nonsense.9", 3),
    ],
)
def test_it_is_searched_by_actor_action_object_and_day(admin, asked, found):
    made(3)
    assert len(seen(admin.get(f"/settings/audit/?{asked}"))) == found


def sentence(response):
    """The newest line as it is read, without its tags."""
    return strip_tags(response.context["lines"][0].sentence)


def test_a_row_is_a_sentence_with_names_instead_of_ids_and_leads_to_its_object(admin, as_user):
    north = team("North")
    boss, lena = user("manager", team=north, name="Bea Boss"), user(team=north, name="Lena Brandt", language="ko")
    of = account("Acme & <b>", owner=boss)
    change_owner(of, owner=lena, at=NOW, by=boss)
    response = admin.get("/settings/audit/?action=account.owner_changed")
    assert sentence(response) == "Bea Boss gave Acme &amp; &lt;b&gt; from Bea Boss to Lena Brandt."
    (line,) = response.context["lines"]
    assert f'<a href="/accounts/{of.pk}/">Acme &amp; &lt;b&gt;</a>' in line.sentence
    assert ("owner", "Bea Boss", "Lena Brandt") in line.changes
    assert sentence(as_user(lena).get(f"/accounts/{of.pk}/record/")) == (
        "Bea Boss 님이 Acme &amp; &lt;b&gt; 담당을 바꿨습니다: Bea Boss → Lena Brandt."
    )


def test_the_sentence_is_the_first_whose_places_are_known_and_an_old_action_shows_its_code(admin):
    lena = user(name="Lena Brandt")
    of = account("Acme", owner=lena)
    with transaction.atomic():
        record("account.stage_set", of, at=NOW, by=lena, before={"stage": "live"}, after={"stage": "churned"})
        on_day = {"account": of.pk, "renews_on": date(2027, 3, 1), "category": "at_risk"}
        record("forecast.recorded", ("forecast", "1"), at=NOW + MINUTE, by=lena, after=on_day)
        record("cover.arranged", ("cover", "1"), at=NOW + 2 * MINUTE, by=System("x"), after={"pool": 1})
        record("thing.mended", ("thing", "7"), at=NOW + 3 * MINUTE, by=lena, on_behalf_of=user(name="Ida Winter"))
    assert [strip_tags(line.sentence) for line in admin.get("/settings/audit/").context["lines"][:4]] == [
        "Lena Brandt, for Ida Winter, thing.mended thing 7",
        "Holdfast arranged a cover.",
        "Lena Brandt expects of the renewal of Acme on 1 Mar 2027: At risk.",
        "Lena Brandt moved Acme from Live to Churned.",
    ]


def told(action, object_label="", **after):
    row = AuditRow(action=action, actor_kind="system", object_label=object_label, object_kind="none", after=after)
    return strip_tags(Words([row], User(), NOW).sentence(row)).removeprefix("Holdfast ")


@pytest.mark.parametrize(
    ("action", "place", "one", "many"),
    [
        ("accounts.changed_together", "changed", "changed 1 account at once.", "changed 1,234 accounts at once."),
        ("goals.kept", "goals", "kept how far 1 goal had come that day.",
         "kept how far 1,234 goals had come that day."),
        ("tasks.given", "tasks", "moved 1 open task along with it.", "moved 1,234 open tasks along with it."),
        ("tasks.picked_up", "made", "made 1 task of due steps and signals.",
         "made 1,234 tasks of due steps and signals."),
        ("follow_ups.moved", "moved", "let 1 draft follow its account.", "let 1,234 drafts follow their accounts."),
        ("follow_ups.picked_up", "made", "wrote 1 draft.", "wrote 1,234 drafts."),
        ("follow_ups.warned", "made", "prepared 1 draft which says that an answer will be late.",
         "prepared 1,234 drafts which say that an answer will be late."),
        ("calendar.file_read", "days", "looked at a calendar file with 1 day.",
         "looked at a calendar file with 1,234 days."),
        ("onboarding.followed", "reached", "recorded 1 day on which a milestone was reached.",
         "recorded 1,234 days on which milestones were reached."),
        ("outcomes.recorded", "recorded", "recorded 1 outcome.", "recorded 1,234 outcomes."),
        ("user.sessions_ended", "sessions", "ended 1 login of it.", "ended 1,234 logins of it."),
        ("user.links_withdrawn", "links", "withdrew 1 link of it.", "withdrew 1,234 links of it."),
        ("batches.retried", "batches", "let 1 parked batch of it be counted again.",
         "let 1,234 parked batches of it be counted again."),
        ("scores.updated", "accounts", "judged 1 account.", "judged 1,234 accounts."),
        ("scores.written", "rows", "wrote 1 score into the ledger.", "wrote 1,234 scores into the ledger."),
    ],
)  # fmt: skip
def test_a_sentence_of_a_count_is_right_for_none_one_and_many(action, place, one, many):
    said = [told(action, "it", **{place: n}) for n in (0, 1, 1234)]
    assert said == [many.replace("1,234", "0"), one, many]


def test_of_two_counts_only_one_has_a_noun():
    assert [
        told("accounts.stages_derived", churned=1, returned=0),
        told("signals.looked", opened=1, closed=1234),
        told("plays.advanced", started=0, ended=1),
        told("wave.opened", asked=1, eligible=1),
        told("wave.opened", asked=1, eligible=1234),
        told("response_target.set", channel="call", minutes=1),
        told("response_target.set", channel="call", minutes=None),
        told("follow_ups.taken_back", **{"taken": 1, "from": "x"}),
    ] == [
        "saw in subscriptions: 1 account churned, 0 back.",
        "opened 1 risk signal and closed 1,234.",
        "started 0 plays and ended 1.",
        "asked 1 of 1 customer.",
        "asked 1 of 1,234 customers.",
        "set the first answer to Call at 1 minute.",
        "took the clock off Call.",
        "took 1 approved draft of x back.",
    ]
    with override("ko"):
        assert told("signals.looked", opened=1, closed=1234) == "Holdfast가 위험 신호 1건을 열고 1,234건을 닫았습니다."


def test_queries_stay_the_same_however_many_rows(admin, django_assert_num_queries):
    made(1)
    with django_assert_num_queries(4):
        admin.get("/settings/audit/?action=thing.made")
    made(30)
    with django_assert_num_queries(4):
        admin.get("/settings/audit/?action=thing.made")


def test_the_file_holds_what_the_filter_shows_and_no_formula(admin):
    made(2)
    with transaction.atomic():
        record("thing.made", ("thing", "9"), at=NOW, by=user(name="=HYPERLINK(1)"))
    made(1, action="other.made")
    file = admin.post(reverse("export", args=["record"]), {"state": "action=thing.made"})
    rows = b"".join(file.streaming_content).decode().splitlines()
    assert len(rows) == 4
    assert sum("'=HYPERLINK(1)" in row for row in rows) == 1
    taken = AuditRow.objects.get(action="list.exported")
    assert (taken.actor_label, taken.after) == ("Olga Admin", {"view": "action=thing.made"})


def test_an_accounts_record_is_read_by_whoever_sees_the_account(as_user):
    north = team("North")
    lena, far = user(team=north), user(team=team())
    of = account("Acme", owner=lena)
    with transaction.atomic():
        record("account.changed", of, at=NOW, by=lena, after={"segment": "hotels"})
    assert "hotels" in as_user(lena).get(f"/accounts/{of.pk}/record/").content.decode()
    assert as_user(far).get(f"/accounts/{of.pk}/record/").status_code == 404
    assert as_user(user("read_only", team=north)).get(f"/accounts/{of.pk}/record/").status_code == 403


@pytest.mark.parametrize("asked", ["TRUE", "action = 'x.y'", "actor_kind = 'user' AND actor_id = '5'"])
def test_a_page_of_a_long_record_is_read_along_an_index(asked):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crm_auditrow (at, actor_kind, actor_id, actor_label, on_behalf_of, action, object_kind,"
            " object_id, object_label, before, after)"
            " SELECT %s::timestamptz + n * interval '1 second', 'user', n %% 50, '', '',"
            " 'a.' || n %% 40, 'account', n, '', '{}', '{}' FROM generate_series(1, 20000) AS n",
            [NOW],
        )
        cursor.execute("ANALYZE crm_auditrow")
        cursor.execute(f"EXPLAIN SELECT * FROM crm_auditrow WHERE {asked} ORDER BY at DESC, id DESC LIMIT 51")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan
    assert "Sort" not in plan
