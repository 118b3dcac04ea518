"""Playbooks as everyone may read them: what starts them, what they do, and what became of their plays."""

from collections import defaultdict

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from crm.staff.models import User
from crm.staff.views import Request, needs
from retention.outcomes.models import Outcome, OutcomeKind
from retention.outcomes.queries import sentence
from retention.playbooks.models import Playbook, Step
from retention.plays.models import Play
from retention.risk_signals.models import SignalKind

RECENT = 50


def counts(user: User) -> dict[int, dict[str, int]]:
    """Per playbook: plays in all, running ones, and outcomes by kind, on accounts the user sees. Two queries."""
    found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    plays = Play.objects.visible_to(user).values("playbook").order_by("playbook")
    for row in plays.annotate(all=Count("pk"), running=Count("pk", filter=Q(ended_at=None))):
        found[row["playbook"]] |= {"all": row["all"], "running": row["running"]}
    outcomes = Outcome.objects.visible_to(user).values("play__playbook", "kind").order_by("play__playbook", "kind")
    for each in outcomes.annotate(n=Count("pk")):
        found[each["play__playbook"]][each["kind"]] = each["n"]
    return found


@needs("read")
def playbooks(request: Request) -> HttpResponse:
    steps: dict[int, list[Step]] = defaultdict(list)
    for step in Step.objects.order_by("playbook_id", "position"):
        steps[step.playbook_id].append(step)
    numbers = counts(request.user)
    rows = [_shown(row, steps[row.pk], numbers[row.pk]) for row in Playbook.objects.order_by("-is_on", "name", "pk")]
    return render(request, "retention/playbooks.html", {"rows": rows})


@needs("read")
def playbook(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(Playbook, pk=pk)
    steps = list(Step.objects.filter(playbook=row).order_by("position"))
    plays = Play.objects.visible_to(request.user).filter(playbook=row).select_related("account", "risk_signal")
    recent = list(plays.order_by("-started_at", "-pk")[:RECENT])
    outcomes: dict[int, list[str]] = defaultdict(list)
    for outcome in (
        Outcome.objects.system("of plays that are seen").filter(play__in=[play.pk for play in recent]).order_by("on")
    ):
        outcomes[outcome.play_id].append(sentence(outcome))
    lines = [{"play": play, "end": play.get_end_reason_display(), "outcomes": outcomes[play.pk]} for play in recent]
    shown = _shown(row, steps, counts(request.user)[pk])
    return render(request, "retention/playbook.html", {"row": shown, "lines": lines})


def _shown(row: Playbook, steps: list[Step], numbers: dict[str, int]) -> dict[str, object]:
    return {
        "playbook": row,
        "name": _(row.name),
        "goal": _(row.goal),
        "triggers": [SignalKind(kind).label for kind in row.triggers],
        "steps": [(step, _(step.title)) for step in steps],
        "running": numbers.get("running", 0),
        "all": numbers.get("all", 0),
        "outcomes": [(kind.label, numbers[kind]) for kind in OutcomeKind if numbers.get(kind)],
    }
