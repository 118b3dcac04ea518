"""The result of a wave: the figure, its margin, and who sees what."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.staff.models import User
from feedback.answers import queries
from feedback.answers.models import Answer
from feedback.invitations.models import Invitation, NotAsked
from feedback.surveys.models import Survey, Wave
from tests import factories
from tests.factories import NOW
from tests.feedback import people


@pytest.fixture
def ops(db):
    factories.installation(visibility="own")
    return factories.user("ops_admin")


@pytest.fixture
def survey(ops):
    return people.survey(ops)


def ask(survey: Survey, *, owner: User | None = None, sent: bool = True) -> Invitation:
    account = factories.account(owner=owner)
    return people.invitation(survey, factories.contact(account), sent=sent)


def reply(
    survey: Survey, score: int, *, owner: User | None = None, sent: bool = True, comment: str = "", **more: Any
) -> Answer:
    invitation = ask(survey, owner=owner, sent=sent)
    return Answer.objects.create(
        invitation=invitation,
        account=invitation.account,
        contact=invitation.contact,
        score=score,
        comment=comment,
        answered_at=NOW,
        **more,
    )


def leave_out(survey: Survey, reason: str, owner: User | None = None) -> None:
    wave, account = Wave.objects.get(survey=survey), factories.account(owner=owner)
    NotAsked.objects.create(wave=wave, account=account, contact=factories.contact(account), reason=reason)


def test_every_figure_says_whom_it_counts(ops, survey):
    for score in (10, 9, 7, 3):
        reply(survey, score)
    reply(survey, 0, set_aside="our own network")
    ask(survey)
    ask(survey, sent=False)
    # Whoever answers had the mail, though the server never said so.
    reply(survey, 8, sent=False)
    for reason in ("not_drawn", "colleague", "new", "new"):
        leave_out(survey, reason)
    found = queries.result(Wave.objects.get(), ops)
    assert (found.asked, found.delivered, found.n, found.population, found.set_aside) == (8, 7, 5, 10, 1)
    assert found.response_share == 5 / 7
    assert found.net == 20.0
    assert found.left_out == {"not_drawn": 1, "colleague": 1, "new": 2}
    assert [count for _low, _high, count in found.bins] == [0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1]


def test_a_reader_counts_and_reads_the_own_customers_only(ops, survey, as_user):
    rep = factories.user("rep")
    reply(survey, 10, owner=rep, comment="Ours is fine")
    reply(survey, 0, comment="Theirs is not")
    leave_out(survey, "new")
    found = queries.result(Wave.objects.get(), rep)
    assert (found.asked, found.n, found.net, found.left_out) == (1, 1, 100.0, {})
    page = as_user(rep).get(f"/surveys/{survey.pk}/").content.decode()
    assert "Ours is fine" in page
    assert "Theirs is not" not in page
    assert "This page counts the customers that you see: 1 of 40 who were asked." in page


def test_nine_answers_of_many_are_not_enough_to_tell(ops, survey, as_user):
    for _n in range(9):
        reply(survey, 9)
        leave_out(survey, "not_drawn")
    page = as_user(ops).get(f"/surveys/{survey.pk}/").content.decode()
    assert "Not enough answers to tell." in page
    assert "There are 9 answers; with fewer than 10" in page
    assert "9 answers counted, of 18 who could have been asked." in page
    assert "in 19 of 20 draws" not in page


def test_ten_answers_show_the_figure_with_its_margin(ops, survey, as_user):
    """6 promoters, 2 passives, 2 detractors of 20: +40; (6.75 − 2.75) ÷ 13 = 30.77; variance 0.73077 − 0.09467 =
    0.63609; arm 1.96 × √(0.63609 ÷ 13) = 43.35, so −12.58 … 74.12; √(10 ÷ 19) = 0.72548: 1.85 … 64.75."""
    for score in (10, 10, 10, 9, 9, 9, 8, 7, 6, 0):
        reply(survey, score)
        leave_out(survey, "not_drawn")
    page = as_user(ops).get(f"/surveys/{survey.pk}/").content.decode()
    assert '<span class="big">+40</span>' in page
    assert "between +2 and +65 in 19 of 20 draws like this one" in page
    assert "6 promoters (9–10)" in page and "2 passives (7–8)" in page and "2 detractors (0–6)" in page
    assert "10 answers counted, of 20 who could have been asked." in page


def test_a_survey_that_asked_nobody_says_what_to_do(ops, survey, as_user):
    page = as_user(ops).get(f"/surveys/{survey.pk}/").content.decode()
    assert "Nobody has been asked yet." in page
    assert f'href="/surveys/{survey.pk}/wave/"' in page


def test_a_wave_of_another_survey_is_not_found(ops, survey, as_user):
    ask(survey)
    client, other = as_user(ops), people.survey(ops)
    wave = Wave.objects.get()
    assert client.get(f"/surveys/{other.pk}/?wave={wave.pk}").status_code == 404
    assert client.get(f"/surveys/{survey.pk}/?wave=abc").status_code == 404
    assert client.get("/surveys/999999/").status_code == 404


def test_read_only_people_see_no_names_of_contacts(ops, survey, as_user):
    factories.installation(visibility="all")
    answer = reply(survey, 9)
    leave_out(survey, "new")
    reader = as_user(factories.user("read_only"))
    for path in ("", "not-asked/"):
        page = reader.get(f"/surveys/{survey.pk}/{path}").content.decode()
        assert answer.contact.name not in page
        assert NotAsked.objects.system("test").get().contact.name not in page
    assert answer.account.name in reader.get(f"/surveys/{survey.pk}/").content.decode()


def test_comments_are_text(ops, survey, as_user):
    reply(survey, 2, comment="<script>alert(1)</script>")
    page = as_user(ops).get(f"/surveys/{survey.pk}/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("path", ["", "not-asked/"])
def test_a_page_takes_the_same_queries_for_one_row_and_for_three(ops, survey, as_user, path):
    client = as_user(ops)
    url = f"/surveys/{survey.pk}/{path}"
    reply(survey, 9)
    leave_out(survey, "new")
    client.get(url)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    for _n in range(2):
        reply(survey, 3, owner=factories.user("rep"))
        leave_out(survey, "not_drawn", owner=factories.user("rep"))
    with CaptureQueriesContext(connection) as three:
        client.get(url)
    assert len(one) == len(three)


def test_long_lists_come_in_screenfuls_and_lose_nobody(ops, survey, as_user):
    for _n in range(52):
        reply(survey, 9)
        leave_out(survey, "new")
    wave = Wave.objects.get()
    first = queries.answers(wave, ops)
    assert first.next
    second = queries.answers(wave, ops, after=first.next)
    assert (len(first.rows), len(second.rows), second.next) == (50, 2, None)
    assert len({row.pk for row in [*first.rows, *second.rows]}) == 52
    client = as_user(ops)
    page = client.get(f"/surveys/{survey.pk}/not-asked/?reason=new").content.decode()
    assert page.count("Customer for too short a time.</td>") == 50
    last = NotAsked.objects.system("test").order_by("pk")[49].pk
    assert f"?reason=new&amp;after={last}" in page
    rest = client.get(f"/surveys/{survey.pk}/not-asked/?reason=new&after={last}").content.decode()
    assert rest.count("Customer for too short a time.</td>") == 2


def test_the_wave_page_shows_before_it_sends(ops, survey, as_user):
    for segment in ("fleet", "fleet", "taxi"):
        people.loyal(segment=segment)
    people.loyal(used=0)
    client = as_user(ops)
    page = client.get(f"/surveys/{survey.pk}/wave/?target=2").content.decode()
    assert page.count('class="button primary"') == 1
    assert ">Ask 2 customers</button>" in page
    assert "Uses the product too little to judge it." in page
    assert Wave.objects.count() == 0
    document = client.get(f"/surveys/{survey.pk}/mail/en/?target=2")
    assert document["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert document["X-Frame-Options"] == "SAMEORIGIN"
    assert "We are asking 2 customers this time, more than half of the 3 we could ask." in document.content.decode()
    # Nobody drawn reads Korean, so a sample stands in.
    korean = client.get(f"/surveys/{survey.pk}/mail/ko/?target=1").content.decode()
    assert "김도윤 팀장님, 안녕하세요." in korean
    assert "이번에는 한 분께만 여쭙니다. 두 문항이라 금방 끝납니다." in korean
    assert client.get(f"/surveys/{survey.pk}/mail/de/").status_code == 404


def test_the_button_asks_as_many_as_it_said_and_a_second_press_nobody(ops, survey, as_user):
    for _n in range(4):
        people.loyal()
    client = as_user(ops)
    first = client.post(f"/surveys/{survey.pk}/wave/", {"target": 3})
    again = client.post(f"/surveys/{survey.pk}/wave/", {"target": 3})
    wave = Wave.objects.get()
    assert (first["Location"], again["Location"]) == (f"/surveys/{survey.pk}/?wave={wave.pk}",) * 2
    assert wave.asked == 3
    page = client.get(f"/surveys/{survey.pk}/wave/").content.decode()
    assert "It can be asked again a day later." in page
    assert ">Ask 1 customer" not in page


@pytest.mark.parametrize("target", ["0", "501", "many", ""])
def test_an_odd_number_is_refused_in_words(ops, survey, as_user, target):
    people.loyal()
    response = as_user(ops).post(f"/surveys/{survey.pk}/wave/", {"target": target})
    assert (response.status_code, Wave.objects.count()) == (422, 0)


def test_an_answer_is_editable_for_a_day(ops, survey):
    answer = reply(survey, 9)
    ends = NOW + timedelta(hours=24)
    assert [queries.editable(answer, at=at) for at in (NOW, ends - timedelta(seconds=1), ends)] == [True, True, False]
