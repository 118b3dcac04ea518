"""What a page says after something happened: on the next page, beside a fragment, with its undo."""

import re

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.test import Client, override_settings
from django.urls import path

from crm.staff.views import offer_undo, way_back


@login_not_required
def done(request: HttpRequest) -> HttpResponse:
    offer_undo(request, 'Put aside: "<b>".', "/undo/", rev=3, why="a&b")
    messages.success(request, "Nothing else.")
    messages.error(request, "No mail server.")
    return redirect("/page/?tab=2")


@login_not_required
def piece(request: HttpRequest) -> HttpResponse:
    messages.success(request, "Counted.")
    return HttpResponse("<tr><td>7</td></tr>")


@login_not_required
def moved(request: HttpRequest) -> HttpResponse:
    messages.success(request, "Gone there.")
    return HttpResponse(headers={"HX-Redirect": "/page/"})


@login_not_required
def undo(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(way_back(request, "/elsewhere/"))


urlpatterns = [
    path("page/", login_not_required(lambda request: render(request, "base.html"))),
    path("done/", done),
    path("piece/", piece),
    path("moved/", moved),
    path("undo/", undo),
]
OURS = override_settings(ROOT_URLCONF=__name__)
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/page/?tab=9"}


def toasts(page: str) -> list[str]:
    said = page.partition("<template")[0]  # what is kept for a missing answer says nothing yet
    return re.findall(r'<li class="toast.*?</li>', said, re.DOTALL)


@OURS
def test_what_was_said_stands_once_on_the_next_page_and_can_be_undone_from_it(client: Client) -> None:
    client.post("/done/")
    with_undo, plain, fault = toasts(client.get("/page/?tab=2").content.decode())
    assert "<p>Put aside: &quot;&lt;b&gt;&quot;.</p>" in with_undo
    assert '<form class="inline" method="post" action="/undo/">' in with_undo
    hidden = re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', with_undo)
    assert [field for field in hidden if field[0] != "csrfmiddlewaretoken"] == [
        ("next", "/page/?tab=2"),
        ("rev", "3"),
        ("why", "a&amp;b"),
    ]
    # Only a plain sentence passes by itself.
    assert ["data-passes" in toast for toast in (with_undo, plain, fault)] == [False, True, False]
    assert "<form" not in plain
    assert '<p role="alert">No mail server.</p>' in fault
    assert toasts(client.get("/page/").content.decode()) == []


@OURS
def test_beside_a_fragment_it_joins_the_toasts_of_the_page(client: Client) -> None:
    answer = client.get("/piece/", headers=HTMX).content.decode()
    assert answer.startswith('<tr><td>7</td></tr>\n<ol hx-swap-oob="beforeend:#toasts">')
    assert len(toasts(answer)) == 1
    assert toasts(client.get("/page/").content.decode()) == []


@OURS
def test_a_whole_page_and_one_that_sends_elsewhere_get_nothing_beside_them(client: Client) -> None:
    assert client.get("/piece/").content.decode() == "<tr><td>7</td></tr>"
    assert client.get("/page/", headers=HTMX).content.decode().count("<ol ") == 1
    assert client.get("/moved/", headers=HTMX).content == b""
    assert len(toasts(client.get("/page/").content.decode())) == 1


@OURS
def test_an_undo_leads_back_to_where_it_was_asked_for_but_never_off_the_site(client: Client) -> None:
    goes = [client.post("/undo/", {"next": there})["Location"] for there in ("/page/?tab=2", "//evil.example", "")]
    assert goes == ["/page/?tab=2", "/elsewhere/", "/elsewhere/"]
