"""What no message of ours may say or lack: a list of rules over the finished text, in English and Korean.

Pure: text in, problems out. What each code means in words stands with whoever shows it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

MOST_WORDS = 150

_PATTERNS: dict[str, tuple[str, ...]] = {
    "missing_you": (
        r"\b(we|i)\W?(ve)? (really )?miss(ed)? (you|having you)\b",
        r"\bcome back to us\b|\bwe want you back\b|\bsorry to see you go\b|\bwhere have you been\b",
        r"\bit'?s been (a while|too long)\b",
        r"보고 ?싶(었|습|어)|그리웠|그립|돌아와",
    ),
    "guilt": (
        r"\bafter all we('ve| have) done\b|\bdon'?t you care\b",
        r"\bwe('re| are) (sad|hurt|heartbroken|disappointed)\b",
        r"\byou('ve| have) (forgotten|abandoned|ignored) us\b",
        r"섭섭|서운|잊으셨",
    ),
    "scarcity": (
        r"\b(only|just) \d+ (spots?|seats?|places?|days?|hours?) (left|remain)|\blast chance\b|\bhurry\b",
        r"\bact (now|fast)\b|\blimited[- ]time\b|\bbefore it'?s too late\b|\bdon'?t miss out\b",
        r"마지막 기회|서두르|놓치지 마|선착순|마감 ?임박|한정",
    ),
    "robot": (
        r"\bi hope this (e-?mail|message) finds you well\b|\bplease do not hesitate\b|\bper my last\b",
        r"\bdear (valued )?(customer|user|sir or madam)\b|\bjust (checking|touching) (in|base)\b",
        r"\breach(ing)? out to\b|\bdo not reply\b",
        r"고객님께 알려 ?드립니다|귀하의|본 메일은 발신 ?전용",
    ),
    "both_particles": (r"을\(를\)|를\(을\)|이\(가\)|가\(이\)|은\(는\)|는\(은\)|과\(와\)|와\(과\)|\(으\)로",),
    "unfilled": (r"\{\{|\}\}|\{%|\[(name|first name|company|이름|회사)\]|<(name|company)>|\bXXX+\b",),
    "exclamation": (r"!{2,}",),
}
_RULES = {code: re.compile("|".join(phrases), re.IGNORECASE) for code, phrases in _PATTERNS.items()}
_OWNING_UP = re.compile(
    r"\b(our (fault|mistake|error)|we (broke|failed|let you down|got .* wrong|were (late|wrong)))"
    r"|\b(we (should|could) have|(i|we) apologi[sz]e)|저희 (잘못|실수|책임)|죄송|사과드",
    re.IGNORECASE,
)
_NO_REPLY = re.compile(r"(no|do-?not)[-_.]?reply|noreply|mailer-daemon", re.IGNORECASE)
# An ask is a question, or a sentence that invites to act.
_ASK = re.compile(
    r"\?|？|\b(please (reply|let me know|tell me|answer|book|choose|open|click))\b"
    r"|(해|려|알려|회신|답장|선택해) ?주(세요|시겠|시면|십시오)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Letter:
    """A finished message and what it must be true to.

    `facts`: the recipient's own figures as printed; one of them must stand in the body. `others`: names of other
    people there, none of whom may be named. `our_fault`: the cause is ours, so the text has to own up to it.
    """

    subject: str
    body: str
    recipient: str
    signer: str
    sender: str
    facts: tuple[str, ...]
    others: tuple[str, ...] = ()
    our_fault: bool = False


@dataclass(frozen=True)
class Problem:
    """One broken rule: its code and the words of the text that break it (empty: something is lacking)."""

    code: str
    where: str = field(default="")


def lint(letter: Letter) -> list[Problem]:
    """Every rule that the letter breaks, in a fixed order; an empty list means it may go to approval."""
    text = f"{letter.subject}\n{letter.body}"
    found = [Problem(code, match.group()) for code, rule in _RULES.items() if (match := rule.search(text))]
    return [*found, *_lacking(letter), *_named(letter)]


def _lacking(letter: Letter) -> Iterable[Problem]:
    if not any(_stands_in(fact, letter.body) for fact in letter.facts):
        yield Problem("no_fact")
    asks = len(asks_of(letter.body))
    if asks == 0:
        yield Problem("no_next_step")
    if asks > 1:
        yield Problem("many_asks", str(asks))
    if not _stands_in(letter.recipient, letter.body):
        yield Problem("no_name")
    if not _stands_in(letter.signer, "\n".join(letter.body.strip().splitlines()[-4:])):
        yield Problem("no_signature")
    if _NO_REPLY.search(letter.sender):
        yield Problem("no_reply", letter.sender)
    if (words := len(letter.body.split())) > MOST_WORDS:
        yield Problem("too_long", str(words))
    if letter.our_fault and not _OWNING_UP.search(letter.body):
        yield Problem("not_owned_up")


def _named(letter: Letter) -> Iterable[Problem]:
    for name in letter.others:
        if name and name not in (letter.recipient, letter.signer) and _stands_in(name, letter.body):
            yield Problem("names_others", name)


def asks_of(body: str) -> list[str]:
    """The sentences that ask for something. Two questions in a row about the same thing are two asks."""
    sentences = re.split(r"(?<=[.!?？。])\s+|\n+", body)
    return [sentence.strip() for sentence in sentences if _ASK.search(sentence)]


def _stands_in(word: str, text: str) -> bool:
    """Whether the word stands in the text as a word of its own; Korean words may carry particles behind them."""
    if not word.strip():
        return False
    return re.search(rf"(?<!\w){re.escape(word.strip())}(?![A-Za-z0-9])", text) is not None
