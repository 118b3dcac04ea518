"""The parts that pages are made of, each in its states, light beside dark: for whoever configures or builds."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib.messages import ERROR, SUCCESS, WARNING
from django.contrib.messages.storage.base import Message
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from crm.staff.views import Command, Request, needs
from crm.templatetags.charts import usage_bars

PARTS = Path(settings.BASE_DIR) / "templates/_parts"
# These stand around every page already, this one too.
AROUND = {"bar.html", "person_menu.html", "toasts.html"}
# What a part stands in, where it needs something around it.
INSIDE = {
    "command": '<ul class="commands">{}</ul>',
    "definition": '<dl class="definitions">{}</dl>',
    "meter_row": '<ul class="meters">{}</ul>',
    "person_row": '<ul class="rows">{}</ul>',
    "queue_row": '<ul class="queue">{}</ul>',
    "stat": '<div class="stats">{}</div>',
    "table_head": '<table class="table">{}<tbody><tr><th scope="row">Nordwind</th>'
    '<td class="end" data-label="MRR">€1,240</td><td data-label="Next step">Call Lena</td></tr></tbody></table>',
    "timeline_line": '<ol class="timeline">{}</ol>',
    "toast": '<ol class="stack">{}</ol>',
}


class Shown(NamedTuple):
    """One part: its file, what its first line says of it, and its states in light and in dark."""

    name: str
    about: str
    light: SafeString
    dark: SafeString


@needs("configure")
def gallery(request: Request) -> HttpResponse:
    shown = [_shown(name, request) for name in sorted(path.name for path in PARTS.glob("*.html"))]
    return render(request, "crm/gallery.html", {"parts": shown, "around": sorted(AROUND)})


def about(name: str) -> str:
    """The comment that every part begins with: what it is, and the context it needs."""
    said = re.match(r"{# (.*?) #}", (PARTS / name).read_text())
    assert said is not None, f"{name} does not say what it needs"
    return said.group(1)


def _shown(name: str, request: Request) -> Shown:
    light, dark = (_states(name, request, theme) for theme in ("light", "dark"))
    return Shown(name, about(name), light, dark)


def _states(name: str, request: Request, theme: str) -> SafeString:
    part = get_template(f"_parts/{name}")
    drawn = mark_safe("".join(part.render(state, request) for state in states(name, request, theme)))  # noqa: S308 - rendered by Django
    return format_html(INSIDE.get(name.removesuffix(".html"), "{}"), drawn) if drawn else drawn


def states(name: str, request: Request, theme: str) -> Iterator[dict[str, Any]]:
    """The contexts in which a part is shown; a part that is not known here raises KeyError."""
    kind = name.removesuffix(".html")
    if name not in AROUND:
        yield from {**_simple(), **_with_time(request), **_with_form(theme)}[kind]


def _simple() -> dict[str, list[dict[str, Any]]]:
    return {
        "band": [
            {"band": band, "points": points, "computed": "at_risk" if band == "steady" else ""}
            for band, points in {
                "thriving": 860,
                "steady": 712,
                "at_risk": 463,
                "leaving": 300,
                "unknown": None,
            }.items()
        ],
        "button": [
            {"text": "Approve, send Mon 09:10", "url": "#button", "kind": "primary"},
            {"text": "Edit", "url": "#button", "kind": "plain", "icon": "pencil"},
            {"text": "Show all", "url": "#button", "kind": "quiet"},
            {"text": "Erase Lena Vogt", "url": "#button", "kind": "danger"},
        ],
        "card": [
            {
                "title": "Why 46",
                "note": "100 is thriving",
                "chip": "due today",
                "link_url": "#card",
                "link_text": "History",
                "content": "What stands in it.",
            },
            {"content": "Without a title."},
        ],
        "change_link": [{"url": "#change_link", "words": "name of Nordwind"}],
        "chip": [
            {"text": "Logistics"},
            {"text": "DACH", "url": "#chip"},
            *({"text": kind, "kind": kind} for kind in ("good", "warn", "bad")),
        ],
        "command": [
            {"command": Command("Accounts", "#command")},
            {"command": Command("Appearance: dark", "#command", {"theme": "dark"})},
        ],
        "definition": [
            {"term": "Plan", "value": "Professional", "detail": "since 1 Jan 2025"},
            {"term": "Notice", "value": None},
        ],
        "draft_block": [
            {
                "draft": {
                    "reason": "Champion gone → play “New champion”, step 2 of 3.",
                    "subject": "Your dispatchers",
                    "body": "Hi Lena,\n\nnine of your 25 planners used Fleetline last month.",
                    "lang": "en",
                    "edit_url": "#draft_block",
                    "budget": "Lena has had 1 mail from us this month; 2 are left.",
                    "problems": ["The mail does not say who is writing."],
                }
            },
        ],
        "empty_state": [
            {
                "sentence": "No survey has been written yet. Ask one thing of a few people first.",
                "url": "#empty_state",
                "text": "Write a survey",
            },
        ],
        "meter_row": [
            {
                "row": {
                    "name": "Active people ÷ seats",
                    "url": "#meter_row",
                    "points": 320,
                    "band": "leaving",
                    "value": "9 of 25",
                }
            },
            {"row": {"name": "Key features used", "points": 800, "band": "thriving", "value": "5 of 7"}},
            {"row": {"name": "Goal", "points": None, "band": "unknown", "value": ""}},
        ],
        "note": [
            {"content": f"A sentence of the kind {kind}.", "kind": kind} for kind in ("plain", "good", "warn", "bad")
        ],
        "person_row": [
            {
                "row": {
                    "name": "Lena Vogt",
                    "url": "#person_row",
                    "detail": "Head of dispatch, decides",
                    "side": "active today",
                }
            },
            {"row": {"name": "Jonas Reuter", "detail": "Champion, left 2 Oct"}},
        ],
        "sender": [{"initials": "MK", "name": "Mina Kwon", "role": "Customer success at Fleetline"}],
        "stat": [
            {"figure": "508 trips", "words": "planned this month, 622 before", "url": "#stat"},
            {"figure": "€2.44", "words": "per trip; similar accounts pay €1.61"},
        ],
        "table_head": [
            {
                "sort": "-mrr",
                "columns": [
                    {"label": "Account", "key": "name", "align": ""},
                    {"label": "MRR", "key": "mrr", "align": "end"},
                    {"label": "Next step", "key": "", "align": ""},
                ],
            },
        ],
        "toast": [
            {"message": Message(SUCCESS, "Put aside: Call Lena.", extra_tags="/settings/gallery/?task=3")},
            {"message": Message(WARNING, "Three days lie before the first usage.")},
            {"message": Message(ERROR, "The mail server did not answer.")},
        ],
    }


def _with_time(request: Request) -> dict[str, list[dict[str, Any]]]:
    now, today = request.now, request.now.date()
    score = {
        "points": 463,
        "band": "at_risk",
        "change": -130,
        "change_days": 28,
        "coverage": 0.86,
        "worst": 400,
        "best": 541,
    }
    days = [today - timedelta(days=n) for n in range(28, -1, -4)]
    curve = list(zip(days, (590, 600, 580, 560, 540, 500, 470, 463), strict=True))
    row = {
        "name": "Nordwind Logistics",
        "url": "#queue_row",
        "pk": 1,
        "band": "at_risk",
        "points": 463,
        "new": True,
        "why": "Nine of 25 seats are used, sixteen fewer than in May.",
        "when": "To Lena Vogt, Mon 09:10 (Berlin)",
        "figures": "",
        "action_url": "#queue_row",
        "action_text": "Read",
        "action_post": False,
        "primary": False,
        "put_off_url": "",
        "put_off_until": "",
    }
    return {
        "chart": [dict(usage_bars([(day, 20 + n * 3) for n, day in enumerate(days)], unit="trips"))],
        "export": [{"key": "contacts", "state": "account=1", "here": "/settings/gallery/"}],
        "pager": [{"previous": "p", "next": "n", "count": "2,480 accounts like this"}],
        "queue_row": [{"row": row}, {"row": row | {"band": "", "new": False, "action_url": ""}}],
        "score_block": [
            {
                "score": score,
                "history": curve,
                "events": [(days[4], "Jonas left")],
                "until": today,
                "limits": (40, 60, 80),
            },
            {"score": {"points": None, "band": "unknown"}, "history": []},
        ],
        "timeline_line": [
            {
                "line": {
                    "at": now,
                    "kind": "mail",
                    "who": "Mina Kwon",
                    "text": "Your dispatchers",
                    "url": "#timeline_line",
                    "state": "sent",
                }
            },
            {
                "line": {
                    "at": now - timedelta(days=400),
                    "kind": "signal",
                    "who": "Champion gone",
                    "text": "",
                    "url": "",
                    "state": "",
                }
            },
        ],
    }


def _with_form(theme: str) -> dict[str, list[dict[str, Any]]]:
    class Example(forms.Form):
        name = forms.CharField(label="Name", help_text="As they write it themselves.")
        kind = forms.ChoiceField(label="Kind", choices=[("a", "Asked"), ("b", "Not asked")], widget=forms.RadioSelect)
        key = forms.BooleanField(label="A key feature", required=False)

    fresh, wrong = Example(prefix=f"{theme}-fresh"), Example({}, prefix=f"{theme}-wrong")
    wrong.add_error(None, "The two days lie the wrong way round.")
    scale = {
        "name": f"{theme}-score",
        "legend": "How likely are you to recommend Fleetline?",
        "values": range(11),
        "chosen": 9,
        "low_word": "Not at all",
        "high_word": "Very likely",
        "required": False,
        "heading": False,
    }
    return {
        "form_errors": [{"form": wrong}],
        "form_field": [{"field": field} for form in (fresh, wrong) for field in form],
        "scale": [scale],
    }
