"""The page that says whether a scorecard would have told who leaves; ops see everything, the others the verdict."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from crm.accounts.models import Account
from crm.lib.fields import refusals_told
from crm.staff.views import Request, needs
from crm.templatetags.ui import number
from retention.backtests import actions, queries
from retention.backtests.queries import Brief, auc_words, two
from retention.backtests.rules import CHANGE, Report
from retention.scorecards import queries as scorecards
from retention.scorecards.models import ScorecardVersion
from retention.scores.models import Band

UNFOLDED = 10
PLAIN = {
    "last_use": gettext_lazy("days since the last use"),
    "days_to_renewal": gettext_lazy("days to the renewal"),
}
BEST = {
    "expand": gettext_lazy("pay more at the end"),
    "renew": gettext_lazy("renewed, of those whose renewal came"),
    "promote": gettext_lazy("answered 9 or 10, of those who answered"),
}


@require_safe
@needs("read")
def backtest(request: Request, pk: int) -> HttpResponse:
    """The newest report of a version; its horizons by ?horizon=. Drafts are for those who configure."""
    version = get_object_or_404(ScorecardVersion.objects.select_related("scorecard"), pk=pk)
    may_configure = request.user.may("configure")
    if not version.is_published and not may_configure:
        raise Http404
    beside = queries.beside(version, drafts=may_configure)
    briefs = queries.briefs([each.pk for each in beside])
    context: dict[str, Any] = {
        "version": version,
        "may_configure": may_configure,
        "brief": briefs.get(pk),
        "pending": queries.pending(version),
    }
    if may_configure and pk in briefs:
        context |= _figures(request, version, beside, briefs)
    return render(request, "retention/backtest.html", context)


@require_POST
@needs("configure")
def ask(request: Request, pk: int) -> HttpResponse:
    """Have the version tested; the long work does it."""
    version = get_object_or_404(ScorecardVersion, pk=pk)
    with refusals_told(request):
        actions.ask(version, at=request.now, by=request.user)
    return redirect("backtest", pk)


@require_POST
@needs("configure")
def draft_suggested(request: Request, pk: int) -> HttpResponse:
    """Begin a draft with the weights that the newest test suggests."""
    backtest = queries.newest([pk]).get(pk)
    if backtest is None:
        raise Http404
    wanted = request.POST.get("horizon", "")
    horizon = int(wanted) if wanted in backtest.report else 0
    try:
        draft = actions.draft_suggested(backtest, horizon, at=request.now, by=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("backtest", pk)
    said = _("The suggested weights stand in this draft. It judges nobody until it is published.")
    messages.success(request, said)
    return redirect("scorecard-draft", draft.scorecard_id)


def _figures(
    request: Request, version: ScorecardVersion, beside: Sequence[ScorecardVersion], briefs: dict[int, Brief]
) -> dict[str, Any]:
    own = briefs[version.pk]
    wanted = request.GET.get("horizon", "")
    horizon = int(wanted) if wanted in own.backtest.report else own.horizon
    report = own.backtest.report[str(horizon)]
    names = _names(request, report)
    return {
        "brief": _at(own, horizon),
        "horizon": horizon,
        "horizons": [_at(own, each) for each in sorted(map(int, own.backtest.report))],
        "columns": [(each, _at(briefs[each.pk], horizon) if each.pk in briefs else None) for each in beside],
        "report": report,
        "bands": _bands(report),
        "baselines": [_plain(name, report) for name in PLAIN],
        "missed": _folded(_named(report["misses"]["green_and_left"], names)),
        "alarms": _folded(_named(report["misses"]["red_and_stayed"], names)),
        "each_churn": _named(report["each_churn"], names),
        "best": [_best(name, report) for name in BEST],
        "weights": _weights(version, report),
        "advice": queries.advice_words(report),
        "out_of_sample": _out_of_sample(report),
        "may_draft": bool(report["weights"]) and report["weights"]["advice"] == CHANGE and not own.is_stale,
        "population": queries.population_words(own.backtest),
        "in_hindsight": own.backtest.scores - own.backtest.stood,
    }


def _at(brief: Brief, horizon: int) -> Brief | None:
    """The same back-test at another horizon; None: it was not asked for that."""
    report = brief.backtest.report.get(str(horizon))
    return Brief(brief.backtest, horizon, report, brief.is_stale) if report else None


def _names(request: Request, report: Report) -> dict[int, str]:
    """Names of whom the reader sees; the others are counted and not named."""
    lists = (report["misses"]["green_and_left"], report["misses"]["red_and_stayed"], report["each_churn"])
    wanted = {row["account"] for rows in lists for row in rows}
    return dict(Account.objects.visible_to(request.user).filter(pk__in=wanted).values_list("pk", "name"))


def _named(rows: Sequence[Report], names: dict[int, str]) -> list[Report]:
    return [
        row | _days(row) | {"name": names[row["account"]], "band": Band(row.get("band", Band.UNKNOWN)).word}
        for row in rows
        if row["account"] in names
    ]


def _folded(rows: list[Report]) -> dict[str, list[Report]]:
    """The first ones to read, and the rest one click below."""
    return {"first": rows[:UNFOLDED], "rest": rows[UNFOLDED:]}


def _days(row: Report) -> dict[str, date]:
    return {name: date.fromisoformat(row[name]) for name in ("day", "left_on") if row.get(name)}


def _bands(report: Report) -> dict[str, Any] | None:
    """The first band as the chart's own line, the others beside it, in percent."""
    lines = [
        (
            _("%(band)s: %(left)s of %(n)s") % {"band": Band(row["band"]).label, "left": row["left"], "n": row["n"]},
            *(100 * value for value in (row["share"], *row["interval"])),
        )
        for row in report["bands"]
        if row["n"]
    ]
    if not lines:
        return None
    (label, value, low, high), *others = lines
    most = min(100, 10 * (int(max(line[3] for line in lines)) // 10 + 1))
    return {"label": label, "value": value, "low": low, "high": high, "others": others, "most": most}


def _plain(name: str, report: Report) -> dict[str, Any]:
    found = report["baselines"][name]
    if found is None:
        return {"name": PLAIN[name], "auc": "—", "lift": "—", "said": _("not shown")}
    low, high = found["lift"]["interval"]
    said = _("the score is better") if low > 0 else _("the score is worse") if high < 0 else _("no difference shown")
    lift = _("%(value)s, between %(low)s and %(high)s") % {
        "value": queries.signed(found["lift"]["value"]), "low": queries.signed(low), "high": queries.signed(high),
    }  # fmt: skip
    return {"name": PLAIN[name], "auc": two(found["auc"]), "lift": lift, "said": said}


def _best(name: str, report: Report) -> dict[str, Any]:
    found = report["top_band"][name]
    of = [_("%(n)s of %(of)s") % {"n": number(hit), "of": number(n)} for hit, n in (found["top"], found["others"])]
    if found["interval"] is None:
        said = _("not enough data")
    else:
        low, high = found["interval"]
        said = _("more often") if low > 0 else _("less often") if high < 0 else _("no difference shown")
    return {"name": BEST[name], "top": of[0], "others": of[1], "said": said}


def _weights(version: ScorecardVersion, report: Report) -> list[tuple[str, float, float]]:
    """(group, its share now, the suggested one), 0..1; empty where the card was changed since."""
    edition = scorecards.editions([version.pk]).get(version.pk)
    if report["weights"] is None or edition is None:
        return []
    whole = sum(edition.card.whole_weights)
    now = [weight / whole for weight in edition.card.whole_weights]
    suggested = report["weights"]["shares"]
    return list(zip(queries.group_names(edition), now, suggested, strict=True)) if len(now) == len(suggested) else []


def _out_of_sample(report: Report) -> list[tuple[str, str]]:
    """What suggested and equal weights are worth on months that neither had seen: (which, AUC with its interval)."""
    weights = report["weights"]
    if weights is None or weights["auc"] is None:
        return []
    shown = (_("Suggested weights"), weights["auc"]), (_("Equal weights"), weights["equal"])
    return [(name, auc_words(found)) for name, found in shown]
