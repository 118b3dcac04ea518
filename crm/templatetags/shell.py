"""What stands around every page: the places of the bar."""

from typing import NamedTuple

from django import template
from django.utils.functional import Promise

from crm.staff.views import PLACES, address

register = template.Library()


class Place(NamedTuple):
    url: str
    key: str  # its letter after "g"
    label: str | Promise
    active: bool


@register.simple_tag
def places(here: str = "") -> list[Place]:
    """The places, `here` being the name of the one that the page belongs to. Those without a page yet stay hidden."""
    every = [Place(address(name), key, label, name == here) for name, key, label, _beginnings in PLACES]
    return [place for place in every if place.url]
