"""Every part of a page stands in the gallery, in states that its first line names."""

import re

import pytest
from django.test import Client, RequestFactory

from crm.pages import gallery
from crm.staff.models import User
from tests.factories import NOW

PARTS = sorted(path.name for path in gallery.PARTS.glob("*.html"))
# Given by whoever renders a page, so no state has to name them.
GIVEN = {"request", "csrf_token", "user", "message", "messages"}


@pytest.fixture
def request_of_somebody(rf: RequestFactory) -> object:
    request = rf.get("/settings/gallery/")
    somebody = {"now": NOW, "user": User(name="Mina Kwon", role="ops_admin"), "htmx": False}
    for name, value in somebody.items():
        setattr(request, name, value)
    return request


@pytest.mark.parametrize("name", PARTS)
def test_every_part_says_what_it_needs_and_is_shown_with_just_that(name: str, request_of_somebody) -> None:
    documented = set(re.findall(r"\w+", gallery.about(name).partition("Context:")[2]))
    assert documented, f"{name} does not say what it needs"
    shown = list(gallery.states(name, request_of_somebody, "light"))
    assert (shown == []) is (name in gallery.AROUND)
    used = {key for state in shown for key in state} - GIVEN
    # The rows of a chart's table stand in its body already.
    assert used - documented - {"rows"} == set()


def test_an_unknown_part_is_a_fault(request_of_somebody) -> None:
    with pytest.raises(KeyError):
        list(gallery.states("nothing.html", request_of_somebody, "light"))


@pytest.mark.django_db
def test_the_gallery_shows_each_of_them_twice(as_user, ops) -> None:
    page = as_user(ops).get("/settings/gallery/").content.decode()
    assert re.findall(r"<h2 id=[^>]+>(\w+\.html)</h2>", page) == PARTS
    assert page.count('class="swatch" data-theme="light"') == len(PARTS) - len(gallery.AROUND)
    assert page.count("Put aside: Call Lena.") == 2


@pytest.mark.django_db
def test_reps_do_not_see_it(as_user, rep) -> None:
    client: Client = as_user(rep)
    assert client.get("/settings/gallery/").status_code == 403
    assert "/settings/gallery/" not in client.get("/settings/").content.decode()
