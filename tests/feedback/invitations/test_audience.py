"""A segment as the audience of a wave: drawn by the filter, told account by account, said truthfully."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.audit.models import AuditRow
from crm.outbox.models import OutboundMail
from crm.segments import actions as segments
from crm.segments.models import Segment
from crm.segments.rules import read
from feedback.invitations.actions import open_wave
from feedback.invitations.models import Invitation, NotAsked
from feedback.surveys.models import Wave
from tests import factories
from tests.factories import NOW
from tests.feedback import people


@pytest.fixture
def ops(db):
    return factories.user("ops_admin")


def segment(by, where: str = "segment.is.hotels", name: str = "Hotels") -> Segment:
    return segments.keep_segment(name=name, tree=read(where), at=NOW, by=by)


def told(wave: Wave) -> dict[int, str]:
    """Everyone of whom the wave keeps a row: the reason, empty for those who were asked."""
    rows = dict(NotAsked.objects.system("test").filter(wave=wave).values_list("contact", "reason"))
    return rows | dict.fromkeys(
        Invitation.objects.system("test").filter(wave=wave).values_list("contact", flat=True), ""
    )


def test_a_wave_is_drawn_among_the_accounts_of_the_segment_alone(ops):
    [first], [second] = people.loyal(segment="hotels"), people.loyal(segment="hotels")
    [idle] = people.loyal(segment="hotels", used=0)
    people.loyal(segment="taxis")
    people.loyal(segment="hotels", stage="churned")
    # Merged into a hotel: its people count as the hotel's, whatever its own segment was.
    gone = factories.account(stage="churned", segment="taxis", merged_into=first.account)
    colleague = factories.contact(gone, email="")
    kept = segment(ops)
    wave = open_wave(people.survey(ops), target=40, audience=kept, at=NOW, by=ops)
    assert told(wave) == {first.pk: "", second.pk: "", idle.pk: "little_use", colleague.pk: "no_address"}
    assert (wave.audience, wave.eligible, wave.asked) == (kept, 2, 2)
    assert AuditRow.objects.get(action="wave.opened").after["audience"] == kept.pk


def test_the_mail_says_how_small_the_segment_is_without_claiming_that_there_is_nobody_else(ops):
    for language in ("en", "ko", "en"):
        people.loyal(segment="hotels", language=language)
    people.loyal(segment="taxis")
    open_wave(people.survey(ops), target=2, audience=segment(ops), at=NOW, by=ops)
    said = {
        "en": "We are asking 2 customers this time, more than half of the 3 whom this survey is for.",
        "ko": "이번에는 이 설문의 대상이신 세 분 가운데 절반이 넘는 두 분께 여쭙니다.",
    }
    mails = list(OutboundMail.objects.system("test").filter(kind="survey"))
    assert len(mails) == 2
    assert all(said[mail.language] in mail.body_text for mail in mails)


def test_the_page_says_who_is_in_and_who_would_be_asked_before_it_sends(ops, as_user):
    people.loyal("Sea View", segment="hotels", people=2)
    people.loyal("Old Mill", segment="hotels", used=0)
    people.loyal("City Cabs", segment="taxis")
    survey, kept, client = people.survey(ops), segment(ops), as_user(ops)
    page = client.get(f"/surveys/{survey.pk}/wave/?audience={kept.pk}&target=1").content.decode()
    figures = [part.partition("</span>")[0] for part in page.split('<span class="number">')[1:]]
    # Two customers, three people; both of Sea View could be asked, one would be.
    assert figures == ["2", "3", "2", "1"]
    assert ">Ask 1 customer</button>" in page
    each = client.get(f"/surveys/{survey.pk}/audience/?audience={kept.pk}&target=1").content.decode()
    assert ("Sea View" in each, "Old Mill" in each, "City Cabs" in each) == (True, True, False)
    assert each.count("<b>Segment</b> is hotels") == 2
    assert each.count("<b>would be asked</b>") == 1
    assert each.count("Could have been asked; a colleague at the same customer was.") == 1
    assert each.count("Uses the product too little to judge it.") == 1
    assert (Wave.objects.count(), Invitation.objects.system("test").count()) == (0, 0)


def test_account_by_account_takes_the_same_queries_for_one_and_three(ops, as_user):
    survey, kept, client = people.survey(ops), segment(ops), as_user(ops)
    people.loyal(segment="hotels")
    url = f"/surveys/{survey.pk}/audience/?audience={kept.pk}"
    client.get(url)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    for _n in range(2):
        people.loyal(segment="hotels", people=2)
    with CaptureQueriesContext(connection) as three:
        client.get(url)
    assert len(one) == len(three)


def test_account_by_account_comes_in_screenfuls_and_says_how_many_people_are_left(ops, as_user):
    survey, client = people.survey(ops), as_user(ops)
    crowd = people.loyal("Crowd", people=14)
    for _n in range(25):
        factories.account()
    url = f"/surveys/{survey.pk}/audience/?target=3"
    first = client.get(url).content.decode()
    # Three of fourteen would be asked; of the eleven others three are named.
    assert (first.count("We know nobody there."), "and 8 more" in first) == (24, True)
    following = crowd[0].account_id + 24
    assert f"after={following}" in first
    second = client.get(f"{url}&after={following}").content.decode()
    assert second.count("We know nobody there.") == 1


def test_a_segment_that_is_gone_or_out_of_sight_asks_nobody_rather_than_everybody(ops, as_user):
    people.loyal(segment="hotels")
    survey, kept, client = people.survey(ops), segment(ops), as_user(ops)
    foreign = segment(factories.user("rep"), name="A rep's own")
    url = f"/surveys/{survey.pk}/wave/"
    segments.delete_kept(kept, at=NOW, by=ops)
    for each in (kept, foreign):
        for page in (client.get(url, {"audience": each.pk}), client.post(url, {"audience": each.pk, "target": 5})):
            assert page.status_code == 422
            assert "This segment is gone, or not shared with you any more." in page.content.decode()
            assert ">Ask 1 customer" not in page.content.decode()
        with pytest.raises(ValidationError, match="This segment is gone"):
            open_wave(survey, target=5, audience=each, at=NOW, by=ops)
    assert Wave.objects.count() == 0


def test_a_filter_that_cannot_be_run_says_why(ops, as_user):
    people.loyal()
    kept, client, survey = segment(ops), as_user(ops), people.survey(ops)
    Segment.objects.update(tree={"field": "stars", "op": "is", "values": ["5"]})
    for page in ("wave", "audience"):
        response = client.get(f"/surveys/{survey.pk}/{page}/", {"audience": kept.pk})
        assert (response.status_code, "stars" in response.content.decode()) == (422, True)


def test_the_next_time_begins_with_the_audience_of_last_time(ops, as_user):
    people.loyal(segment="hotels")
    people.loyal(segment="taxis")
    survey, kept, client = people.survey(ops), segment(ops), as_user(ops)
    wave = open_wave(survey, target=5, audience=kept, at=NOW, by=ops)
    Wave.objects.update(opened_at=NOW - timedelta(days=400))
    Invitation.objects.system("test").update(created_at=NOW - timedelta(days=400))
    page = client.get(f"/surveys/{survey.pk}/wave/").content.decode()
    assert f'<option value="{kept.pk}" selected>Hotels</option>' in page
    assert ">Ask 1 customer</button>" in page
    assert "in the segment “Hotels”" in client.get(f"/surveys/{survey.pk}/?wave={wave.pk}").content.decode()
    # The segment is the ops admin's own: others learn that there was one.
    other = as_user(factories.user("manager")).get(f"/surveys/{survey.pk}/?wave={wave.pk}").content.decode()
    assert ("in a segment that is gone or that you do not see" in other, "Hotels" in other) == (True, False)


def test_a_second_press_asks_nobody_and_another_audience_on_the_same_day_is_refused(ops, as_user):
    for _n in range(3):
        people.loyal(segment="hotels")
    survey, kept, client = people.survey(ops), segment(ops), as_user(ops)
    url, asked = f"/surveys/{survey.pk}/wave/", {"audience": kept.pk, "target": 2}
    first, again = client.post(url, asked), client.post(url, asked)
    assert (first.status_code, again["Location"]) == (302, first["Location"])
    others = client.post(url, {"audience": "", "target": 2})
    assert (others.status_code, "This survey went out to another audience" in others.content.decode()) == (422, True)
    assert (Wave.objects.count(), OutboundMail.objects.system("test").filter(kind="survey").count()) == (1, 2)
