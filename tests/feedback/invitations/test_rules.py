"""When a mail may arrive, and how Korean counts and greets."""

from datetime import UTC, date, datetime

import pytest

from crm.calendars.rules import OFFICE_WEEK
from crm.lib.working_hours import Hours
from feedback.invitations import rules


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        # 2026-11-20 is a Friday.
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), "UTC", datetime(2026, 11, 20, 9, 0, tzinfo=UTC)),
        (datetime(2026, 11, 20, 6, 30, tzinfo=UTC), "UTC", datetime(2026, 11, 20, 9, 0, tzinfo=UTC)),
        (datetime(2026, 11, 20, 17, 0, tzinfo=UTC), "UTC", datetime(2026, 11, 23, 9, 0, tzinfo=UTC)),
        (datetime(2026, 11, 21, 12, 0, tzinfo=UTC), "UTC", datetime(2026, 11, 23, 9, 0, tzinfo=UTC)),
        # 09:00 on Monday in Seoul is midnight in UTC.
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), "Asia/Seoul", datetime(2026, 11, 23, 0, 0, tzinfo=UTC)),
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), "No/Where", datetime(2026, 11, 20, 9, 0, tzinfo=UTC)),
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), "", datetime(2026, 11, 20, 9, 0, tzinfo=UTC)),
    ],
)
def test_a_mail_arrives_in_the_readers_working_hours(at, zone, expected):
    assert rules.send_at(at, Hours(OFFICE_WEEK, zone)) == expected


@pytest.mark.parametrize(
    ("n", "words"),
    [(1, "한 분"), (2, "두 분"), (10, "열 분"), (11, "열한 분"), (20, "스무 분"), (21, "스물한 분"), (23, "스물세 분"),
     (40, "마흔 분"), (99, "아흔아홉 분"), (100, "100분"), (120, "120분")],
)  # fmt: skip
def test_people_are_counted_in_native_korean(n, words):
    assert rules.people_in_korean(n) == words


@pytest.mark.parametrize(
    ("name", "title", "language", "spoken"),
    [
        ("김도윤", "팀장", "ko", "김도윤 팀장님"),
        ("김도윤", "팀장님", "ko", "김도윤 팀장님"),
        ("김도윤", "", "ko", "김도윤 님"),
        ("김도윤", "Head of Sales", "ko", "김도윤 님"),
        ("김도윤", "물류 운영 팀장", "ko", "김도윤 님"),
        ("Lena Braun", "팀장", "ko", "Lena Braun 님"),
        ("Lena Braun", "CEO", "en", "Lena"),
        ("김도윤", "팀장", "en", "김도윤"),
        ("  ", "", "en", ""),
    ],
)
def test_people_are_spoken_to_as_they_expect(name, title, language, spoken):
    assert rules.addressed(name, title, language) == spoken


def test_half_of_those_eligible_is_still_few_and_one_more_is_most():
    assert [rules.most(20, 40), rules.most(21, 40), rules.most(1, 1)] == [False, True, True]


def test_years_are_whole_ones():
    day = date(2026, 11, 21)
    assert [rules.years(since, day) for since in (date(2024, 11, 21), date(2024, 11, 22), None, date(2027, 1, 1))] == [
        2,
        1,
        0,
        0,
    ]


def test_an_outbox_refusal_becomes_a_reason_that_the_page_can_say():
    said = [rules.reason_of(word) for word in ("contact_budget", "held", "erased", "bad_header", "something new")]
    assert said == ["contact_budget", "held", "left", "refused", "refused"]
