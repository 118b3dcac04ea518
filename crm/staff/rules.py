"""Who may do what: the table of roles, and nothing else (rules.md §7)."""

from dataclasses import dataclass

SYSTEM_ADMIN, OPS_ADMIN, MANAGER, REP, READ_ONLY = "system_admin", "ops_admin", "manager", "rep", "read_only"

# verb -> the roles that may do it at all; whose rows they may do it to is `Scope`'s and `may_write`'s matter.
RIGHTS: dict[str, frozenset[str]] = {
    "read": frozenset({SYSTEM_ADMIN, OPS_ADMIN, MANAGER, REP, READ_ONLY}),
    "write_account": frozenset({OPS_ADMIN, MANAGER, REP}),
    "reassign": frozenset({OPS_ADMIN, MANAGER}),
    "approve": frozenset({MANAGER, REP}),
    "configure": frozenset({OPS_ADMIN}),
    "save_views": frozenset({SYSTEM_ADMIN, OPS_ADMIN, MANAGER, REP}),
    "export": frozenset({OPS_ADMIN, MANAGER}),
    "import": frozenset({OPS_ADMIN}),
    "read_sources": frozenset({SYSTEM_ADMIN, OPS_ADMIN}),
    "manage_keys": frozenset({SYSTEM_ADMIN}),
    "read_audit": frozenset({SYSTEM_ADMIN, OPS_ADMIN}),
    "manage_users": frozenset({SYSTEM_ADMIN}),
    "erase": frozenset({SYSTEM_ADMIN}),
    "back_up": frozenset({SYSTEM_ADMIN}),
    "read_contact_data": frozenset({SYSTEM_ADMIN, OPS_ADMIN, MANAGER, REP}),
}
# Who may sign in with a password alone reaches customers' names; these reach everything, so they need more.
SECOND_FACTOR = frozenset({SYSTEM_ADMIN, OPS_ADMIN})
OWN, TEAM, ALL = "own", "team", "all"


def may(role: str, verb: str) -> bool:
    """Whether the role may do the verb to anything at all. An unknown verb is a programming error: KeyError."""
    return role in RIGHTS[verb]


@dataclass(frozen=True)
class Covers:
    """For whom somebody stands in now: people, teams' pools, and people whose restricted accounts are included."""

    users: frozenset[int] = frozenset()
    pools: frozenset[int] = frozenset()
    restricted: frozenset[int] = frozenset()


NOBODY = Covers()


@dataclass(frozen=True)
class Scope:
    """Whose accounts a person sees: really all, everyone's, the team's, or the own ones. No user: nobody's.

    Those of whoever is covered come on top. Restricted accounts of others are only among `everything`, and
    where the cover was said to include them. `mates`: whoever is in the team, the person too.
    """

    everything: bool = False
    everyone: bool = False
    user_id: int | None = None
    team_id: int | None = None
    covers: Covers = NOBODY
    mates: frozenset[int] = frozenset()


def scope(
    role: str, mode: str, user_id: int, team_id: int | None, *,
    active: bool = True, covers: Covers = NOBODY, mates: frozenset[int] = frozenset(),
) -> Scope:  # fmt: skip
    """Derive what a role sees under the installation's visibility mode (own, team or all)."""
    if not active:
        return Scope()
    if role in (SYSTEM_ADMIN, OPS_ADMIN):
        return Scope(everything=True, user_id=user_id, team_id=team_id, covers=covers, mates=mates)
    if mode == ALL:
        return Scope(everyone=True, user_id=user_id, team_id=team_id, covers=covers, mates=mates)
    if mode == TEAM or role == MANAGER:
        return Scope(user_id=user_id, team_id=team_id, covers=covers, mates=mates)
    return Scope(user_id=user_id, covers=covers)


def may_arrange_cover(role: str, user_id: int, team_id: int | None, away: tuple[int | None, int | None]) -> bool:
    """Whether this person may say who stands in for `away`: (a user's id or None for a team's pool, the team).

    Ops for everybody, a manager in the own team, and whoever is away for themselves.
    """
    away_id, away_team = away
    if role == OPS_ADMIN or (away_id == user_id and may(role, "write_account")):
        return True
    return role == MANAGER and team_id is not None and away_team == team_id
