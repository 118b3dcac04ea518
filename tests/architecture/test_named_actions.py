"""Owner, score, state and approval are written by named actions only: no view, form, admin page or query sets them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.forms import ModelForm

from crm.admin import Writable, site

ROOT = Path(__file__).parents[2]
OWNER = {
    "owner",
    "owner_id",
    "pool",
    "pool_id",
    "restricted",
    "merged_into",
    "merged_into_id",
    "assignee",
    "assignee_id",
}
SCORE = {"points", "band", "coverage", "change", "costliest", "low", "high"}
STATE = {"state", "stage", "ended_at", "end_reason", "closed_at", "snoozed_until", "done_at", "dismissed_at"}
APPROVAL = {"approved_by", "approved_at", "decided_at", "published_at", "published_by", "body_hash"}
GUARDED = OWNER | SCORE | STATE | APPROVAL
# What is read into rows for a page, and never stored.
READ = {
    ("retention/pages/listing.py", "band"),
    ("retention/pages/seen.py", "owner"),
    ("retention/pages/seen.py", "pool"),
}
# The demo makes a past that no action would allow.
APART = ("migrations", "management")


def outside_actions() -> Iterator[Path]:
    for app in ("crm", "feedback", "retention"):
        for path in sorted((ROOT / app).rglob("*.py")):
            parts = path.relative_to(ROOT).parts
            if not {"actions", "actions.py", *APART} & set(parts) and parts[:2] != ("crm", "lib"):
                yield path


def written(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, field) of each assignment to an attribute, and of each field that an update or setattr names."""
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = [part for each in node.targets for part in (each.elts if isinstance(each, ast.Tuple) else [each])]
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and not (
                isinstance(target.value, ast.Name) and target.value.id == "self"
            ):
                yield node.lineno, target.attr  # type: ignore[attr-defined]  # statements have lines
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "update":
                yield from ((node.lineno, keyword.arg) for keyword in node.keywords if keyword.arg)
            if node.func.attr in ("bulk_update", "save"):
                texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
                yield from ((node.lineno, text) for text in texts if isinstance(text, str))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
            yield from (
                (node.lineno, each.value)
                for each in node.args[1:2]
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )


def test_nothing_but_an_action_writes_owner_score_state_or_approval() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} writes {field}"
        for path in outside_actions()
        for line, field in written(ast.parse(path.read_text()))
        if field in GUARDED and (str(path.relative_to(ROOT)), field) not in READ
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "account.owner = user",
        "row.name, row.state = name, 'sent'",
        "Account.objects.system('x').filter(pk=1).update(owner=user)",
        "rows.bulk_update(found, ['band'])",
        "mail.save(update_fields=['approved_by'])",
        "setattr(row, 'stage', new)",
        "score.points += 1",
    ],
)
def test_the_search_finds_each_way_of_writing(text: str) -> None:
    assert [field for _line, field in written(ast.parse(text)) if field in GUARDED] != []


def test_no_page_of_the_admin_and_no_model_form_offers_them() -> None:
    pages = {model: page for model, page in site._registry.items() if isinstance(page, Writable)}
    offered = {(model.__name__, name) for model, page in pages.items() for name in _editable(page) & GUARDED}
    offered |= {(form.__name__, name) for form in _forms(ModelForm) for name in set(form._meta.fields or ()) & GUARDED}
    assert offered == set()


def _editable(page: Writable) -> set[str]:
    return {str(name) for name in page.fields or page.form.base_fields} - {str(name) for name in page.readonly_fields}


def _forms(above: Any) -> Iterator[Any]:
    """Forms as they are written. What the admin makes of one for a request may outlive it, read-only fields and all."""
    made = f"{Writable.get_form.__qualname__}.<locals>."
    for form in above.__subclasses__():
        ours = form.__module__.startswith(("crm.", "feedback.", "retention."))
        if ours and not form.__qualname__.startswith(made):
            yield form
        yield from _forms(form)
