"""Writing surveys: words per language, whom they ask, and who may."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.audit.models import AuditRow
from crm.staff.models import User
from feedback.surveys import queries, rules
from feedback.surveys.actions import change_survey, create_survey
from feedback.surveys.models import Survey
from tests import factories
from tests.factories import NOW
from tests.feedback import people


@pytest.fixture
def ops(db):
    return factories.user("ops_admin")


def posted(by: User, **more: Any) -> dict[str, Any]:
    """What the form sends for a survey with the default words."""
    words = {f"{lang}-{part}": text for lang, parts in rules.DEFAULTS.items() for part, text in parts.items()}
    numbers = {"minimum_tenure_days": 90, "minimum_uses": 1, "cooldown_days": 180, "reply_working_days": 2}
    return {"name": "Relationship", "sender": by.pk, **numbers, **words} | more


def test_a_new_survey_speaks_english_and_korean(ops):
    factories.installation(product_name="Fleetline", company_name="Fleetline GmbH")
    found = queries.words(people.survey(ops))
    assert list(found) == ["en", "ko"]
    assert found["en"].question == "How likely are you to recommend Fleetline to a colleague?"
    assert found["ko"].question == "Fleetline을 동료에게 추천하실 마음은 어느 정도인가요?"


@pytest.mark.parametrize(
    ("product", "question"),
    [
        ("비다", "비다를 동료에게 추천하실 마음은 어느 정도인가요?"),
        ("물길", "물길을 동료에게 추천하실 마음은 어느 정도인가요?"),
    ],
)
def test_the_korean_particle_follows_the_name_of_the_product(ops, product, question):
    factories.installation(product_name=product)
    assert queries.words(people.survey(ops))["ko"].question == question


def test_a_form_with_the_default_words_makes_a_survey(as_user, ops):
    response = as_user(ops).post("/surveys/new/", posted(ops))
    [survey] = Survey.objects.all()
    assert response["Location"] == f"/surveys/{survey.pk}/"
    assert (survey.name, survey.sender, survey.created_at.tzinfo is not None) == ("Relationship", ops, True)
    assert list(queries.texts(survey)) == ["en", "ko"]
    assert AuditRow.objects.get(action="survey.created").after["languages"] == ["en", "ko"]


def test_a_language_is_left_out_by_emptying_all_of_it(as_user, ops):
    empty = {f"ko-{part}": "" for part in rules.PARTS}
    as_user(ops).post("/surveys/new/", posted(ops, **empty))
    assert list(queries.texts(Survey.objects.get())) == ["en"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("en-question", "", "This text is missing. To leave a language out, empty all of its texts."),
        ("en-question", "Do you like {{ secret }}?", "Nothing is known under the name secret."),
        ("en-question", "Do you like {% now %}?", "This cannot be read"),
        ("en-subject", "x" * 201, "at most 200 characters"),
        ("name", "", "This field is required."),
        ("reply_working_days", "0", "Between 1 and 20 working days."),
        ("minimum_uses", "many", "Enter a whole number."),
        ("sender", "0", "Select a valid choice."),
    ],
)
def test_what_cannot_be_used_is_said_at_its_place_and_the_rest_is_kept(as_user, ops, field, value, message):
    response = as_user(ops).post("/surveys/new/", posted(ops, **{field: value, "en-why": "I ask for a reason."}))
    page = response.content.decode()
    assert (response.status_code, Survey.objects.count()) == (422, 0)
    assert message in page
    assert "I ask for a reason." in page


def test_a_name_is_taken_once(as_user, ops):
    people.survey(ops, name="Relationship")
    response = as_user(ops).post("/surveys/new/", posted(ops))
    assert (response.status_code, Survey.objects.count()) == (422, 1)
    assert "Another survey has this name already." in response.content.decode()


def test_a_change_is_recorded_word_by_word(as_user, ops):
    survey = people.survey(ops, name="Relationship", sender=ops)
    as_user(ops).post(f"/surveys/{survey.pk}/edit/", posted(ops, cooldown_days=365, **{"en-low_word": "never"}))
    row = AuditRow.objects.get(action="survey.changed")
    assert row.before == {"cooldown_days": 180, "en.low_word": "not at all likely"}
    assert row.after == {"cooldown_days": 365, "en.low_word": "never"}
    survey.refresh_from_db()
    assert survey.cooldown_days == 365


def test_whoever_has_left_cannot_be_the_sender(ops):
    gone = factories.user("rep", is_active=False)
    with pytest.raises(ValidationError, match="This person has left"):
        people.survey(ops, sender=gone)


def test_a_survey_without_words_is_refused(ops):
    with pytest.raises(ValidationError, match="at least one language"):
        create_survey(name="Silent", sender=ops, texts={}, at=NOW, by=ops)


@pytest.mark.parametrize("role", ["rep", "manager", "read_only", "system_admin"])
def test_only_ops_writes_surveys(ops, as_user, role):
    other, survey = factories.user(role), people.survey(ops)
    with pytest.raises(PermissionDenied):
        change_survey(survey, name="Mine", at=NOW, by=other)
    client = as_user(other)
    for path in ("new/", f"{survey.pk}/edit/", f"{survey.pk}/wave/", f"{survey.pk}/mail/en/"):
        assert client.get(f"/surveys/{path}").status_code == 403
        assert client.post(f"/surveys/{path}").status_code in (403, 405)


def test_the_list_says_what_to_do_when_it_is_empty(as_user, ops):
    page = as_user(ops).get("/surveys/").content.decode()
    assert "No survey yet. Write one, and see whom it would ask before anything is sent." in page
    assert page.count('href="/surveys/new/"') == 1


@pytest.mark.parametrize("role", ["rep", "read_only"])
def test_everyone_may_read_the_list_and_nobody_else_is_offered_to_write(as_user, ops, role):
    people.survey(ops, name="Relationship")
    page = as_user(factories.user(role)).get("/surveys/").content.decode()
    assert "Relationship" in page
    assert "/surveys/new/" not in page


def test_the_list_takes_the_same_queries_for_one_and_three(as_user, ops, django_assert_num_queries):
    client, sender = as_user(ops), factories.user("rep")
    people.survey(ops, sender=sender)
    client.get("/surveys/")
    with CaptureQueriesContext(connection) as one:
        client.get("/surveys/")
    people.survey(ops, sender=sender)
    people.survey(ops)
    with django_assert_num_queries(len(one)):
        client.get("/surveys/")
