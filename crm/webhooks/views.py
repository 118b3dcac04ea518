"""Settings → Webhooks: who is told what, what came of it, and the buttons to try again."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm.lib.fields import refusals
from crm.staff.views import Request, needs
from crm.webhooks import actions, forms, queries
from crm.webhooks.models import Delivery, Endpoint


@require_safe
@needs("manage_keys")
def index(request: Request) -> HttpResponse:
    return render(request, "crm/webhooks/index.html", {"lines": queries.endpoints()})


@needs("manage_keys")
@never_cache
def new(request: Request) -> HttpResponse:
    """The answer to a good form shows the secret: it is the only place where it can be read."""
    form = forms.EndpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row, secret = actions.create_endpoint(**form.cleaned_data, at=request.now, by=request.user)
            return _detail(request, row, secret)
    words = {"title": _("New webhook"), "submit": _("Add the webhook"), "back_url": reverse("webhooks")}
    return render(request, "crm/form.html", words | {"form": form})


@require_safe
@needs("manage_keys")
def detail(request: Request, pk: int) -> HttpResponse:
    return _detail(request, get_object_or_404(Endpoint, pk=pk))


@needs("manage_keys")
def edit(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(Endpoint, pk=pk)
    start = {name: getattr(row, name) for name in ("url", "events", "is_active")}
    form = forms.ChangeForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.change_endpoint(row, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return redirect("webhook", row.pk)
    words = {"title": _("Change the webhook"), "submit": _("Save"), "back_url": reverse("webhook", args=[row.pk])}
    return render(request, "crm/form.html", words | {"form": form})


@require_POST
@needs("manage_keys")
@never_cache
def rotate(request: Request, pk: int) -> HttpResponse:
    """Make a new secret and show it, once."""
    row, secret = actions.rotate_secret(get_object_or_404(Endpoint, pk=pk), at=request.now, by=request.user)
    return _detail(request, row, secret)


@require_POST
@needs("manage_keys")
def test(request: Request, pk: int) -> HttpResponse:
    actions.send_test(get_object_or_404(Endpoint, pk=pk), at=request.now, by=request.user)
    messages.success(request, _("A test is on its way. What came of it stands below in a moment."))
    return redirect("webhook", pk)


@require_POST
@needs("manage_keys")
def resume(request: Request, pk: int) -> HttpResponse:
    actions.resume(get_object_or_404(Endpoint, pk=pk), at=request.now, by=request.user)
    messages.success(request, _("It goes on. What waited is told now."))
    return redirect("webhook", pk)


@require_POST
@needs("manage_keys")
def redeliver(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(Delivery.objects.select_related("endpoint"), pk=pk)
    actions.redeliver(row, at=request.now, by=request.user)
    messages.success(request, _("It is told once more, under the same id."))
    return redirect("webhook", row.endpoint_id)


def _detail(request: Request, row: Endpoint, secret: str = "") -> HttpResponse:
    after = request.GET.get("after", "")
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise Http404
    found = list(queries.deliveries(row, after=int(after) if after else None))
    shown = found[: queries.PAGE]
    context: dict[str, Any] = {
        "endpoint": row,
        "deliveries": shown,
        "next": shown[-1].pk if len(found) > len(shown) else None,
        "secret": secret,
        "kinds": [kind.label for kind in queries.kinds_of(row)],
    }
    return render(request, "crm/webhooks/detail.html", context)
