"""The invitation as the customer reads it, in English and Korean, and its opening lines for the public page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from crm.contacts.models import Contact
from crm.outbox import emails as outbox
from crm.outbox.models import UnsubscribeLink
from crm.staff.models import Installation
from feedback.invitations import rules
from feedback.surveys.models import Survey
from feedback.surveys.queries import Words


@dataclass(frozen=True)
class Facts:
    """All that an invitation says about the person, the circle and us. `years`: whole years as a customer.

    `chosen`: a segment was asked, so that there may be others who could have been.
    """

    name: str
    job_title: str
    years: int
    asked: int
    eligible: int
    sender: str
    sender_title: str
    company: str
    reply_days: int
    chosen: bool = False


@dataclass(frozen=True)
class Phrases:
    """The sentences around the question, in one language. `signature`: who, and in which role where."""

    greeting: str
    thanks: str
    circle: str
    how: str
    page: str
    promise: str
    signature: tuple[str, str]


# Whom a preview addresses when nobody who would be asked reads that language: (name, job title).
SAMPLES = {"en": ("Lena Braun", "Head of Operations"), "ko": ("김도윤", "팀장")}


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str
    html: str


def facts(
    survey: Survey,
    contact: Contact,
    *,
    since: date | None,
    circle: tuple[int, int],
    chosen: bool,
    ours: Installation,
    day: date,
) -> Facts:
    """`circle`: (how many are asked, how many could be)."""
    return Facts(
        name=contact.name,
        job_title=contact.job_title,
        years=rules.years(since, day),
        asked=circle[0],
        eligible=circle[1],
        sender=survey.sender.name,
        sender_title=survey.sender.job_title,
        company=ours.company_name,
        reply_days=survey.reply_working_days,
        chosen=chosen,
    )


def _english(known: Facts) -> Phrases:
    name = rules.addressed(known.name, known.job_title, "en")
    year = "a year" if known.years == 1 else f"{known.years} years"
    people = "1 customer" if known.asked == 1 else f"{known.asked} customers"
    days = "one working day" if known.reply_days == 1 else f"{known.reply_days} working days"
    others = "whom this survey is for" if known.chosen else "we could ask"
    circle = (
        f"We are asking {people} this time, more than half of the {known.eligible} {others}."
        if rules.most(known.asked, known.eligible)
        else f"We ask {people} this time, no more."
    )
    return Phrases(
        greeting=f"Hello {name}," if name else "Hello,",
        thanks=f"Thank you for {year} with us." if known.years else "Thank you for working with us.",
        circle=f"{circle} It is two questions and takes about a minute.",
        how="A number opens a page with that answer chosen; nothing is recorded until you press the button there.",
        page="Open the page without choosing",
        promise=f"I read every answer myself, and where you need something from us I reply within {days}.",
        signature=(known.sender, ", ".join(word for word in (known.sender_title, known.company) if word)),
    )


def _korean(known: Facts) -> Phrases:
    name = rules.addressed(known.name, known.job_title, "ko")
    asked = rules.people_in_korean(known.asked)
    others = "이 설문의 대상이신" if known.chosen else "여쭐 수 있는"
    circle = (
        f"이번에는 {others} {rules.people_in_korean(known.eligible)} 가운데 절반이 넘는 {asked}께 여쭙니다."
        if rules.most(known.asked, known.eligible)
        else f"이번에는 {asked}께만 여쭙니다."
    )
    days = rules.days_in_korean(known.reply_days)
    return Phrases(
        greeting=f"{name}, 안녕하세요." if name else "안녕하세요.",
        # In its n-th year: counted from one, as Koreans count what is going on.
        thanks=f"{known.years + 1}년째 함께해 주셔서 고맙습니다." if known.years else "함께해 주셔서 고맙습니다.",
        circle=f"{circle} 두 문항이라 금방 끝납니다.",
        how="숫자를 누르시면 그 점수가 골라진 페이지가 열리고, 거기서 버튼을 누르셔야 답변이 저장됩니다.",
        page="점수를 고르지 않고 페이지 열기",
        promise=f"답변은 제가 직접 읽고, 여쭐 점이 있으면 영업일 {days} 안에 답장드리겠습니다.",
        signature=(f"{known.sender} 드림", " ".join(word for word in (known.company, known.sender_title) if word)),
    )


_PHRASES: dict[str, Callable[[Facts], Phrases]] = {"en": _english, "ko": _korean}


def phrases(known: Facts, language: str) -> Phrases:
    return _PHRASES[language](known)


def answer_url(token: str) -> str:
    return f"{settings.SITE_URL}{reverse('answer', args=[token])}"


def letter(known: Facts, words: Words, *, url: str) -> Letter:
    """Subject and both bodies, without the footer that the outbox adds. `url`: the person's own page."""
    said = phrases(known, words.language)
    lines = [[(score, f"{url}?score={score}") for score in row] for row in (range(6), range(6, 11))]
    context = {"said": said, "words": words, "rows": lines, "url": url}
    text = render_to_string("emails/survey.txt", context)
    return Letter(words.subject, text.strip(), render_to_string("emails/survey.html", context))


def document(letter: Letter, language: str) -> SafeString:
    """The whole mail as HTML with the outbox's layout, for looking at; its links lead nowhere."""
    frame = outbox.footer(
        language=language,
        subject=letter.subject,
        kind="survey",
        unattended=False,
        reply=False,
        team="",
        reader="",
        stop_url="#",
    )
    return SafeString(outbox.as_html(frame, letter.text, letter.html))


def stop_url(link: UnsubscribeLink) -> str:
    return outbox.unsubscribe_url(link)
