"""What people may see, and the settings of the installation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from orjson import loads

from crm.lib.prepared import columns, prepared_rows
from crm.staff import rules
from crm.staff.models import Cover, Installation, Salt, Team, User


def installation() -> Installation:
    """The settings row; the defaults when nobody has saved one yet (then it is not stored)."""
    return Installation.objects.filter(pk=1).first() or Installation(pk=1)


def salt() -> bytes:
    """The installation's random value; made by whoever asks first."""
    return bytes(Salt.objects.get_or_create(pk=1)[0].value)


def known_salt() -> bytes:
    """For pages, which never write: empty as long as nobody has made the salt, and then nothing was hashed with it."""
    row = Salt.objects.filter(pk=1).first()
    return bytes(row.value) if row else b""


def teams() -> "QuerySet[Team]":
    """All teams by name; each knows `people`, how many active ones belong to it."""
    active = Count("pk", filter=Q(is_active=True))
    people = User.objects.filter(team=OuterRef("pk")).order_by().values("team").annotate(n=active).values("n")
    return Team.objects.annotate(people=Coalesce(Subquery(people), 0)).order_by("name")


@dataclass(frozen=True)
class CoverNow:
    """One that this person gives now: for a user or, where that is None, for a team's pool; `name` is theirs."""

    user_id: int | None
    pool_id: int | None
    name: str
    until_on: date
    restricted: bool


# Parts of the product that stay out of the way until they are used: the page that opens each, and the table in which
# a row says that it is. Apps add theirs from apps.py. Admins find them under Settings before.
PARTS: dict[str, str] = {}
# What else every page must know: whether there is a row like this.
SIGNS: dict[str, str] = {}


@dataclass(frozen=True)
class Ground:
    """What every page stands on: the settings, and when the queue's workers last gave a sign of life (None: never).

    `second_factor`: whether the person has set one up, an authenticator app or a passkey. `covers`: for whom the
    person stands in. `used`: the PARTS that are in use, and the SIGNS that there are. `mates`: ids of the team.
    """

    installation: Installation
    beat_at: datetime | None
    second_factor: bool = False
    covers: tuple[CoverNow, ...] = ()
    used: frozenset[str] = frozenset()
    mates: frozenset[int] = frozenset()


_PERSON = """
SELECT /*columns*/, to_jsonb(site) AS ground_site, beat.at AS ground_beat_at,
    EXISTS (
        SELECT FROM mfa_authenticator WHERE user_id = person.id AND type IN ('totp', 'webauthn')
    ) AS ground_second_factor,
    (
        SELECT jsonb_agg(jsonb_build_object('user_id', covered_id, 'pool_id', pool_id, 'restricted', restricted,
            'name', coalesce(away.name, team.name), 'from_at', from_at, 'until_at', until_at,
            'until_on', (until_at AT TIME ZONE coalesce(away.time_zone, person.time_zone))::date)
            ORDER BY until_at, cover.id)
        FROM crm_cover AS cover
        LEFT JOIN crm_user AS away ON away.id = covered_id LEFT JOIN crm_team AS team ON team.id = pool_id
        WHERE covering_id = person.id
    ) AS ground_covers,
    array_remove(ARRAY[/*parts*/]::text[], NULL) AS ground_used,
    ARRAY(SELECT id FROM crm_user WHERE team_id = person.team_id) AS ground_mates
FROM crm_user AS person
LEFT JOIN crm_installation AS site ON site.id = 1 LEFT JOIN crm_beat AS beat ON beat.name = 'jobs'
WHERE person.id = %(user)s
"""


def person(user_id: int) -> User | None:
    """One of us together with what every page stands on, in one query; None when there is nobody of that id."""
    parts = (f"CASE WHEN EXISTS (SELECT FROM {table}) THEN '{name}' END" for name, table in (PARTS | SIGNS).items())
    text = _PERSON.replace("/*parts*/", ", ".join(parts))
    text = text.replace("/*columns*/", columns(User, "person"))
    return next(iter(prepared_rows(User, text, {"user": user_id})), None)


class SessionPerson(ModelBackend):
    """Django's way to the user of a session; with it a page asks once for the person and the ground."""

    def get_user(self, user_id: int) -> User | None:
        found = person(user_id)
        return found if found and self.user_can_authenticate(found) else None


def ground_of(user: User) -> Ground:
    """What `person` read, or reads now; kept on the user object, which lives for one request."""
    known: Ground | None = user.__dict__.get("_ground")
    if known is None:
        row: Any = user if hasattr(user, "ground_site") else person(user.pk)
        known = _ground(row, user.asks_at) if row else Ground(Installation(pk=1), None)
        user.__dict__["_ground"] = known
    return known


def _ground(row: Any, at: datetime | None) -> Ground:
    """The columns that `person` adds to a user. Cover counts at an instant, so without one there is none."""
    covers = tuple(
        CoverNow(
            each["user_id"], each["pool_id"], each["name"], date.fromisoformat(each["until_on"]), each["restricted"]
        )
        for each in loads(row.ground_covers or "[]")
        if at and datetime.fromisoformat(each["from_at"]) <= at < datetime.fromisoformat(each["until_at"])
    )
    site = loads(row.ground_site) if row.ground_site else {"id": 1}
    fields = {field.column: field for field in Installation._meta.concrete_fields}
    settings = Installation(**{fields[name].attname: fields[name].to_python(value) for name, value in site.items()})
    used, mates = frozenset(row.ground_used), frozenset(row.ground_mates)
    return Ground(settings, row.ground_beat_at, row.ground_second_factor, covers, used, mates)


def lacks_second_factor(user: User) -> bool:
    """Whether the role asks for a second factor that the person has not set up; the demo asks nobody."""
    ground = ground_of(user)
    return user.role in rules.SECOND_FACTOR and not ground.second_factor and not ground.installation.is_demo


def scope_of(user: User) -> rules.Scope:
    """Whose accounts the user sees now; `crm.accounts` turns it into rows.

    Kept on the user object as well: one page asks often and must get one answer.
    """
    known: rules.Scope | None = user.__dict__.get("_scope")
    if known is None:
        ground = ground_of(user)
        given = rules.Covers(
            users=frozenset(each.user_id for each in ground.covers if each.user_id),
            pools=frozenset(each.pool_id for each in ground.covers if each.pool_id),
            restricted=frozenset(each.user_id for each in ground.covers if each.user_id and each.restricted),
        )
        mode = ground.installation.visibility
        known = rules.scope(
            user.role, mode, user.pk, user.team_id, active=user.is_active, covers=given, mates=ground.mates
        )
        user.__dict__["_scope"] = known
    return known


Text = tuple[str, dict[str, Any]]
MOST_TEXTS = 2_000
_texts: dict[tuple[Any, ...], Text] = {}


def compiled_per_scope(build: Callable[[User], Text]) -> Callable[[User], Text]:
    """Decorates what turns a person's scope into SQL: done once for each person, and again when a right changes.

    What is kept is the statement, never a row. All that it may depend on is in the key: the person, role and team,
    and the scope with its covers.
    """

    @wraps(build)
    def text_for(user: User) -> Text:
        key = (build, user.pk, user.role, user.team_id, user.is_active, scope_of(user))
        found = _texts.get(key)
        if found is None:
            if len(_texts) >= MOST_TEXTS:
                _texts.clear()
            found = _texts[key] = build(user)
        text, parameters = found
        return text, dict(parameters)

    return text_for


def covers(user: User, *, at: datetime) -> QuerySet[Cover]:
    """Cover that lasts or is to come, the earliest first: all for ops, the team's for a manager, else one's own."""
    rows = Cover.objects.filter(until_at__gt=at)
    if user.role != rules.OPS_ADMIN:
        own = Q(covering=user.pk) | Q(covered=user.pk)
        if user.role == rules.MANAGER and user.team_id:
            own |= Q(covering__team=user.team_id) | Q(covered__team=user.team_id) | Q(pool=user.team_id)
        rows = rows.filter(own)
    return rows.select_related("covering", "covered", "pool").order_by("from_at", "pk")
