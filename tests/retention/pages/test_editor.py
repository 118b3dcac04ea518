"""The editor of a scorecard: a draft is kept, previewed while typing, reviewed and published; nothing half."""

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from crm.accounts.actions import change_account
from crm.audit.models import AuditRow
from crm.segments.actions import delete_kept, keep_segment
from crm.segments.rules import read
from retention.scorecards import actions as scorecards
from retention.scorecards.models import Scorecard, ScorecardGroup, ScorecardMeasure, ScorecardVersion, State
from retention.scores import actions
from retention.scores.models import ScoreNow
from tests import factories
from tests.factories import NOW, TODAY
from tests.retention import usage_rows as rows
from tests.retention.scorecards.cards import draft_form

pytestmark = pytest.mark.django_db
REACH = {"kind": "reach", "red": 0, "green": 100, "name": "Trips"}


@pytest.fixture
def ops(as_user: Any) -> Any:
    return as_user(factories.user("ops_admin"))


def customers(*uses: int) -> list[Any]:
    feature = factories.feature(name="Planning")
    event = rows.event(feature)
    found = [factories.account(f"Account {n}", customer_since=date(2025, 1, 1)) for n in uses]
    for account, count in zip(found, uses, strict=True):
        rows.used(account, event, count, ago=10)
    return found


def judge() -> None:
    at = rows.at(TODAY, 8)
    actions.refresh_windows(at, at=at, by=rows.BY)
    actions.score_changed(at, at=at, by=rows.BY)


def a_draft(*measures: Any) -> ScorecardVersion:
    version = rows.version(*(measures or (REACH,)))
    judge()
    return scorecards.start_draft(version, at=NOW, by=rows.BY)


def urls(draft: ScorecardVersion, page: str = "") -> str:
    return f"/settings/scorecards/{draft.scorecard_id}/draft/{page}"


def only_measure(draft: ScorecardVersion) -> ScorecardMeasure:
    return ScorecardMeasure.objects.get(version=draft)


def test_what_is_typed_moves_the_preview_and_is_kept_only_when_saved(ops: Any) -> None:
    one, _two = customers(35, 50)
    draft = a_draft()
    measure = only_measure(draft)
    typed = draft_form(draft.scorecard_id) | {f"m{measure.pk}-green": "70", "account": "Account 35"}
    page = ops.post(urls(draft, "preview/"), typed).content.decode()
    # 35 and 50 of 70 are 50.0 and 71.4 points: leaving → at risk, at risk → steady.
    assert page.count('<span class="side">1</span>') == 2
    assert f'<a href="/accounts/{one.pk}/">Account 35</a>' in page and "50.0" in page
    assert only_measure(draft).green == 100
    assert ops.get(urls(draft)).content.decode().count("No account would change its band.") == 1
    assert ops.post(urls(draft), typed | {"then": "keep"}).url == f"{urls(draft)}?account=Account+35"
    assert only_measure(draft).green == 70
    (record,) = AuditRow.objects.filter(action="scorecard.changed")
    assert (record.before, record.after) == ({"green": "100.000000"}, {"green": "70"})
    page = ops.get(f"{urls(draft)}?account=Account+35").content.decode()
    assert "Review 2 changes and publish" in page and "Publishing opens no signal by itself." in page
    assert list(ScoreNow.objects.system("test").order_by("points").values_list("points", flat=True)) == [350, 500]


def test_the_review_lists_whom_it_moves_and_publishing_makes_a_version_that_judges(ops: Any) -> None:
    one, _two = customers(35, 90)
    draft = a_draft()
    ScorecardMeasure.objects.filter(version=draft).update(green=80)
    page = ops.get(urls(draft, "review/")).content.decode()
    assert "1 of 2 accounts would change their band" in page
    assert f'<a href="/accounts/{one.pk}/">Account 35</a>' in page and "Account 90" not in page
    assert ops.post(urls(draft, "publish/")).url == "/settings/scorecards/"
    judge()
    assert list(ScoreNow.objects.system("test").order_by("points").values_list("version_id", "points")) == [
        (draft.pk, 438), (draft.pk, 1000),
    ]  # fmt: skip
    assert ops.get(urls(draft)).status_code == 404


def test_pages_ask_as_much_whatever_the_number_of_accounts(ops: Any, django_assert_num_queries: Any) -> None:
    customers(35)
    draft = a_draft()
    ScorecardMeasure.objects.filter(version=draft).update(green=80)
    found = {}
    for page in ("", "review/"):
        with Counted() as counted:
            ops.get(urls(draft, page))
        found[page] = counted.queries
    customers(36, 37)
    judge()
    for page, queries in found.items():
        with django_assert_num_queries(queries):
            ops.get(urls(draft, page))


class Counted:
    queries = 0

    def __enter__(self) -> "Counted":
        from django.db import connection

        self.wrapper = connection.execute_wrapper(self)
        self.wrapper.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.wrapper.__exit__(*error)

    def __call__(self, execute: Any, sql: Any, parameters: Any, many: Any, context: Any) -> Any:
        self.queries += 1
        return execute(sql, parameters, many, context)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("weight", "0", "Give a weight above 0, or remove the measure."),
        ("green", "0", "Red and green are the same value: give two different ones."),
        ("steps", "7 points", "Write steps as value: points"),
        ("name", "", "This field is required."),
    ],
)
def test_what_cannot_be_judged_by_is_refused_at_its_field_and_nothing_is_kept(
    ops: Any, field: str, value: str, words: str
) -> None:
    customers(35)
    draft = a_draft()
    measure = only_measure(draft)
    typed = draft_form(draft.scorecard_id) | {f"m{measure.pk}-{field}": value, "of-minimum_coverage": "20"}
    page = ops.post(urls(draft), typed).content.decode()
    assert words in page
    assert "cannot be read yet" in ops.post(urls(draft, "preview/"), typed).content.decode()
    assert (int(only_measure(draft).weight), int(only_measure(draft).green)) == (1, 100)
    assert ScorecardVersion.objects.get(pk=draft.pk).minimum_coverage == 50


@pytest.mark.parametrize("words", ["\x00", "   ", "x" * 3000, "nobody"])
def test_whatever_is_sought_for_the_preview_finds_an_account_or_none(ops: Any, words: Any) -> None:
    customers(35)
    draft = a_draft()
    page = ops.post(urls(draft, "preview/"), draft_form(draft.scorecard_id) | {"account": words})
    assert page.status_code == 200 and "Account 35" not in page.content.decode()
    assert ops.get(urls(draft, "review/?after=" + "9" * 5000)).status_code == 200


def test_weights_that_are_too_finely_divided_are_said_and_not_counted_with(ops: Any) -> None:
    customers(35)
    groups = [("A", 11, "average"), ("A", 11, "average"), ("B", 13, "average"), ("B", 13, "average")]
    draft = a_draft(*({"kind": "reach", "green": 100, "group": group} for group in groups))
    # Sums of 18,861.115 and 14,581.111 have no common divisor: their product is what the shares must be counted in.
    weights = ("9973.991", "8887.124", "7919.333", "6661.778")
    for row, weight in zip(ScorecardMeasure.objects.filter(version=draft), weights, strict=True):
        ScorecardMeasure.objects.filter(pk=row.pk).update(weight=weight)
    assert "cannot be read yet" in ops.get(urls(draft)).content.decode()
    assert ops.get(urls(draft, "review/")).status_code == 200
    assert "The weights are too finely divided" in ops.post(urls(draft, "publish/")).content.decode()


def test_bands_ascend(ops: Any) -> None:
    draft = a_draft()
    typed = draft_form(draft.scorecard_id) | {"of-at_risk_from": "60", "of-steady_from": "60"}
    assert "Give more than 60, where the band before it begins." in ops.post(urls(draft), typed).content.decode()


def test_a_feature_without_events_is_said_at_its_measure_and_not_published(ops: Any) -> None:
    customers(35)
    draft = a_draft()
    silent = factories.feature(name="Carrier portal")
    ScorecardMeasure.objects.filter(version=draft).update(feature=silent)
    words = "No event feeds “Carrier portal”, so everybody would be red."
    assert words in ops.get(urls(draft)).content.decode()
    page = ops.post(urls(draft, "publish/")).content.decode()
    assert "Nothing was published." in page and words in page
    assert ScorecardVersion.objects.get(pk=draft.pk).state == State.DRAFT


def test_a_segment_that_lost_its_trait_or_is_gone_or_empty_says_what_to_do(ops: Any) -> None:
    customers(35)
    rows.version(REACH)
    judge()
    maker = factories.user("ops_admin")
    segment = keep_segment(name="Hotels", tree=read("segment.is.hotels"), shared="everyone", at=NOW, by=maker)
    made = ops.post("/settings/scorecards/new/", {"name": "Hotels", "segment": segment.pk})
    card = Scorecard.objects.get(name="Hotels")
    assert made.url == f"/settings/scorecards/{card.pk}/draft/"
    assert "It would judge nobody: no account is in its segment" in ops.get(made.url).content.decode()
    scorecards.publish(ScorecardVersion.objects.get(scorecard=card), at=NOW, by=maker)
    assert "It judges nobody: no account is in its segment" in ops.get("/settings/scorecards/").content.decode()
    segment.tree = {"all": [{"field": "trait:rooms", "op": "at_least", "values": ["9"]}]}
    segment.save()
    assert "There is no field “rooms”." in ops.get("/settings/scorecards/").content.decode()
    ops.post(f"/settings/scorecards/{card.pk}/draft/start/")
    page = ops.post(f"/settings/scorecards/{card.pk}/draft/publish/").content.decode()
    assert "Nothing was published." in page and "There is no field “rooms”." in page
    delete_kept(segment, at=NOW, by=maker)
    assert "was deleted. Bring it back under Segments" in ops.get("/settings/scorecards/").content.decode()
    refused = ops.post("/settings/scorecards/new/", {"name": "Other", "segment": segment.pk})
    assert refused.status_code == 200 and Scorecard.objects.count() == 2


def test_a_name_that_is_taken_is_refused_at_its_field(ops: Any) -> None:
    version = rows.version(REACH)
    maker = factories.user("ops_admin")
    segment = keep_segment(name="Hotels", tree=read("segment.is.hotels"), shared="everyone", at=NOW, by=maker)
    page = ops.post("/settings/scorecards/new/", {"name": version.scorecard.name, "segment": segment.pk})
    assert "There is a scorecard of this name." in page.content.decode()


def test_a_parent_that_would_go_in_circles_is_refused_at_its_field() -> None:
    parent = factories.account()
    child = factories.account(parent=parent)
    with pytest.raises(ValidationError) as refused:
        change_account(parent, parent=child, at=NOW, by=rows.BY)
    assert list(refused.value.message_dict) == ["parent"]


def test_a_measure_is_added_with_limits_from_the_own_accounts_and_removed(ops: Any) -> None:
    customers(*range(1, 61))
    draft = a_draft()
    page = ops.get(urls(draft, "measure/?kind=reach&window=28")).content.decode()
    assert "A reading for 60 of 60 accounts" in page
    assert "Proposed: red 6.0, green 54.0, so that the worst tenth gets 0 and the best tenth 100." in page
    assert ops.post(urls(draft, "measure/"), {"kind": "reach", "window": "28"}).url == urls(draft)
    added = ScorecardMeasure.objects.get(version=draft, position=2)
    assert (added.key, int(added.red), int(added.green)) == ("reach", 6, 54)
    first = ScorecardMeasure.objects.get(version=draft, position=1)
    ops.post(urls(draft), draft_form(draft.scorecard_id) | {"then": f"remove-{first.pk}"})
    assert list(ScorecardMeasure.objects.filter(version=draft).values_list("key", "position")) == [("reach", 1)]


def test_below_fifty_accounts_there_are_no_percentiles(ops: Any) -> None:
    customers(*range(1, 11))
    draft = a_draft()
    page = ops.get(urls(draft, "measure/?kind=reach&window=28")).content.decode()
    assert "Proposed: red 1.0, green 10.0, the worst and the best of them. Below 50 accounts" in page
    typed = draft_form(draft.scorecard_id) | {f"m{only_measure(draft).pk}-scale": "percentile"}
    assert "which takes 50 accounts with a reading" in ops.post(urls(draft, "preview/"), typed).content.decode()


def test_groups_are_made_given_members_and_dissolved(ops: Any) -> None:
    customers(35)
    draft = a_draft()
    ops.post(urls(draft), draft_form(draft.scorecard_id) | {"then": "group"})
    group = ScorecardGroup.objects.get(version=draft)
    assert group.name == "Group 1"
    typed = draft_form(draft.scorecard_id) | {
        f"m{only_measure(draft).pk}-group": group.pk,
        f"g{group.pk}-takes": "lowest",
    }
    ops.post(urls(draft), typed)
    member = only_measure(draft)
    assert member.group is not None and member.group.takes == "lowest"
    ops.post(urls(draft), draft_form(draft.scorecard_id) | {"then": f"dissolve-{group.pk}"})
    assert (only_measure(draft).group, ScorecardGroup.objects.filter(version=draft).count()) == (None, 0)


def test_a_draft_is_discarded_and_taken_back(ops: Any) -> None:
    draft = a_draft()
    ops.post(urls(draft, "discard/"))
    assert ops.get(urls(draft)).status_code == 404
    ops.post(urls(draft, "restore/"))
    assert ops.get(urls(draft)).status_code == 200


def test_steps_and_shares_are_typed_as_people_write_them(ops: Any) -> None:
    customers(35)
    draft = a_draft({"kind": "trend", "name": "Trend", "red": "-0.4", "green": "0.1"})
    measure = only_measure(draft)
    assert draft_form(draft.scorecard_id)[f"m{measure.pk}-red"] == "-40"
    typed = {f"m{measure.pk}-scale": "steps", f"m{measure.pk}-steps": "-40: 0 · 0: 50 · 10: 100"}
    ops.post(urls(draft), draft_form(draft.scorecard_id) | typed)
    assert [[float(part) for part in step] for step in only_measure(draft).steps] == [[-0.4, 0], [0, 50], [0.1, 100]]
    assert draft_form(draft.scorecard_id)[f"m{measure.pk}-steps"] == "-40: 0 · 0: 50 · 10: 100"
