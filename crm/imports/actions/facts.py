"""Goals, promises and payments from files, once each; what happens to them is appended, as everywhere."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext_noop as _

from crm.accounts.models import Account, TraitDefinition, TraitType
from crm.contacts.models import Contact
from crm.goals.models import Goal, GoalChange, GoalTurn
from crm.imports.actions.book import write_contacts
from crm.imports.rules import Touched
from crm.lib.gate import Refused
from crm.plans.models import Feature
from crm.promises.models import Promise, PromiseChange, PromiseState, Turn
from crm.subscriptions.models import Payment, Subscription

Payload = Sequence[Mapping[str, Any]]


def write_promises(payload: Payload, at: datetime) -> list[Touched]:
    """A promise is known by its id, else by its text and the day for which it was first made.

    One that is settled stays so, whatever the file says. Turns follow one another as anywhere: the newest by day holds.
    """
    people, (held, last) = _people(payload, at), _held(payload)
    touched, turns, made, moved = [], [], [], []
    for row in payload:
        promise = held.get(_key(row))
        if promise is None:
            promise = _made(row, people, at)
            made.append((row, promise))
            turns.append(_turn(promise, Turn.MADE, row["made_on"], "", at))
        elif promise.state == PromiseState.OPEN:
            before = (promise.due_on, promise.state)
            settled_on, changed_on = row.get("settled_on"), last[promise.pk]
            if settled_on and settled_on < changed_on:
                raise Refused(
                    _("It was settled on {day}, but changed on {last} still."), day=settled_on, last=changed_on
                )
            if row.get("external_id") and promise.due_on != row["due_on"]:
                promise.due_on = row["due_on"]
                moved_on = settled_on or max(changed_on, at.date())
                turns.append(_turn(promise, Turn.MOVED, moved_on, row.get("why", ""), at))
            _settle(promise, row)
            if before != (promise.due_on, promise.state):
                moved.append(promise)
                touched.append(Touched(row["line"], promise.pk, False))
        else:
            continue
        if promise.state != PromiseState.OPEN:
            turns.append(_turn(promise, Turn(promise.state), row["settled_on"], row.get("why", ""), at))
    Promise.objects.bulk_create([promise for _row, promise in made])
    Promise.objects.system("an import settles promises").bulk_update(moved, ["due_on", "state", "settled_on"])
    for turn in turns:
        turn.promise_id = turn.promise.pk
    PromiseChange.objects.bulk_create(turns)
    return touched + [Touched(row["line"], promise.pk, True) for row, promise in made]


def _key(row: Mapping[str, Any]) -> tuple[object, ...]:
    own = row.get("external_id")
    return (row["account_id"], own) if own else (row["account_id"], row["text"], row["due_on"])


def _held(payload: Payload) -> tuple[dict[tuple[object, ...], Promise], dict[int, date]]:
    """The promises of these accounts as files know them, and by id the day of the newest turn of each."""
    accounts = {row["account_id"] for row in payload}
    rows = Promise.objects.system("an import compares its promises").filter(account__in=accounts).order_by("pk")
    turns = PromiseChange.objects.system("for when they were made, and changed last").filter(account__in=accounts)
    due: dict[int, date] = {}
    last: dict[int, date] = {}
    for turn in turns.order_by("on", "pk"):
        due.setdefault(turn.promise_id, turn.due_on)
        last[turn.promise_id] = turn.on
    found: dict[tuple[object, ...], Promise] = {}
    for promise in rows:
        own = promise.external_id
        found[(promise.account_id, own) if own else (promise.account_id, promise.text, due.get(promise.pk))] = promise
    return found, last


def _people(payload: Payload, at: datetime) -> dict[tuple[int, str], Contact]:
    """The contacts that rows name by address, by account; those who are not known yet are made."""
    named = {(row["account_id"], row["email"].lower()): row for row in payload if row.get("email")}
    held = Contact.objects.system("an import names who was promised").filter(
        account__in={account for account, _email in named}, erased_at=None
    )
    found = {(one.account_id, one.email.lower()): one for one in held if one.email}
    missing = [row for key, row in named.items() if key not in found]
    if missing:
        names = ("line", "account_id", "account", "email")
        write_contacts([{name: row[name] for name in names} | {"name": row["email"]} for row in missing], at)
        found = {(one.account_id, one.email.lower()): one for one in held.all() if one.email}
    return found


def _made(row: Mapping[str, Any], people: Mapping[tuple[int, str], Contact], at: datetime) -> Promise:
    promise = Promise(
        account_id=row["account_id"], external_id=row.get("external_id"), text=row["text"], due_on=row["due_on"],
        contact=people.get((row["account_id"], row.get("email", "").lower())), promised_by_id=row.get("promised_by"),
        created_at=at,
    )  # fmt: skip
    _settle(promise, row)
    return promise


def _settle(promise: Promise, row: Mapping[str, Any]) -> None:
    if row["state"] != PromiseState.OPEN:
        promise.state, promise.settled_on = PromiseState(row["state"]), row["settled_on"]


def _turn(promise: Promise, kind: Turn, on: Any, why: str, at: datetime) -> PromiseChange:
    return PromiseChange(
        account_id=promise.account_id, promise=promise, kind=kind, on=on, due_on=promise.due_on, why=why, recorded_at=at
    )


def write_payments(payload: Payload, at: datetime) -> list[Touched]:
    """A payment is known by its id, else by its invoice, kind and day; the same again changes nothing."""
    accounts = {row["account_id"] for row in payload}
    lines = _lines(accounts, payload)
    of = Account.objects.system("the currency of what an import says").filter(pk__in=accounts)
    currencies = dict(of.values_list("pk", "currency"))
    held = Payment.objects.system("an import compares its payments").filter(account__in=accounts)
    known = {_paid(row.subscription_id, vars(row)) for row in held}
    made = []
    for row in payload:
        line = lines[row["account_id"], row["subscription"]]
        if (key := _paid(line, row)) in known:
            continue
        known.add(key)
        given = {name: row.get(name, "") for name in ("kind", "on", "invoice", "why")}
        given |= {"external_id": row.get("external_id"), "amount": row.get("amount")}
        given["currency"] = row.get("currency") or currencies[row["account_id"]]
        made.append((row, Payment(account_id=row["account_id"], subscription_id=line, recorded_at=at, **given)))
    Payment.objects.bulk_create([payment for _row, payment in made])
    return [Touched(row["line"], payment.pk, True) for row, payment in made]


def _lines(accounts: Collection[int], payload: Payload) -> dict[tuple[int, str], int]:
    rows = Subscription.objects.system("an import names subscriptions").filter(account__in=accounts)
    found = {(row.account_id, row.external_id): row.pk for row in rows}
    for row in payload:
        if (row["account_id"], row["subscription"]) not in found:
            words = _("The account has no subscription with the external id {name}. Import the subscriptions first.")
            raise Refused(words, name=row["subscription"])
    return found


def _paid(line: int, row: Mapping[str, Any]) -> tuple[object, ...]:
    own = row.get("external_id")
    return (line, own) if own else (line, row.get("invoice", ""), row["kind"], row["on"])


def write_goals(payload: Payload, at: datetime) -> list[Touched]:
    """A goal is known by its id, else by its words. Other terms than it has are appended, from today on.

    One that was dropped stays so, whatever the file says.
    """
    accounts = {row["account_id"] for row in payload}
    features = dict(Feature.objects.values_list("key", "pk"))
    traits = dict(TraitDefinition.objects.filter(type=TraitType.NUMBER).values_list("key", "pk"))
    rows = Goal.objects.system("an import compares its goals").filter(account__in=accounts).order_by("pk")
    held = {(row.account_id, row.external_id or row.words): row for row in rows}
    turns = GoalChange.objects.system("an import compares the terms of goals").filter(goal__in=held.values())
    last = {turn.goal_id: turn for turn in turns.order_by("on", "pk")}
    made, new, touched = [], [], []
    for row in payload:
        shown = _measure(row, features, traits)
        goal = held.get((row["account_id"], row.get("external_id") or row["words"]))
        if goal is None:
            goal = Goal(
                account_id=row["account_id"], external_id=row.get("external_id"), words=row["words"], created_at=at,
                **shown,
            )  # fmt: skip
            made.append((row, goal))
            new.append(_asked(goal, GoalTurn.SET, row, row["set_on"], at))
        elif last[goal.pk].kind != GoalTurn.DROPPED and _differs(last[goal.pk], row):
            on = max(last[goal.pk].on, at.date())
            new.append(_asked(goal, GoalTurn.CHANGED, row, on, at))
            touched.append(Touched(row["line"], goal.pk, False))
    Goal.objects.bulk_create([goal for _row, goal in made])
    for turn in new:
        turn.goal_id = turn.goal.pk
    GoalChange.objects.bulk_create(new)
    return touched + [Touched(row["line"], goal.pk, True) for row, goal in made]


def _differs(held: GoalChange, row: Mapping[str, Any]) -> bool:
    return any(getattr(held, name) != row[name] for name in ("baseline", "target", "due_on"))


def _measure(row: Mapping[str, Any], features: Mapping[str, int], traits: Mapping[str, int]) -> dict[str, int]:
    if name := row.get("feature"):
        if name not in features:
            raise Refused(_("There is no feature with the key {key}."), key=name)
        return {"feature_id": features[name]}
    if row["trait"] not in traits:
        raise Refused(_("There is no trait with the key {key} that is a number."), key=row["trait"])
    return {"trait_id": traits[row["trait"]]}


def _asked(goal: Goal, kind: GoalTurn, row: Mapping[str, Any], on: Any, at: datetime) -> GoalChange:
    return GoalChange(
        account_id=goal.account_id, goal=goal, kind=kind, on=on, baseline=row["baseline"], target=row["target"],
        due_on=row["due_on"], recorded_at=at,
    )  # fmt: skip
