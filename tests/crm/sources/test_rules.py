"""One raw call in, one event out: who, what, when, and the id that makes it count once."""

from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import pytest
from orjson import dumps

from crm.lib.gate import Refused, check_value
from crm.sources.rules import Envelope, Event, _is_sound, excerpt, hash64, judge, micro, once, read_batch

RECEIVED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SENT = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
ENVELOPE = Envelope(source_id=7, receipt=42, received_at=RECEIVED, call="batch", sent_at=None)


def track(**more: Any) -> dict[str, Any]:
    call = {"type": "track", "messageId": "m1", "userId": "ann", "event": "Opened", "timestamp": "2026-11-20T10:00:00Z"}
    return {key: value for key, value in (call | more).items() if value is not None}


def judged(sent: datetime | None = None, **more: Any) -> Event:
    return judge(track(**more), 3, ENVELOPE._replace(sent_at=sent))


def refused(**more: Any) -> str:
    with pytest.raises(Refused) as caught:
        judged(**more)
    return caught.value.reason


def test_a_track_call_is_read_whole():
    event = judged(anonymousId="device", groupId="acme", properties={"n": 1})
    assert event == Event(
        call="track",
        source_id=7,
        received_at=RECEIVED,
        position=3,
        message_id="m1",
        user_id="ann",
        anonymous_id="device",
        group_id="acme",
        previous_id="",
        name="Opened",
        at=datetime(2026, 11, 20, 10, tzinfo=UTC),
        key_day=date(2026, 11, 20),
        hash64=hash64(7, "m1"),
        by_receipt=False,
        payload={"n": 1},
    )


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00.123Z", datetime(2026, 11, 20, 10, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-11-20T10:00:00.123456Z", datetime(2026, 11, 20, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-11-20T10:00:00.123456789Z", datetime(2026, 11, 20, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-11-20T10:00:00+00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00+09:00", datetime(2026, 11, 20, 1, tzinfo=UTC)),
        ("2026-11-20T10:00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20 10:00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        (1_795_168_800, datetime(2026, 11, 20, 10, tzinfo=UTC)),
        (1_795_168_800_123, datetime(2026, 11, 20, 10, 0, 0, 123_000, tzinfo=UTC)),
        ("1999-12-31T23:59:59Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+12:00", datetime(2000, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-12:00", RECEIVED + timedelta(hours=24)),
        ("2026-11-21T12:00:01Z", RECEIVED + timedelta(hours=24)),
    ],
)
def test_a_time_is_read_in_every_form_that_senders_use_and_moved_into_what_can_be_stored(timestamp, at):
    assert judged(timestamp=timestamp).at == at


@pytest.mark.parametrize("timestamp", ["yesterday", "2026-13-01T00:00:00Z", True, [2026], {"t": 1}, 1e300])
def test_a_time_that_is_none_is_refused(timestamp):
    assert refused(timestamp=timestamp).startswith("timestamp: The time cannot be read.")


def test_time_is_receipt_minus_what_passed_between_the_event_and_sending():
    # Sent an hour ago by the sender's clock, which is an hour slow; the event came 30 minutes before sending.
    assert judged(SENT, timestamp="2026-11-20T10:30:00Z").at == datetime(2026, 11, 20, 11, 30, tzinfo=UTC)


def test_a_sender_whose_clock_is_thousands_of_years_off_is_corrected_too():
    at = judged(timestamp="9999-06-01T10:00:00Z", sentAt="9999-06-01T10:05:00Z").at
    assert at == datetime(2026, 11, 20, 11, 55, tzinfo=UTC)
    at = judged(timestamp="1970-01-01T00:01:00Z", sentAt="1970-01-01T00:06:00Z").at
    assert at == datetime(2026, 11, 20, 11, 55, tzinfo=UTC)


def test_a_correction_beyond_all_calendars_is_clamped():
    assert judged(timestamp="9999-06-01T10:00:00Z", sentAt="0001-01-02T00:00:00Z").at == RECEIVED + timedelta(hours=24)
    assert judged(timestamp="0001-01-02T00:00:00Z", sentAt="9999-06-01T10:00:00Z").at == datetime(
        2000, 1, 1, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2026-11-20T11:55:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),  # five minutes: only the delay of the request
        ("2026-11-20T11:54:59Z", datetime(2026, 11, 20, 10, 5, 1, tzinfo=UTC)),  # more: the client's clock is slow
        ("2026-11-20T12:05:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T12:05:01Z", datetime(2026, 11, 20, 9, 54, 59, tzinfo=UTC)),
    ],
)
def test_a_clock_that_is_right_within_five_minutes_is_not_corrected(sent, expected):
    assert judged(sentAt=sent).at == expected


def test_a_sent_at_that_cannot_be_read_corrects_nothing():
    assert judged(sentAt="soon").at == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_the_event_s_own_sent_at_wins_over_the_batch_s():
    event = judged(SENT, timestamp="2026-11-20T10:30:00Z", sentAt="2026-11-20T11:30:00Z")
    assert event.at == datetime(2026, 11, 20, 11, tzinfo=UTC)


def test_without_a_timestamp_the_original_one_counts_and_then_the_receipt():
    assert judged(timestamp=None, originalTimestamp="2026-11-19T10:00:00Z").at.day == 19
    event = judged(SENT, timestamp=None)
    assert (event.at, event.key_day, event.by_receipt) == (RECEIVED, date(2026, 11, 20), True)


@pytest.mark.parametrize(
    ("timestamp", "key_day", "by_receipt"),
    [
        ("2026-11-18T23:59:59Z", date(2026, 11, 18), False),
        ("2026-11-18T23:59:59-09:00", date(2026, 11, 19), False),
        ("2026-11-21T23:00:00Z", date(2026, 11, 21), False),
        ("1990-01-01T00:00:00Z", date(2000, 1, 1), False),
        ("2026-11-22T00:00:00Z", date(2026, 11, 20), True),
        ("9999-12-31T00:00:00Z", date(2026, 11, 20), True),
    ],
)
def test_the_key_day_is_the_utc_day_of_the_uncorrected_time(timestamp, key_day, by_receipt):
    event = judged(SENT, timestamp=timestamp)
    assert (event.key_day, event.by_receipt) == (key_day, by_receipt)


def test_the_hash_is_the_first_eight_bytes_of_blake2b_as_a_signed_number():
    expected = int.from_bytes(blake2b(b"7\0m1").digest()[:8], "big", signed=True)
    assert hash64(7, "m1") == expected
    assert hash64(8, "m1") != expected


def test_a_missing_message_id_is_made_from_the_bytes_the_request_and_the_place():
    raw = track(messageId=None)
    one = judge(raw, 0, ENVELOPE)
    assert one == judge(raw, 0, ENVELOPE)
    others = [
        judge(raw, 1, ENVELOPE),
        judge(raw, 0, ENVELOPE._replace(receipt=43)),
        judge(track(messageId=""), 0, ENVELOPE),
    ]
    assert len({one.hash64, *(other.hash64 for other in others)}) == 4
    assert one.message_id == ""


def test_numbers_serve_as_ids():
    event = judged(userId=12, messageId=34, groupId=56)
    assert (event.user_id, event.message_id, event.group_id) == ("12", "34", "56")
    assert event.hash64 == hash64(7, "34")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"userId": None}, "userId and anonymousId are missing. Send one of them."),
        ({"userId": ""}, "userId and anonymousId are missing. Send one of them."),
        ({"userId": 1.5}, "userId must be text."),
        ({"userId": True}, "userId must be text."),
        ({"userId": "x" * 256}, "userId: The text is longer than 255 characters. Shorten it."),
        ({"messageId": ["m"]}, "messageId must be text."),
        ({"event": None}, "event is missing. A track call names what happened."),
        ({"event": "  "}, "event is empty. A track call names what happened."),
        ({"event": 5}, "event: A text was expected here."),
        ({"event": "x" * 201}, "event: The text is longer than 200 characters. Shorten it."),
        ({"properties": "none"}, "properties must be a JSON object."),
        ({"context": [1]}, "context must be a JSON object."),
        ({"type": "tracks"}, "type must be one of track, page, screen, identify, group, alias."),
        ({"type": None}, "type must be one of track, page, screen, identify, group, alias."),
        ({"type": "group"}, "groupId is missing. A group call names the account by it."),
        ({"type": "alias"}, "An alias call needs userId and previousId."),
        ({"type": "identify", "traits": [1]}, "traits must be a JSON object."),
    ],
)
def test_what_is_wrong_is_said(more, reason):
    assert refused(**more) == reason


@pytest.mark.parametrize("raw", [None, 5, "track", ["track"], True])
def test_what_is_no_object_is_refused(raw):
    with pytest.raises(Refused, match=r"An event must be a JSON object\."):
        judge(raw, 0, ENVELOPE)


def test_a_name_loses_what_makes_it_read_as_something_else():
    assert judged(event=" Re\u202eport ").name == "Report"
    assert judged(event="Cafe\u0301").name == "Café"


def test_pages_and_screens_are_named_by_their_call():
    assert judged(type="page", name="Pricing").name == "Page: Pricing"
    assert judged(type="screen", name="Home").name == "Screen: Home"
    assert judged(type="page").name == "Page"


def test_traits_of_an_identify_call_may_stand_in_the_context():
    event = judged(type="identify", context={"traits": {"email": "a@b.example", "plan": "x"}}, traits={"plan": "y"})
    assert event.payload == {"email": "a@b.example", "plan": "y"}


def test_the_group_is_looked_for_in_the_event_and_then_in_its_context():
    assert judged(groupId="a", context={"groupId": "b"}).group_id == "a"
    assert judged(context={"groupId": "b"}).group_id == "b"
    assert judged(context={"group_id": "c"}).group_id == "c"


def read(*events: Any, **more: Any) -> tuple[list[Event], list[str]]:
    events_read, refusals = read_batch(dumps({"batch": list(events)} | more), ENVELOPE)
    return events_read, [one.reason for one in refusals]


def test_an_event_over_32_kb_is_put_aside():
    big = track(properties={f"key {n}": "x" * 200 for n in range(160)})
    assert len(dumps(big)) > 32 * 1024
    events, reasons = read(track(), big)
    assert len(events) == 1
    assert reasons == ["The event is larger than 32 KB. Leave out what is not needed."]


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"a": 1}
    for _level in range(depth - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("properties", "passes"),
    [
        ({"n": 2**53}, True),
        ({"n": 2**53 + 1}, False),
        ({"n": -(2**53) - 1}, False),
        ({"n": 1e300}, False),
        ({"deep": [[1e16]]}, False),
        (nested(19), True),
        (nested(20), False),
        ({"k" * 255: 1}, True),
        ({"k" * 256: 1}, False),
        ({"text": "a\0b"}, False),
        ({"text": r"a\u0000b"}, True),
        ({"a": [{"b" * 256: 1}]}, False),
        ({"한국어": "가", "x": None, "y": True}, True),
    ],
)
def test_the_quick_look_refuses_exactly_what_the_gate_refuses(properties, passes):
    events, reasons = read(track(properties=properties), track(messageId="m2"))
    assert ([event.message_id for event in events], len(reasons)) == ((["m1", "m2"], 0) if passes else (["m2"], 1))
    body = dumps([track(properties=properties)])
    if _is_sound([track(properties=properties)], body):
        check_value(track(properties=properties))


def test_of_many_refusals_the_first_are_kept_and_the_rest_counted():
    _events, reasons = read(*[{} for _n in range(1200)])
    assert len(reasons) == 500
    assert reasons[-1] == "701 more events of this request were refused."


def test_the_excerpt_has_no_write_key_and_500_characters_at_most():
    assert excerpt({"writeKey": "secret", "event": "A"}) == '{"event":"A"}'
    assert len(excerpt({"event": "x" * 900})) == 500


def test_a_repeat_that_is_known_by_its_day_of_receipt_is_found_on_the_day_before():
    first = judged(timestamp=None)
    later = first._replace(key_day=first.key_day + timedelta(days=1))
    other = judged(timestamp=None, messageId="m2")
    assert list(once([first, later, other, first]).values()) == [first, other]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3_000_000),
        (12.5, 12_500_000),
        (0.1, 100_000),
        (-0.25, -250_000),
        (0.0000005, 0),
        (0.0000015, 2),
        (0.0000025, 2),
        (2**53, 2**53 * 1_000_000),
    ],
)
def test_amounts_are_integer_millionths_rounded_half_to_even(value, expected):
    assert micro(value) == expected


@pytest.mark.parametrize("value", ["7", True, None, [1]])
def test_what_is_no_number_is_no_amount(value):
    with pytest.raises(Refused):
        micro(value)
