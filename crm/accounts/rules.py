"""Who may write an account, and what fits a typed trait: both follow from values alone."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

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


def may_write(role: str, user_id: int, team_id: int | None, held: Holding) -> bool:
    """Whether this person may change this account: ops all, a manager the team's, a rep the own and the pool's.

    A restricted account is for its owner and ops alone, as in what people see.
    """
    if not staff.may(role, "write_account"):
        return False
    if role == staff.OPS_ADMIN or held.owner_id == user_id:
        return True
    if held.restricted or team_id is None:
        return False
    if held.pool_id == team_id:
        return True
    return role == staff.MANAGER and held.owner_team_id == team_id


def may_hand_over(role: str, user_id: int, team_id: int | None, held: Holding, new: Holding) -> bool:
    """Whether this person may make `new` of the account's holding.

    Ops may do so anywhere, a manager inside the own team; a rep only claims a row of the own team's pool.
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
    try:
        # An instant is taken by its date: SDKs send dates as ISO instants at midnight.
        value = raw if isinstance(raw, date) else date.fromisoformat(str(raw).strip()[:10])
    except ValueError:
        raise TraitRefused("not_a_date") from None
    value = date(value.year, value.month, value.day)
    if not 1900 <= value.year <= 2200:
        raise TraitRefused("date_out_of_range")
    return "day", value


_PLACES = {"number": _number, "text": _text, "flag": _flag, "date": _day}
# Which column of a trait row holds the value of a type.
COLUMNS = {"number": "number", "text": "text", "flag": "flag", "date": "day"}
