"""The links under a list that take it as a file."""

from typing import Any

from django import template
from django.template.context import Context

from crm.exports.rules import EXPORTS

register = template.Library()


@register.inclusion_tag("_parts/export.html", takes_context=True)
def export(context: Context, key: str, state: str | None = None, **more: object) -> dict[str, Any]:
    """The list `key` as the page shows it, or narrowed by `state`; `more` says what the page's path says. Nothing
    for whoever may not take it."""
    request = context["request"]
    if not EXPORTS[key].allows(request.user):
        return {}
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    for name, value in more.items():
        query[name] = str(value)
    asked = query.urlencode() if state is None else state
    return {"key": key, "state": asked, "here": request.get_full_path(), "csrf_token": context.get("csrf_token")}
