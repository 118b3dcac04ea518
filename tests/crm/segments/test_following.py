"""Segments and views that name a tag go on meaning it when ops rename it, and go back with an undo."""

from datetime import timedelta

import pytest

from crm.accounts.actions import rename_tag, undo_rename
from crm.segments.actions import keep_segment, keep_view
from crm.segments.models import SavedView, Segment
from crm.segments.rules import as_json, read
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def test_a_renamed_tag_is_followed_and_its_undo_takes_back_only_what_followed():
    ops = factories.user("ops_admin")
    for tags in (["vip"], ["gold"]):
        factories.account(owner=ops, tags=tags)
    keep_segment(name="old", tree=read("any(tag.has.vip,name.is.vip)"), at=NOW, by=ops)
    keep_segment(name="both", tree=read("tag.has.vip~gold"), at=NOW, by=ops)
    keep_segment(name="new", tree=read("tag.has.gold"), at=NOW, by=ops)
    keep_view(name="view", query="owner=me&where=tag.has_not.vip&sort=-mrr", at=NOW, by=ops)
    rename = rename_tag(old="vip", new="gold", at=NOW, by=ops)
    trees = dict(Segment.objects.values_list("name", "tree"))
    assert trees == {
        "old": as_json(read("any(tag.has.gold,name.is.vip)")),
        "both": as_json(read("tag.has.vip~gold")),
        "new": as_json(read("tag.has.gold")),
    }
    assert SavedView.objects.get().query == "owner=me&where=tag.has_not.gold&sort=-mrr"
    undo_rename(rename, at=NOW + timedelta(days=1), by=ops)
    trees = dict(Segment.objects.values_list("name", "tree"))
    assert trees["new"] == as_json(read("tag.has.gold"))
    assert trees["old"] == as_json(read("any(tag.has.vip,name.is.vip)"))
    assert SavedView.objects.get().query == "owner=me&where=tag.has_not.vip&sort=-mrr"
