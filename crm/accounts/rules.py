"""Who may write an account, and what fits a typed trait: both follow from values alone."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from crm.lib.gate import clean_text
from crm.staff import rules as staff

UNDO_MERGE_WITHIN = timedelta(days=30)
# Beyond ±2^53 a JSON number is no longer the number that was meant (rules.md §8).
LARGEST = 2**53
TEXT_LIMIT = 1000


@dataclass(frozen=True)
class Holding:
    """In whose hands an account is: an owner (with the owner's team), a pool, or nobody."""

    owner_id: int | None = None
    owner_team_id: int | None = None
    pool_id: int | None = None
    restricted: bool = False


def may_write(role: str, user_id: int, team_id: int | None, held: Holding, covers: staff.Covers = staff.NOBODY) -> bool:
    """Whether this person may change this account: ops all, a manager the team's, a rep the own and the pool's.

    Whoever covers the owner or the pool may as well. A restricted account is for its owner, a cover that includes
    these, and ops alone, as in what people see.
    """
    if not staff.may(role, "write_account"):
        return False
    if role == staff.OPS_ADMIN or held.owner_id in (user_id, *covers.restricted):
        return True
    if held.restricted:
        return False
    if held.owner_id in covers.users or held.pool_id in covers.pools:
        return True
    if team_id is None:
        return False
    if held.pool_id == team_id:
        return True
    return role == staff.MANAGER and held.owner_team_id == team_id


def may_hand_over(role: str, user_id: int, team_id: int | None, held: Holding, new: Holding) -> bool:
    """Whether this person may make `new` of the account's holding.

    Ops may do so anywhere, a manager inside the own team; a rep only claims a row of the own team's pool. Cover
    gives no such right: what is another's stays theirs.
    """
    if not may_write(role, user_id, team_id, held):
        return False
    if role == staff.OPS_ADMIN:
        return True
    if team_id is None:
        return False
    if staff.may(role, "reassign"):
        return team_id in (new.owner_team_id, new.pool_id)
    return held.pool_id == team_id and new.owner_id == user_id


def domain(typed: str) -> str | None:
    """The domain that somebody meant by an address of a site or a mailbox, in lower case; None for what is neither.

    "https://www.Acme.example/contact" → "acme.example", "lena@acme.example" → "acme.example".
    """
    name = typed.strip().lower().partition("://")[2] or typed.strip().lower()
    name = re.split(r"[/?#]", name, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].strip(".").removeprefix("www.")
    plain = re.fullmatch(r"[^\s.,;/@:]{1,63}(\.[^\s.,;/@:]{1,63})+", name)
    return name if plain and len(name) <= 253 else None


class TraitRefused(ValueError):
    """A value that does not fit its trait. `code` is a key of crm.accounts.actions.TRAIT_REASONS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


YES, NO = ("true", "yes", "1"), ("false", "no", "0")


def trait_value(type: str, raw: object) -> tuple[str, object]:
    """Place a raw value in the column of its trait's type: (number | text | flag | day, value).

    Numbers are rounded to six decimals, the precision they are stored with. Raises `TraitRefused`.
    """
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        raise TraitRefused("empty")
    return _PLACES[type](raw)


def _number(raw: object) -> tuple[str, object]:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, Decimal, str)):
        raise TraitRefused("not_a_number")
    try:
        value = Decimal(str(raw).strip())
    except InvalidOperation:
        raise TraitRefused("not_a_number") from None
    if not value.is_finite():
        raise TraitRefused("not_a_number")
    if abs(value) > LARGEST:
        raise TraitRefused("too_large")
    return "number", value.quantize(Decimal("0.000001"))


def _text(raw: object) -> tuple[str, object]:
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float, Decimal, date)):
        raise TraitRefused("not_a_text")
    if len(str(raw)) > TEXT_LIMIT:
        raise TraitRefused("too_long")
    return "text", str(raw)


def _flag(raw: object) -> tuple[str, object]:
    word = str(raw).strip().lower()
    if isinstance(raw, float) or word not in YES + NO:
        raise TraitRefused("not_yes_or_no")
    return "flag", word in YES


def _day(raw: object) -> tuple[str, object]:
    if not isinstance(raw, (date, str)):
        raise TraitRefused("not_a_date")
    try:
        # An instant is taken by its date: SDKs send dates as ISO instants at midnight.
        value = raw if isinstance(raw, date) else date.fromisoformat(raw.strip()[:10])
    except ValueError:
        raise TraitRefused("not_a_date") from None
    value = date(value.year, value.month, value.day)
    if not 1900 <= value.year <= 2200:
        raise TraitRefused("date_out_of_range")
    return "day", value


_PLACES = {"number": _number, "text": _text, "flag": _flag, "date": _day}


def inferred_type(raw: object) -> str:
    """The type of a trait that incoming data bring and nobody has defined. Raises `TraitRefused`."""
    if isinstance(raw, bool):
        return "flag"
    if isinstance(raw, (int, float)):
        return "number"
    if not isinstance(raw, str):
        raise TraitRefused("nested")
    try:
        datetime.fromisoformat(raw)
        _day(raw)
    except (ValueError, TraitRefused):
        return "text"
    return "date" if raw[4:5] == "-" else "text"


class GroupCall(NamedTuple):
    """What an app said about an account at an event time."""

    external_id: str
    at: datetime
    traits: Mapping[str, Any]


class Grouped(NamedTuple):
    """`ids` of all accounts named, `made` the external ids of new ones, `refused` (index of the call, reason)."""

    ids: dict[str, int]
    made: set[str]
    refused: list[tuple[int, str]]


ANY_LENGTH = 2**20  # an event is smaller; what is kept is cut or refused by what it is for
MOST_PROPOSED = 500  # trait definitions that incoming data may bring


def account_name(traits: Mapping[str, Any]) -> str:
    """The name among an account's traits, at most 255 characters; empty when none is given."""
    name = traits.get("name")
    return clean_text(name, ANY_LENGTH)[:255] if isinstance(name, str) else ""


def proposed_types(calls: Iterable[GroupCall]) -> dict[str, str]:
    """The type of each trait in the calls by its first value; those that cannot become a trait are left out."""
    types: dict[str, str] = {}
    for key, raw in (given for call in calls for given in _given(call)):
        if key not in types and 0 < len(key) <= 120:
            try:
                types[key] = inferred_type(raw)
            except TraitRefused:
                continue
    return types


def sorted_out(
    calls: Sequence[GroupCall], types: Mapping[str, str]
) -> tuple[dict[tuple[str, str], list[tuple[datetime, object]]], list[tuple[int, str, str]]]:
    """Reports by (account, trait), and (index of the call, trait, code) of what does not fit its trait's type."""
    reports: dict[tuple[str, str], list[tuple[datetime, object]]] = {}
    refused = []
    for index, call in enumerate(calls):
        for key, raw in _given(call):
            try:
                if key not in types:
                    inferred_type(raw)
                    raise TraitRefused("unknown")
                value = trait_value(types[key], raw)[1]
            except TraitRefused as trouble:
                refused.append((index, key, trouble.code))
            else:
                reports.setdefault((call.external_id, key), []).append((call.at, value))
    return reports, refused


def _given(call: GroupCall) -> list[tuple[str, Any]]:
    """The traits that say something, texts made clean; the name is no trait but the account's own."""
    cleaned = {
        key: clean_text(raw, ANY_LENGTH) if isinstance(raw, str) else raw
        for key, raw in call.traits.items()
        if key != "name"
    }
    return [(key, raw) for key, raw in cleaned.items() if raw is not None and raw != ""]


@dataclass
class Held:
    """A value of a trait from `at` on, said again as late as `confirmed_at`. `is_new`: not stored yet."""

    at: datetime
    value: object
    confirmed_at: datetime | None = None
    is_new: bool = False


def timeline(held: Sequence[Held], reports: Iterable[tuple[datetime, object]]) -> list[Held]:
    """Put reports of a trait's value into its history, in whatever order they come.

    A report of the value that holds already only confirms it. One that falls between a value and its
    confirmation parts them, so that the confirmed value holds again afterwards: a late call wins nothing. Of
    two for the same instant the later one to arrive comes a microsecond after.
    """
    rows = sorted(held, key=lambda row: row.at)
    for at, value in reports:
        before = [row for row in rows if row.at <= at]
        while before and before[-1].at == at and before[-1].value != value:
            at += timedelta(microseconds=1)
            before = [row for row in rows if row.at <= at]
        last = before[-1] if before else None
        if last is not None and last.value == value:
            last.confirmed_at = max(at, last.confirmed_at or at)
            continue
        if last is not None and last.confirmed_at is not None and last.confirmed_at > at:
            rows.append(Held(last.confirmed_at, last.value, is_new=True))
        rows.append(Held(at, value, is_new=True))
        rows.sort(key=lambda row: row.at)
    return rows


# Which column of a trait row holds the value of a type.
COLUMNS = {"number": "number", "text": "text", "flag": "flag", "date": "day"}
