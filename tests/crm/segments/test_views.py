"""Segments and views: kept for oneself or others, shown with how many stand in them, taken away and brought back."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from crm.audit.models import AuditRow
from crm.segments import actions, queries
from crm.segments.models import SavedView, Segment
from crm.segments.rules import read
from tests import factories

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def people() -> Any:
    north, south = factories.team("North"), factories.team("South")
    roles = {"ops": ("ops_admin", None), "boss": ("manager", north), "mina": ("rep", north), "sara": ("rep", south)}
    return {name: factories.user(role, team=team, name=name.title()) for name, (role, team) in roles.items()}


def keep(name: str, by: Any, where: str = "tag.has.vip", **more: Any) -> Segment:
    return actions.keep_segment(name=name, tree=read(where), at=NOW, by=by, **more)


def test_a_segment_is_one_s_own_the_team_s_or_everyone_s(people):
    keep("Own", people["mina"])
    keep("Team", people["boss"], shared="team")
    keep("Everyone", people["ops"], shared="everyone")
    seen = {name: [row.name for row in queries.segments_of(user)] for name, user in people.items()}
    assert seen == {
        "ops": ["Everyone"],
        "boss": ["Everyone", "Team"],
        "mina": ["Everyone", "Own", "Team"],
        "sara": ["Everyone"],
    }


@pytest.mark.parametrize(("who", "shared"), [("mina", "team"), ("mina", "everyone"), ("boss", "everyone")])
def test_sharing_takes_the_right(people, who, shared):
    with pytest.raises(ValidationError) as refused:
        keep("Mine", people[who], shared=shared)
    assert list(refused.value.message_dict) == ["shared"]


def test_a_name_is_taken_once_and_free_again_after_deleting(people):
    row = keep("Vip", people["mina"])
    keep("Vip", people["sara"])
    with pytest.raises(ValidationError) as refused:
        keep("Vip", people["mina"])
    assert list(refused.value.message_dict) == ["name"]
    actions.delete_kept(row, at=NOW, by=people["mina"])
    keep("Vip", people["mina"])
    with pytest.raises(ValidationError):
        actions.restore_kept(row, at=NOW, by=people["mina"])


def test_only_the_maker_changes_it_and_ops_what_is_shared(people):
    own, shared = keep("Own", people["boss"]), keep("Team", people["boss"], shared="team")
    for row, by in [(own, people["ops"]), (own, people["mina"]), (shared, people["mina"])]:
        with pytest.raises(PermissionDenied):
            actions.change_kept(row, name="Taken", at=NOW, by=by)
    actions.change_kept(shared, name="Ours", at=NOW, by=people["ops"])
    assert [(row.action, row.actor_label) for row in AuditRow.objects.order_by("pk")] == [
        ("segment.created", "Boss"),
        ("segment.created", "Boss"),
        ("segment.changed", "Ops"),
    ]


@pytest.mark.parametrize("n", [1, 3])
def test_the_page_counts_every_segment_in_one_query(people, as_user, n, django_assert_num_queries):
    mina = people["mina"]
    for each in range(n):
        keep(f"S{each}", mina, f"any(tag.has.t{each},tag.has.vip)")
        actions.keep_view(name=f"V{each}", query="sort=name", at=NOW, by=mina)
        factories.account(owner=mina, tags=[f"t{each}"])
    factories.account(owner=mina, tags=["vip"])
    factories.account(owner=people["sara"], tags=["vip"])
    factories.account(owner=mina, tags=["vip"], stage="churned")
    client = as_user(mina)
    with django_assert_num_queries(6):  # session, person with settings, segments, lists, counts, views
        page = client.get(reverse("segments"))
    assert [each["count"].accounts for each in page.context["segments"]] == [2] * n
    assert page.context["segments"][0]["says"] == "Tags is t0 or Tags is vip"


def test_more_than_a_thousand_are_not_counted_out(people, as_user, monkeypatch):
    monkeypatch.setattr("crm.segments.queries.saved.MOST_COUNTED", 2)
    keep("All", people["mina"], "tag.unknown")
    for _n in range(4):
        factories.account(owner=people["mina"])
    assert "more than 2 accounts" in as_user(people["mina"]).get(reverse("segments")).content.decode()


def test_a_segment_whose_trait_is_gone_says_so(people, as_user):
    keep("Rooms", people["mina"], "trait:rooms.at_least.10")
    page = as_user(people["mina"]).get(reverse("segments"))
    assert page.context["segments"][0]["count"] is None
    assert "There is no field “rooms”" in page.content.decode()


def test_a_segment_is_kept_changed_deleted_and_brought_back_in_the_browser(people, as_user):
    client = as_user(people["mina"])
    page = client.get(reverse("segment-new"), {"where": "renewal.next.90"})
    assert "Accounts with: Renewal in the next 90 days." in page.content.decode()
    client.post(reverse("segment-new"), {"name": "Renewing", "where": "renewal.next.90"})
    row = Segment.objects.get()
    assert (row.name, row.shared, queries.tree_of(row)) == ("Renewing", "own", read("renewal.next.90"))
    client.post(reverse("segment-edit", args=[row.pk]), {"name": "Soon", "where": "renewal.next.30"})
    row.refresh_from_db()
    assert (row.name, queries.tree_of(row)) == ("Soon", read("renewal.next.30"))
    page = client.post(reverse("segment-delete", args=[row.pk]), follow=True)
    assert reverse("segment-restore", args=[row.pk]) in page.content.decode()
    assert list(queries.segments_of(people["mina"])) == []
    client.post(reverse("segment-restore", args=[row.pk]))
    assert list(queries.segments_of(people["mina"])) == [row]
    change = f"{reverse('segment-edit', args=[row.pk])}?where=tag.has.vip"
    assert change in client.get(reverse("segment-new"), {"where": "tag.has.vip"}).content.decode()
    assert "Accounts with: Tags is vip." in client.get(change).content.decode()
    wrong = client.post(reverse("segment-new"), {"name": "Bad", "where": "renewal"})
    assert "cannot be read from" in wrong.content.decode()


def test_a_view_keeps_the_whole_address(people, as_user):
    client = as_user(people["mina"])
    query = "band=leaving&where=tag.has.vip&sort=-mrr&columns=mrr,tags"
    assert client.post(reverse("view-new"), {"name": "Big ones", "query": query}).url == f"/accounts/?{query}"
    row = SavedView.objects.get()
    assert row.query == query
    client.post(reverse("view-edit", args=[row.pk]), {"name": "Bigger", "query": query})
    assert SavedView.objects.get().name == "Bigger"
    client.post(reverse("view-delete", args=[row.pk]))
    client.post(reverse("view-restore", args=[row.pk]))
    assert SavedView.objects.get().deleted_at is None


def test_what_others_keep_for_themselves_is_not_there(people, as_user):
    row = keep("Own", people["mina"])
    client = as_user(people["sara"])
    for name in ("segment-edit", "segment-delete", "segment-restore"):
        assert client.post(reverse(name, args=[row.pk]), {"name": "x"}).status_code == 404
