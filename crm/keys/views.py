"""Settings → API keys: everybody sees the own ones, whoever manages keys sees and makes all."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm.keys import actions, forms, queries
from crm.lib.fields import refusals
from crm.staff.views import Request, needs


@require_safe
def index(request: Request) -> HttpResponse:
    return _index(request)


@needs("manage_keys")
@never_cache
def new(request: Request) -> HttpResponse:
    """The answer to a good form shows the key: it is the only place where it can be read."""
    form = forms.KeyForm(request.POST or None, initial={"expires_on": (request.now + forms.USUAL).date()})
    if request.method == "POST" and form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("name", "owner", "scopes")}
        with refusals(form):
            _row, secret = actions.create_key(**given, expires_at=form.expires_at, at=request.now, by=request.user)
            return _index(request, secret)
    words = {"title": _("New API key"), "submit": _("Create the key"), "back_url": reverse("api-keys")}
    return render(request, "crm/form.html", words | {"form": form})


@require_POST
def revoke(request: Request, pk: int) -> HttpResponse:
    key = get_object_or_404(queries.keys_for(request.user), pk=pk)
    actions.revoke_key(key, at=request.now, by=request.user)
    messages.success(request, _("The key is revoked. Whatever comes in with it is refused from now on."))
    return redirect("api-keys")


def _index(request: Request, secret: str = "") -> HttpResponse:
    rows = [(key, key.revoked_at or key.expires_at <= request.now) for key in queries.keys_for(request.user)[:200]]
    context = {
        "rows": rows,
        "secret": secret,
        "may_manage": request.user.may("manage_keys"),
        "site": f"{request.scheme}://{request.get_host()}",
    }
    return render(request, "crm/api_keys.html", context)
