"""Playbooks with what became of their plays, and when each stage of the pipeline last ran."""

import re
from typing import Any

import pytest
from django.urls import reverse
from django.utils.translation import override

from crm.audit.rules import System
from crm.fills.models import Beat, Fill
from crm.staff.models import User
from retention.outcomes.models import Outcome
from retention.pipeline import SAID, STAGES, in_words, run
from retention.plays.models import Play
from tests import factories
from tests.retention.pages.desk import NOW, TODAY, fallen, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def play() -> Any:
    fallen()
    return Play.objects.system("test").select_related("account__owner", "playbook").get()


def test_a_playbook_says_what_it_does_and_what_followed(play):
    Outcome.objects.create(account=play.account, play=play, kind="saved", on=TODAY, recorded_at=NOW)
    (row,) = signed_in(play.account.owner).get(reverse("playbooks")).context["rows"]
    assert (row["running"], row["all"], row["outcomes"]) == (1, 1, [("Use returned", 1)])
    assert row["triggers"] == ["Score fell", "Band turned red"]
    assert [title for _step, title in row["steps"]] == [
        "Write what they still get and the one next step",
        "Call if use has not come back",
    ]


def test_plays_of_other_teams_are_neither_counted_nor_listed(play):
    client = signed_in(factories.user("rep", team=factories.team()))
    (row,) = client.get(reverse("playbooks")).context["rows"]
    assert (row["running"], row["all"]) == (0, 0)
    assert client.get(reverse("playbook", args=[play.playbook_id])).context["lines"] == []


def test_a_playbook_lists_its_recent_plays(play):
    (line,) = signed_in(play.account.owner).get(reverse("playbook", args=[play.playbook_id])).context["lines"]
    assert (line["play"].account.name, line["end"], line["outcomes"]) == ("Nordwind Logistics", "", [])


@pytest.mark.parametrize("times", [1, 3])
def test_lists_take_as_many_queries_for_three_plays_as_for_one(play, times, django_assert_num_queries):
    for _ in range(times - 1):
        account = factories.account(owner=play.account.owner)
        Play.objects.create(
            playbook=play.playbook, account=account, entry=1, risk_signal=play.risk_signal, started_at=NOW
        )
    client = signed_in(play.account.owner)
    with django_assert_num_queries(6):
        client.get(reverse("playbooks"))
    with django_assert_num_queries(8):
        assert len(client.get(reverse("playbook", args=[play.playbook_id])).context["lines"]) == times


def test_an_unknown_playbook_is_not_there(rep):
    assert signed_in(rep).get(reverse("playbook", args=[10**9])).status_code == 404


@pytest.mark.parametrize(
    ("role", "code"), [("rep", 403), ("manager", 403), ("read_only", 403), ("ops_admin", 200), ("system_admin", 200)]
)
def test_who_looks_after_the_pipeline_sees_it(db, role, code):
    assert signed_in(factories.user(role)).get(reverse("pipeline")).status_code == code


def test_stages_stand_in_the_order_in_which_they_run(ops):
    Fill.objects.create(stage="outcomes", through_at=NOW, finished_at=NOW, took_ms=12, said="1 outcomes recorded")
    Fill.objects.create(stage="drain", through_at=NOW, finished_at=NOW, behind=4, said="4 batches wait")
    Fill.objects.create(stage="plays", started_at=NOW, failed="ValueError: no <such> play")
    Beat.objects.create(name="jobs", at=NOW)
    response = signed_in(ops).get(reverse("pipeline"))
    context, body = response.context, response.content.decode()
    assert [row.fill.stage for row in context["stages"]] == [stage.name for stage in STAGES]
    assert [(row.fill.stage, row.label) for row in context["others"]] == [("drain", "drain")]
    assert [fill.stage for fill in context["failed"]] == ["plays"]
    assert [each["still"] for each in context["beats"]] == [False]
    assert [
        words for words in ("1 step failed", "no &lt;such&gt; play", "4 batches wait", "12 ms") if words not in body
    ] == []


def test_what_every_stage_says_is_read_in_the_language_of_whoever_reads(ops):
    run(through=NOW, at=NOW, by=System("test"))
    said = dict(Fill.objects.exclude(said="").values_list("stage", "said"))
    assert said.keys() >= {stage.name for stage in STAGES}
    with override("ko"):
        assert in_words("12 plays started, 0 ended, 3 steps due") == "플레이 12건 시작, 0건 종료, 때가 된 단계 3건"
        assert in_words("Windows stand at 2026-11-18.") == "집계 기준일은 2026년 11월 18일입니다."
        assert {stage: words for stage, words in said.items() if re.search("[a-z]", in_words(words))} == {}
    assert in_words("7 dwarfs, 3 wishes, 2 boots, 1 more") == "7 dwarfs, 3 wishes, 2 boots, 1 more"


def test_figures_are_told_as_they_are_read_and_one_is_not_many():
    assert in_words("1 tasks made, 1 withdrawn") == "1 task made, 1 withdrawn"
    assert in_words("1 sent, 1 back as drafts, 0 withdrawn") == "1 sent, 1 back as a draft, 0 withdrawn"
    assert in_words("1234 ledger rows written, 1 days judged") == "1,234 ledger rows written, 1 day judged"
    assert in_words("1 accounts were judged as of 2026-11-18.") == "1 account was judged as of 18 Nov 2026."
    said = [clause.replace("#.", "2026-11-18.").replace("#", "1") for clause in SAID]
    assert [words for words in map(in_words, said) if re.search(r"\b1 (ledger )?\w+s\b", words)] == []


def test_a_korean_reader_finds_no_english_name_among_stages_and_loops(ops):
    User.objects.filter(pk=ops.pk).update(language="ko")
    for name in ("windows_day", "ledger_day"):
        Fill.objects.create(stage=name, through_at=NOW)
    for name in ("jobs", "long_work"):
        Beat.objects.create(name=name, at=NOW)
    body = signed_in(ops).get(reverse("pipeline")).content.decode()
    names = re.findall(r'<th scope="row">(.*?)</th>', body) + re.findall(r'<li class="row"><span>(.*?)</span>', body)
    assert len(names) == 18
    assert [name for name in names if re.search("[a-z]", name)] == []


@pytest.mark.parametrize("rows", [1, 3])
def test_the_page_takes_four_queries(ops, rows, django_assert_num_queries):
    for n in range(rows):
        Fill.objects.create(stage=f"work {n}", through_at=NOW)
    client = signed_in(ops)
    with django_assert_num_queries(4):
        client.get(reverse("pipeline"))
