"""The report of one horizon as plain values: numbers, ids and codes, nothing that only one language says.

Points are tenths, days ISO dates, accounts ids. A place is one account on one landmark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from crm.lib.intervals import Interval, newcombe, wilson
from retention.backtests.rules import verdicts
from retention.backtests.rules.panel import NEVER, Dated, Flags, Panel, Steps
from retention.backtests.rules.ranking import Compared, Estimate, compare
from retention.backtests.rules.weights import suggest
from retention.scorecards.rules import AT_RISK, LEAVING, STEADY, THRIVING

BASELINES = ("last_use", "days_to_renewal")
MOST_NAMED = 50
BEFORE = 90  # days before a departure, at which its score is shown where there are too few to count
Report = dict[str, Any]
Marks = Mapping[int, Sequence[tuple[int, int]]]  # account → (day, tenths), ascending


NOTHING = Dated(np.empty(0, np.int64), np.empty(0, np.int64))
UNPAID = Steps(NOTHING.accounts, NOTHING.days, np.empty(0, bool), np.empty(0))


@dataclass(frozen=True)
class Known:
    """What the panel does not hold. `reach`: the last day for which departures are known. `warn_below` in tenths.

    `ledger`: scores between the landmarks, where they were written down. `before`: (account, day it left) → tenths 90
    days before, None: unknown, for those of few. `answers` to how likely they would recommend us, and of these the
    `promoters`, with 9 or 10.
    """

    reach: date
    warn_below: int
    steps: Steps = UNPAID
    answers: Dated = NOTHING
    promoters: Dated = NOTHING
    ledger: Marks = field(default_factory=dict)
    before: Mapping[tuple[int, int], int | None] = field(default_factory=dict)


def report(whole: Panel, horizon: int, known: Known) -> Report:
    """Everything that a horizon shows. `churns` are distinct departures, `n` places of which the end is known."""
    panel = whole.observed(horizon, known.reach)
    left = panel.left(horizon)
    churns = departures(panel, left)
    compared = compare(_figures(panel), left, panel.accounts)
    auc = compared.of("score") if compared else None
    leavers = len(np.unique(panel.accounts[left]))
    code = verdicts.verdict(auc, leavers)
    return {
        "n": len(panel),
        "accounts": len(np.unique(panel.accounts)),
        "churns": len(churns),
        "leavers": leavers,
        "left": int(left.sum()),
        "landmarks": _landmarks(panel),
        "auc": auc.value if auc else None,
        "interval": [auc.low, auc.high] if auc else None,
        "bands": bands(panel, left),
        "baselines": _baselines(compared),
        "lead_time": lead_time(panel, churns, known),
        "misses": misses(panel, left, horizon),
        "top_band": top_band(panel, horizon, known),
        "each_churn": _each_churn(churns, known) if code == verdicts.FEW else [],
        "weights": _weights(panel, horizon),
        "verdict": code,
    }


def _figures(panel: Panel) -> dict[str, Any]:
    """Low for whoever should leave: of the score, of how lately they used it, of how far the renewal is."""
    return {"score": panel.points, "last_use": -panel.last_use, "days_to_renewal": panel.renews_in}


def departures(panel: Panel, left: Flags) -> list[tuple[int, int]]:
    """(account, day) of everybody who left, each departure once, by day."""
    found = set(zip(panel.accounts[left].tolist(), panel.left_on[left].tolist(), strict=True))
    return sorted(found, key=lambda one: (one[1], one[0]))


def days_to_ask(whole: Panel, horizons: Sequence[int], reach: date) -> list[int]:
    """The days 90 before each departure, of horizons on which too few left to count; ascending."""
    days: set[int] = set()
    for horizon in horizons:
        panel = whole.observed(horizon, reach)
        left = panel.left(horizon)
        if len(np.unique(panel.accounts[left])) < verdicts.FEWEST_LEAVERS:
            days |= {left_on - BEFORE for _account, left_on in departures(panel, left)}
    return sorted(days)


def _landmarks(panel: Panel) -> list[str]:
    return [date.fromordinal(day).isoformat() for day in np.unique(panel.days).tolist()]


def _estimate(found: Estimate) -> Report:
    return {"value": found.value, "interval": [found.low, found.high]}


def _interval(found: Interval | None) -> list[float] | None:
    return [found.low, found.high] if found else None


def bands(panel: Panel, left: Flags) -> list[Report]:
    """Churn of each band, worst first, with Wilson's interval. An account counts on each of its landmarks."""
    rows = []
    for band in (LEAVING, AT_RISK, STEADY, THRIVING):
        of_band = panel.bands == band
        n, gone = int(of_band.sum()), int((of_band & left).sum())
        share = gone / n if n else None
        rows.append({"band": band, "n": n, "left": gone, "share": share, "interval": _interval(wilson(gone, n))})
    return rows


def _baselines(compared: Compared | None) -> Report:
    """What ranking by something plain gives, and how much better the score is on the same places."""
    if compared is None:
        return dict.fromkeys(BASELINES)
    return {name: {"auc": compared.aucs[name], "lift": _estimate(compared.lift("score", name))} for name in BASELINES}


def lead_time(panel: Panel, churns: Sequence[tuple[int, int]], known: Known) -> Report:
    """Median days from the first warning to the departure, over those who were warned of.

    The first warning is where the last unbroken run below the limit begins: a low score that recovered warned of
    something else. Landmarks, and the days of the ledger between them.
    """
    marks: dict[int, list[tuple[int, int]]] = {}
    for account, day, points in zip(panel.accounts.tolist(), panel.days.tolist(), panel.points.tolist(), strict=True):
        marks.setdefault(account, []).append((day, points))
    days = []
    for account, left_on in churns:
        run = None
        for day, points in sorted({*marks.get(account, ()), *known.ledger.get(account, ())}):
            if day < left_on:
                run = (run or day) if points < known.warn_below else None
        if run is not None:
            days.append(left_on - run)
    return {"median": float(np.median(days)) if days else None, "warned": len(days), "churns": len(churns)}


def misses(panel: Panel, left: Flags, horizon: int) -> Report:
    """Who was green when there was still time and left, and who was red and stayed; by account, the worst first.

    Green and left: judged on the earliest landmark within the horizon of the departure. Red and stayed: on the newest
    landmark of which the end is known.
    """
    early = _earliest(panel.only(left))
    green = early.only(early.bands >= STEADY)
    last = _newest(panel)
    red = last.only((last.bands == LEAVING) & ~last.left(horizon))
    return {
        "green_and_left": _named(green, np.lexsort((green.accounts, -green.points))),
        "green_and_left_in_all": len(green),
        "churns": len(early),
        "red_and_stayed": _named(red, np.lexsort((red.accounts, red.points))),
        "red_and_stayed_in_all": len(red),
        "red": int((last.bands == LEAVING).sum()),
    }


def _newest(panel: Panel) -> Panel:
    """Each account on the newest of its landmarks."""
    order = np.lexsort((-panel.days, panel.accounts))
    _accounts, places = np.unique(panel.accounts[order], return_index=True)
    return panel.only(order[places])


def _earliest(gone: Panel) -> Panel:
    """Each departure on the earliest of its landmarks."""
    order = np.lexsort((gone.days, gone.left_on, gone.accounts))
    pairs = np.column_stack([gone.accounts[order], gone.left_on[order]])
    _departures, places = np.unique(pairs, axis=0, return_index=True)
    return gone.only(order[places])


def _named(panel: Panel, order: Any) -> list[Report]:
    chosen = panel.only(order[:MOST_NAMED])
    return [
        {
            "account": account,
            "day": date.fromordinal(day).isoformat(),
            "points": points,
            "band": band,
            "left_on": date.fromordinal(left_on).isoformat() if left_on < NEVER else None,
        }
        for account, day, points, band, left_on in zip(
            *(getattr(chosen, name).tolist() for name in ("accounts", "days", "points", "bands", "left_on")),
            strict=True,
        )
    ]


def top_band(panel: Panel, horizon: int, known: Known) -> Report:
    """Whether the thriving pay more, renew and recommend more often than the others within the horizon.

    Each account once, on the newest landmark of which the end is known, so that Newcombe's interval of the difference
    holds. `expand`: a higher MRR at the end. `renew`: paid on the day on which it was to renew. `promote`: answered 9
    or 10, of those who answered.
    """
    last = _newest(panel)
    end = last.days + horizon
    before, after = (known.steps.mrr_on(last.accounts, days) for days in (last.days, end))
    asked = {
        "expand": (after > before, ~np.isnan(before) & ~np.isnan(after)),
        "renew": (last.left_on > last.days + last.renews_in, last.renews_in <= horizon),
        "promote": (
            known.promoters.within(last.accounts, last.days, end),
            known.answers.within(last.accounts, last.days, end),
        ),
    }
    top = last.bands == THRIVING
    return {name: _difference(hit, of & top, of & ~top) for name, (hit, of) in asked.items()}


def _difference(hit: Flags, top: Flags, others: Flags) -> Report:
    first, second = ([int((hit & side).sum()), int(side.sum())] for side in (top, others))
    around = newcombe(*first, *second)
    difference = first[0] / first[1] - second[0] / second[1] if around else None
    return {"top": first, "others": second, "difference": difference, "interval": _interval(around)}


def _each_churn(churns: Sequence[tuple[int, int]], known: Known) -> list[Report]:
    """Too few to count: each departure with its score 90 days before."""
    return [
        {"account": account, "left_on": date.fromordinal(day).isoformat(), "points": known.before.get((account, day))}
        for account, day in churns
    ]


def _weights(panel: Panel, horizon: int) -> Report | None:
    """Suggested shares by group, and what they gain over equal ones on months that they have not seen."""
    found = suggest(panel, horizon)
    if found is None:
        return None
    gain = found.compared.lift("suggested", "equal") if found.compared else None
    return {
        "shares": list(found.shares),
        "auc": _estimate(found.compared.of("suggested")) if found.compared else None,
        "equal": _estimate(found.compared.of("equal")) if found.compared else None,
        "gain": _estimate(gain) if gain else None,
        "churns": found.leavers,
        "landmarks": found.tested,
        "advice": verdicts.better(gain, found.leavers),
    }
