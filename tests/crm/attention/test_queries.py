"""What a person has had from us, as a sentence and as figures for a list."""

from typing import Any

import pytest

from crm.attention.queries import budget_of, budgets
from crm.contacts.models import Contact
from tests import factories
from tests.crm.attention.test_actions import taken
from tests.factories import NOW


@pytest.fixture
def lena(db: None) -> Contact:
    return factories.contact(factories.account(), name="Lena Ahrens")


def test_the_sentence_counts_what_was_had_and_what_is_left(lena: Contact) -> None:
    said = [budget_of(lena, at=NOW).sentence]
    for _ in range(3):
        taken(lena)
        said.append(budget_of(lena, at=NOW).sentence)
    assert said == [
        "Lena has had no mail from us this month; 3 are left.",
        "Lena has had 1 mail from us this month; 2 are left.",
        "Lena has had 2 mails from us this month; 1 is left.",
        "Lena has had 3 mails from us this month; none is left, and a further one goes beyond what we allow ourselves.",
    ]


def test_the_sentence_says_when_it_is_the_company_that_had_enough(lena: Contact) -> None:
    for _ in range(2):
        colleague = factories.contact(lena.account)
        for _ in range(3):
            taken(colleague)
    assert budget_of(lena, at=NOW).sentence == (
        "Lena has had no mail from us this month; none is left, because their company has had 6 of 6."
    )


def test_budgets_of_many_take_as_many_queries_as_of_one(lena: Contact, django_assert_num_queries: Any) -> None:
    others = [factories.contact(lena.account), factories.contact(factories.account())]
    taken(lena)
    for people in ([lena], [lena, *others]):
        with django_assert_num_queries(2):
            found = budgets(people, at=NOW)
    assert [(found[one.pk].used, found[one.pk].account_used) for one in (lena, *others)] == [(1, 1), (0, 1), (0, 0)]
