"""The account that a page is about, with all that its pages say of it, in one statement that is only filled in."""

from typing import Any

from django.http import Http404
from orjson import loads

from crm.accounts import queries as accounts
from crm.accounts.models import Account
from crm.goals import queries as goals
from crm.lib.prepared import columns, prepared_rows
from crm.lib.scope import named_text
from crm.lib.sql_files import load
from crm.promises import queries as promises
from crm.staff import queries as staff
from crm.staff.models import Team, User
from crm.staff.queries import Text, compiled_per_scope
from crm.staff.views import Request
from crm.subscriptions import queries as subscriptions
from retention.forecasts import queries as forecasts
from retention.onboarding import queries as onboarding
from retention.onboarding.queries import Stood
from retention.overrides import queries as overrides
from retention.pulses import queries as pulses

TASKS = 12


def seen_account(request: Request, pk: int) -> Any:
    """The account with its owner, if the person sees it; else 404, as if there were none.

    It carries `change` and the `change_days` in which it came about, `outlook`, `above`, `taken_over`, its `onboarding`
    (None: in none), the last `pulse` and the `override` that holds (or None), the id of the next `draft`, and the lists
    `stand_ins`, `traits`, `goals` (not dropped), `troubles` (of payment), `promises` (open ones), `tasks` and
    `waiting`: conversations in which it is our turn.
    """
    text, parameters = _statement(request.user)
    given = {"account": pk, "me": request.user.pk, "now": request.now, "day": request.now.date(), "known": None}
    given["stood"] = False
    given["tasks"] = TASKS
    found: Any = next(iter(prepared_rows(Account, text, parameters | given)), None)
    if found is None:
        raise Http404
    found.owner, found.pool = _owner(found), _pool(found)
    found.stand_ins, found.traits = loads(found.stand_ins_json or "[]"), loads(found.traits_json or "[]")
    found.goals = loads(found.goals_json or "[]")
    found.troubles = loads(found.troubles_json or "[]")
    found.onboarding = Stood.read(loads(found.onboarding_json)) if found.onboarding_json else None
    found.promises, found.tasks = loads(found.promises_json or "[]"), loads(found.tasks_json or "[]")
    found.pulse, found.override = loads(found.pulse_json or "null"), loads(found.override_json or "null")
    found.waiting = loads(found.waiting_json or "[]")
    return found


@compiled_per_scope
def _statement(user: User) -> Text:
    seen, parameters = named_text(Account.objects.visible_to(user).values("pk", "name"))
    text = load(__file__, "seen").replace("/*accounts*/", seen).replace("/*columns*/", columns(Account, "account"))
    text = text.replace("/*stand_ins*/", load(staff.__file__, "standing_in"))
    text = text.replace("/*outlook*/", load(forecasts.__file__, "outlook"))
    text = text.replace("/*promises*/", load(promises.__file__, "open_promises"))
    text = text.replace("/*goals*/", goals.progress_sql("ANY (mine.ids)"))
    text = text.replace("/*onboarding*/", onboarding.sql("standing", only="ANY (mine.ids)"))
    text = text.replace("/*pulses*/", pulses.pulses_sql("ANY (mine.ids)"))
    text = text.replace("/*overrides*/", overrides.overrides_sql("ANY (mine.ids)"))
    text = text.replace("/*troubles*/", subscriptions.troubles_sql("ANY (mine.ids)"))
    return text.replace("/*traits*/", load(accounts.__file__, "held_traits")), parameters


def _owner(of: Any) -> User | None:
    """The owner with what pages say of one; anything else of that row would be read when it is asked for."""
    if of.owner_id is None:
        return None
    return User.from_db(None, ["id", "name", "team_id"], [of.owner_id, of.owner_name, of.owner_team])


def _pool(of: Any) -> Team | None:
    return None if of.pool_id is None else Team.from_db(None, ["id", "name"], [of.pool_id, of.pool_name])
