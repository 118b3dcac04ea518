"""The timeline has words for whatever its query can give; which kinds there are stands in the query alone."""

import re
from pathlib import Path

from django.utils.translation import override

from crm.conversations.models import Channel, channel_icon
from crm.staff.models import User
from crm.subscriptions.models import PaymentKind
from crm.templatetags.ui import KINDS_OF_LINE
from retention import outcomes
from retention.outcomes.queries import Event
from retention.pages import handover, telling
from retention.plays.models import PlayEnd
from tests.factories import NOW

STORY = (Path(str(outcomes.__file__)).parent / "story.sql").read_text()
# A branch gives when, then its kind: the first quoted word after a comma.
KINDS = set(re.findall(r"^    \(SELECT .*?, '(\w+)'", STORY, re.MULTILINE))


def test_every_kind_of_the_story_has_words_and_an_icon():
    assert len(KINDS) == STORY.count("\n    (SELECT ") == 17
    assert set(telling.WORDS) == KINDS
    assert telling.BY_DAY | set(telling.ICONS) | handover.SAID <= KINDS
    icons = {telling.ICONS.get(kind, kind) for kind in KINDS - {"talk"}} | {channel_icon(each) for each in Channel}
    assert icons <= set(KINDS_OF_LINE)


def ends() -> dict[str, str]:
    """What a play that ended is said to have come to, by each reason of the model."""
    told = [Event(NOW, "play", 1, "Win back", "", {"ended_at": "2026-11-20", "reason": each.value}) for each in PlayEnd]
    lines = telling.lines(told, User(role="manager"))
    return {each.value: line.state for each, line in zip(PlayEnd, lines, strict=True)}


def test_every_reason_for_which_a_play_ends_has_a_word():
    assert ends() == {"solved": "solved", "finished": "finished", "churned": "the account left"}
    with override("ko"):
        assert [word for word in ends().values() if re.search("[a-z]", word)] == []


def test_every_kind_of_payment_has_words():
    assert set(telling.PAYMENTS) == set(PaymentKind)
