"""Forms as they stand on a page: what a browser would post when somebody presses one of their buttons."""

from typing import Any

from django.test.html import Element, parse_html


def posted(page: str, form: str, *, press: tuple[str, str] | None = None, **typed: Any) -> dict[str, Any]:
    """The values of the form with this id or action, with what is typed over them and the button pressed.

    KeyError where the form has no such field or button.
    """
    body = next(each for each in _within(parse_html(page), "form") if form in (_of(each, "id"), _of(each, "action")))
    fields = _within(body, "input", "select", "textarea")
    buttons = [(_of(each, "name"), _of(each, "value")) for each in _within(parse_html(page), "button")]
    known = {_of(field, "name") for field in fields}
    if not typed.keys() <= known or not (press is None or press in buttons):
        raise KeyError(f"{form} has neither all of {sorted(typed)} nor a button {press}")
    return dict(pair for field in fields for pair in _value(field)) | typed | dict([press] if press else [])


def _within(root: Element, *names: str) -> list[Element]:
    found = []
    for child in root.children:
        if isinstance(child, Element):
            found += ([child] if child.name in names else []) + _within(child, *names)
    return found


def _of(element: Element, name: str) -> str | None:
    return next((value or "" for key, value in element.attributes if key == name), None)


def _value(field: Element) -> list[tuple[str, str]]:
    name, kind = _of(field, "name"), _of(field, "type")
    if not name or kind in ("submit", "button"):
        return []
    if field.name == "select":
        options = _within(field, "option")
        chosen = [each for each in options if _of(each, "selected") is not None] or options[:1]
        return [(name, _of(each, "value") or "") for each in chosen]
    if kind in ("checkbox", "radio") and _of(field, "checked") is None:
        return []
    if field.name == "textarea":
        return [(name, "".join(str(child) for child in field.children))]
    return [(name, _of(field, "value") or "")]
