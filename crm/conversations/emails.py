"""What we say to a customer who waits: who answers, and by when."""

from datetime import datetime

from babel.dates import format_datetime

from crm.conversations.models import Conversation
from crm.lib.places import zone_of

_MOMENT = {"en": "EEEE d MMMM, HH:mm", "ko": "M월 d일 EEEE HH:mm"}
_ANSWERS = {"en": "{who} answers you by {when}.", "ko": "{when}까지 {who} 담당자가 답을 드리겠습니다."}


def language_of(row: Conversation) -> str:
    """The language in which we write to them: one of those that we have phrases in."""
    wanted = (row.contact.language if row.contact else "") or row.account.language
    return "ko" if wanted.partition("-")[0] == "ko" else "en"


def moment(at: datetime, row: Conversation) -> str:
    """An instant as their own clock shows it, in their language."""
    language = language_of(row)
    place = zone_of((row.contact.time_zone if row.contact else "") or row.account.time_zone)
    return str(format_datetime(at.astimezone(place), _MOMENT[language], locale=language))


def who_answers(row: Conversation, at: datetime) -> str:
    """The sentence to pass on while the clock runs; empty when nobody is named, and where it would not be true."""
    if row.responder is None or row.due_at is None or row.since is None or row.due_at <= at:
        return ""
    return _ANSWERS[language_of(row)].format(who=row.responder.name, when=moment(row.due_at, row))
