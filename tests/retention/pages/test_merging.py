"""Merging two records: what would move is said before, and what was done can be taken back."""

import re
from typing import Any

import pytest
from django.urls import reverse

from crm.accounts.models import Account
from tests import factories
from tests.retention.pages.desk import fallen, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft() -> Any:
    return fallen()


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_it_says_what_would_move_and_which_value_stays(draft):
    into = factories.account("Took over", owner=draft.owner, segment="hotels", stage="onboarding")
    draft.account.segment = "logistics"
    draft.account.save()
    client, url = signed_in(draft.owner), reverse("account-merge", args=[draft.account_id])
    page = text(client.get(url, {"into": into.external_id}))
    for words in [
        "Nordwind Logistics becomes part of Took over",
        "From then on these count for Took over: 1 contact, 1 subscription, 1 draft.",
        "Name Took over Nordwind Logistics",
        "Segment hotels logistics",
        "Stage Onboarding Live",
    ]:
        assert words in page, words
    assert "Owner Mina Kwon" not in page  # both have her
    assert Account.objects.system("test").get(pk=draft.account_id).merged_into is None
    done = client.post(url, {"into": into.external_id}, follow=True)
    assert "is merged into Took over. You can undo this for 30 days." in text(done)
    assert Account.objects.system("test").get(pk=draft.account_id).merged_into == into
    client.post(reverse("account-undo-merge", args=[draft.account_id]))
    assert Account.objects.system("test").get(pk=draft.account_id).merged_into is None


def test_records_of_the_same_name_are_offered(draft):
    other = factories.account("NORDWIND Logistics", owner=draft.owner)
    factories.account("Nordwind", owner=draft.owner)
    page = signed_in(draft.owner).get(reverse("account-merge", args=[draft.account_id]))
    assert page.context["like"] == [other]


def test_neither_itself_nor_what_one_may_not_change_takes_over(draft):
    factories.installation(visibility="all")
    foreign = factories.account(owner=factories.user("rep", team=factories.team()))
    client, url = signed_in(draft.owner), reverse("account-merge", args=[draft.account_id])
    for name in (draft.account.external_id, foreign.external_id, "nobody", "x" * 10_000):
        page = client.get(url, {"into": name})
        assert (page.status_code, list(page.context["form"].errors)) == (200, ["into"])


def test_the_preview_takes_as_many_queries_for_three_contacts_as_for_one(draft, django_assert_num_queries):
    into = factories.account(owner=draft.owner)
    url = reverse("account-merge", args=[draft.account_id])
    for _ in range(2):
        factories.contact(draft.account)
        client = signed_in(draft.owner)
        with django_assert_num_queries(6):
            client.get(url, {"into": into.external_id})
