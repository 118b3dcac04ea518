"""Why a contact is not asked, how a wave is drawn, when a mail may arrive, and how Korean counts and greets."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from crm.lib.working_hours import Hours, working_moment


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it."""
    return text


LARGEST = 500  # few, and the right ones
SUGGESTED = 40
LINK_DAYS = 60
ANY_SURVEY_DAYS = 90  # between two surveys of any kind to one person
APART = timedelta(hours=24)  # between two waves of one survey
LATE = timedelta(days=7)
FROM, TO = time(9), time(17)

# In the order in which they are looked at: the first that holds is the reason.
REASONS: Mapping[str, str] = {
    "left": _("No longer works there."),
    "no_address": _("No usable email address is known."),
    "suppressed": _("The address gets no surveys: it unsubscribed, bounced or complained."),
    "withdrawn": _("Said no to surveys."),
    "role": _("Looks after billing; other roles know the answer better."),
    "not_live": _("The customer is not live: on trial, being set up, or gone."),
    "since_unknown": _("We do not know since when they have been a customer."),
    "new": _("Customer for too short a time."),
    "little_use": _("Uses the product too little to judge it."),
    "held": _("We ask this customer nothing while something on our side is unsettled."),
    "asked_recently": _("Was asked in a survey not long ago."),
    "contact_budget": _("This person has had as many mails from us in 30 days as we allow ourselves."),
    "account_budget": _("This customer has had as many mails from us in 30 days as we allow ourselves."),
    "refused": _("The mail could not be addressed; look at the contact's name and address."),
    "colleague": _("Could have been asked; a colleague at the same customer was."),
    "not_drawn": _("Could have been asked; the draw fell on others."),
}
NO_SEGMENT = _("This segment is gone, or not shared with you any more. Choose another one.")
COULD_HAVE = ("colleague", "not_drawn")
# What the outbox calls a refusal → what a wave calls it.
_OUTBOX = {"erased": "left", "left": "left", "bad_header": "refused", "new_address": "no_address"}


def reason_of(outbox_reason: str) -> str:
    reason = _OUTBOX.get(outbox_reason, outbox_reason)
    return reason if reason in REASONS else "refused"


def seed(survey: int, day: date) -> str:
    """What the draw of a survey on a day hangs on; known beforehand, so that a preview shows the very draw."""
    return f"survey {survey} on {day:%Y-%m-%d}"


def most(asked: int, eligible: int) -> bool:
    """Whether "only so many" would mislead: more than half of those who could be asked are."""
    return 2 * asked > eligible


def years(since: date | None, day: date) -> int:
    """Whole years as a customer; 0 when it is not known since when."""
    if since is None or since > day:
        return 0
    return day.year - since.year - ((day.month, day.day) < (since.month, since.day))


def send_at(at: datetime, hours: Hours) -> datetime:
    """The first instant from `at` on that is a working day between 9:00 and 17:00 where the reader lives, in UTC."""
    return working_moment(at, hours, opens=FROM, closes=TO)


_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_DAYS = {1: "하루", 2: "이틀", 3: "사흘", 4: "나흘", 5: "닷새"}


def people_in_korean(n: int) -> str:
    """40 → 마흔 분. Beyond 99 nobody counts in native words: 120분."""
    if not 0 < n < 100:
        return f"{n}분"
    return ("스무" if n == 20 else _TENS[n // 10] + _ONES[n % 10]) + " 분"


def days_in_korean(n: int) -> str:
    return _DAYS.get(n, f"{n}일")


def hangul(text: str) -> bool:
    return any("가" <= character <= "힣" for character in text)


def addressed(name: str, job_title: str, language: str) -> str:
    """How the person is spoken to: Lena; 김도윤 팀장님; without a Korean title 김도윤 님; no name: empty."""
    words = name.split()
    if not words:
        return ""
    if language != "ko":
        # A Korean name is not cut: its first syllables are the family's.
        return name.strip() if hangul(name) else words[0]
    title = job_title.strip()
    if hangul(name) and hangul(title) and " " not in title:
        return f"{name.strip()} {title.removesuffix('님')}님"
    return f"{name.strip()} 님"
