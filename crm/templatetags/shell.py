"""What stands around every page: the places of the bar."""

from typing import NamedTuple

from django import template
from django.utils.functional import Promise

from crm.staff.views import PLACES, address, in_use

register = template.Library()


class Place(NamedTuple):
    url: str
    key: str  # its letter after "g"
    label: str | Promise
    active: bool


@register.simple_tag
def places(here: str = "", used: frozenset[str] = frozenset()) -> list[Place]:
    """The places, `here` being the name of the one that the page belongs to. Those that nobody uses stay hidden."""
    return [
        Place(url, key, label, name == here)
        for name, key, label, _beginnings in PLACES
        if (url := address(name)) and (name == here or in_use(name, used))
    ]
