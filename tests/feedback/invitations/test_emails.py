"""The invitation as the customer reads it, in both languages."""

import re
from datetime import UTC, date, datetime
from email import message_from_bytes, policy

import pytest

from crm.outbox import emails as outbox
from crm.outbox.models import OutboundMail
from feedback.invitations import emails
from feedback.invitations.actions import open_wave
from feedback.invitations.emails import Facts
from feedback.invitations.models import Invitation
from feedback.invitations.queries import token_of
from feedback.surveys.queries import words
from tests import factories
from tests.factories import NOW
from tests.feedback import people

LENA = Facts(
    name="Lena Braun",
    job_title="Head of Operations",
    years=2,
    asked=40,
    eligible=120,
    sender="Mina Kwon",
    sender_title="Customer success",
    company="Fleetline GmbH",
    reply_days=2,
)
DOYUN = Facts(
    name="김도윤",
    job_title="팀장",
    years=1,
    asked=40,
    eligible=120,
    sender="권민아",
    sender_title="고객 담당",
    company="플릿라인",
    reply_days=2,
)
URL = "https://crm.example/s/abc/"


@pytest.fixture
def written(db):
    factories.installation(product_name="Fleetline", company_name="Fleetline GmbH")
    survey = people.survey()

    def write(known, language):
        return emails.letter(known, words(survey)[language], url=URL)

    return write


def test_the_english_mail_reads_as_it_was_meant(written):
    letter = written(LENA, "en")
    scores = "\n".join(
        f"{n}{' (not at all likely)' if n == 0 else ' (very likely)' if n == 10 else ''}: {URL}?score={n}"
        for n in range(11)
    )
    assert letter.subject == "Two questions about Fleetline"
    assert letter.text == (
        "Hello Lena,\n\n"
        "Thank you for 2 years with us. I look after customers at Fleetline GmbH, and your answer shows us what to "
        "mend first.\n"
        "We ask 40 customers this time, no more. It is two questions and takes about a minute.\n\n"
        "How likely are you to recommend Fleetline to a colleague?\n\n"
        f"{scores}\n\n"
        "A number opens a page with that answer chosen; nothing is recorded until you press the button there.\n"
        f"Open the page without choosing: {URL}\n\n"
        "I read every answer myself, and where you need something from us I reply within 2 working days.\n\n"
        "Mina Kwon\nCustomer success, Fleetline GmbH"
    )


def test_the_korean_mail_reads_as_it_was_meant(written):
    letter = written(DOYUN, "ko")
    scores = "\n".join(
        f"{n}{' (전혀 아니다)' if n == 0 else ' (꼭 추천한다)' if n == 10 else ''}: {URL}?score={n}" for n in range(11)
    )
    assert letter.subject == "Fleetline에 대해 두 가지만 여쭙니다"
    assert letter.text == (
        "김도윤 팀장님, 안녕하세요.\n\n"
        "2년째 함께해 주셔서 고맙습니다. 저는 Fleetline GmbH에서 고객 담당을 맡고 있고, 무엇부터 고쳐야 할지 알고 싶어 "
        "여쭙니다.\n"
        "이번에는 마흔 분께만 여쭙니다. 두 문항이라 금방 끝납니다.\n\n"
        "Fleetline을 동료에게 추천하실 마음은 어느 정도인가요?\n\n"
        f"{scores}\n\n"
        "숫자를 누르시면 그 점수가 골라진 페이지가 열리고, 거기서 버튼을 누르셔야 답변이 저장됩니다.\n"
        f"점수를 고르지 않고 페이지 열기: {URL}\n\n"
        "답변은 제가 직접 읽고, 여쭐 점이 있으면 영업일 이틀 안에 답장드리겠습니다.\n\n"
        "권민아 드림\n플릿라인 고객 담당"
    )


@pytest.mark.parametrize(
    ("asked", "eligible", "english", "korean"),
    [
        (40, 80, "We ask 40 customers this time, no more.", "이번에는 마흔 분께만 여쭙니다."),
        (
            30,
            48,
            "We are asking 30 customers this time, more than half of the 48 we could ask.",
            "이번에는 여쭐 수 있는 마흔여덟 분 가운데 절반이 넘는 서른 분께 여쭙니다.",
        ),
        (1, 5, "We ask 1 customer this time, no more.", "이번에는 한 분께만 여쭙니다."),
    ],
)
def test_the_size_of_the_circle_is_told_truthfully(asked, eligible, english, korean):
    known = Facts(**LENA.__dict__ | {"asked": asked, "eligible": eligible})
    assert emails.phrases(known, "en").circle == f"{english} It is two questions and takes about a minute."
    assert emails.phrases(known, "ko").circle == f"{korean} 두 문항이라 금방 끝납니다."


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_mail_is_under_150_words(written, language):
    text = written(LENA if language == "en" else DOYUN, language).text
    assert len(re.sub(r"https?://\S+", "", text).split()) < 150


def test_what_people_typed_is_text_in_the_html(written):
    letter = written(Facts(**LENA.__dict__ | {"name": "<b>Lena</b>", "sender": "A & B"}), "en")
    assert "Hello &lt;b&gt;Lena&lt;/b&gt;," in letter.html
    assert "A &amp; B" in letter.html


def test_names_in_a_text_reach_no_further_than_our_two_names(db):
    factories.installation(product_name="{{ company }}", company_name="Secret")
    survey = people.survey()
    assert words(survey)["en"].subject == "Two questions about {{ company }}"


@pytest.fixture
def sent(db):
    """One wave of one Korean and one English reader, as it stands in the outbox."""
    factories.installation(product_name="Fleetline", company_name="Fleetline GmbH")
    ops = factories.user("ops_admin")
    [korean] = people.loyal(language="ko", time_zone="Asia/Seoul", customer_since=date(2024, 11, 22))
    korean.name, korean.job_title, korean.language = "김도윤", "팀장", "ko-KR"
    korean.save()
    [german] = people.loyal(language="de")
    # Friday, 09:00 UTC: 18:00 in Seoul.
    open_wave(people.survey(ops), target=5, at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC), by=ops)
    rows = OutboundMail.objects.system("test").order_by("pk")
    return {mail.contact_id: mail for mail in rows}, korean, german


def test_each_reader_gets_the_own_language_and_the_own_working_hours(sent):
    mails, korean, german = sent
    assert mails[korean.pk].subject == "Fleetline에 대해 두 가지만 여쭙니다"
    assert mails[korean.pk].due_at == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
    assert mails[german.pk].subject == "Two questions about Fleetline"
    assert mails[german.pk].due_at == datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert mails[korean.pk].body_text.startswith("김도윤 팀장님, 안녕하세요.\n\n2년째 함께해 주셔서 고맙습니다.")


def test_the_mail_on_the_wire_can_be_stopped_with_one_click_and_fetches_nothing(sent):
    mails, korean, _german = sent
    mail = mails[korean.pk]
    message = message_from_bytes(outbox.wire(mail, at=NOW), policy=policy.default)
    assert message["From"] == f"Mina Kwon <{mail.signer.email}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Unsubscribe"].startswith("<http://localhost:8000/u/")
    rich, plain = message.get_body(("html",)), message.get_body(("plain",))
    assert rich and plain
    html = rich.get_content()
    assert not re.search(r"<(img|link|script|iframe)|url\(|@import", html)
    assert "<style" not in html
    last = plain.get_content().splitlines()[-1]
    assert re.fullmatch(r"\S.*: http://localhost:8000/u/\S+", last)


def test_the_numbers_link_to_the_persons_own_page_with_the_score(sent):
    mails, korean, _german = sent
    invitation = Invitation.objects.system("test").get(contact=korean)
    url = f"http://localhost:8000/s/{token_of(invitation)}/"
    links = re.findall(r'href="([^"]+)"', mails[korean.pk].body_html)
    assert links[:12] == [*(f"{url}?score={n}" for n in range(11)), url]
    assert invitation.mail_id == mails[korean.pk].pk
    assert mails[korean.pk].key == f"survey:{invitation.pk}"
