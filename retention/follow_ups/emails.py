"""The word that an answer will be late: who answers, by when it was to come, and by when it will."""

from dataclasses import dataclass
from datetime import datetime

from crm.conversations.emails import language_of, moment
from crm.conversations.models import Conversation
from crm.staff.models import Installation
from retention.messages.emails import first_name, greeting

_ENGLISH = """Hi {name},

your message of {asked} is with me. You were to have an answer by {due}, and {why}. You will have it by {next}.

{signer}
{title}, {company}"""
_KOREAN = """{name}, 안녕하세요.

{asked}에 보내 주신 글은 제가 맡고 있습니다. {due}까지 답을 드리기로 했는데, {why} {next}까지는 꼭 답을 드리겠습니다.

{signer} 드림
{company} {title}"""
_WHY = {
    "en": ("I will not make it by then", "it has not come yet. I am sorry"),
    "ko": ("그때까지는 어렵겠습니다. 죄송합니다.", "아직 드리지 못했습니다. 죄송합니다."),
}
_TITLE = {"en": "Customer success", "ko": "고객 담당"}
_FALLBACK = {"en": "your message", "ko": "보내 주신 글"}


@dataclass(frozen=True)
class Word:
    subject: str
    body: str
    language: str
    facts: dict[str, str]


def late_word(talk: Conversation, *, next_at: datetime, at: datetime, ours: Installation) -> Word:
    """In the reader's language and zone, signed by who answers. `next_at`: by when the answer comes instead."""
    contact, signer, language = talk.contact, talk.responder, language_of(talk)
    assert contact is not None and signer is not None and talk.asked_at is not None and talk.due_at is not None
    times = {"asked": talk.asked_at, "due": talk.due_at, "next": next_at}
    moments = {name: moment(value, talk) for name, value in times.items()}
    words = moments | {
        "name": greeting(contact.name, contact.job_title) if language == "ko" else first_name(contact.name) or "there",
        "why": _WHY[language][talk.due_at < at],
        "signer": signer.name,
        "title": signer.job_title or _TITLE[language],
        "company": ours.company_name,
    }
    body = (_KOREAN if language == "ko" else _ENGLISH).format(**words)
    return Word(f"Re: {talk.subject or _FALLBACK[language]}", body, language, moments)
