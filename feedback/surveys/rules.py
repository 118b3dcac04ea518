"""The words that a new survey begins with, per language, and how its texts are filled."""

from collections.abc import Mapping

from crm.lib import grammar


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it."""
    return text


MISSING = _("This text is missing. To leave a language out, empty all of its texts.")
UNREADABLE = _("This cannot be read: %(where)s")
UNKNOWN = _("Nothing is known under the name %(name)s. Use {{ product }} or {{ company }}.")

LANGUAGES = ("en", "ko")
PARTS = ("subject", "why", "question", "low_word", "high_word", "reason_question")
NAMES = ("product", "company")

DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "subject": "Two questions about {{ product }}",
        "why": "I look after customers at {{ company }}, and your answer shows us what to mend first.",
        "question": "How likely are you to recommend {{ product }} to a colleague?",
        "low_word": "not at all likely",
        "high_word": "very likely",
        "reason_question": "What is the one main reason for your score?",
    },
    "ko": {
        "subject": "{{ product }}에 대해 두 가지만 여쭙니다",
        "why": "저는 {{ company }}에서 고객 담당을 맡고 있고, 무엇부터 고쳐야 할지 알고 싶어 여쭙니다.",
        "question": '{{ product | josa:"을/를" }} 동료에게 추천하실 마음은 어느 정도인가요?',
        "low_word": "전혀 아니다",
        "high_word": "꼭 추천한다",
        "reason_question": "가장 큰 이유를 한 가지만 알려 주세요",
    },
}


def filled(text: str, *, product: str, company: str) -> str:
    """The text with our names in it; plain replacement, so nothing in a text can reach further.

    What cannot be read, though saving refuses it, stands there as it is.
    """
    try:
        return grammar.render(text, {"product": product, "company": company}).text
    except grammar.GrammarError:
        return text


def flaw(text: str) -> tuple[str, dict[str, str]] | None:
    """What keeps a text from being used: a sentence with its values, or None."""
    if not text.strip():
        return MISSING, {}
    try:
        unknown = grammar.unknown_names(text, NAMES)
    except grammar.GrammarError as error:
        return UNREADABLE, {"where": error.where}
    return (UNKNOWN, {"name": unknown[0]}) if unknown else None


def language_of(*codes: str, available: tuple[str, ...]) -> str:
    """The first of the reader's languages that the survey speaks ("ko-KR" counts as "ko"), else the survey's first."""
    for code in codes:
        base = code.replace("_", "-").split("-")[0].lower()
        if base in available:
            return base
    return available[0]
