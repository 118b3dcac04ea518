"""The pages behind one-time links. Mail gateways open every link, so reading changes nothing; a POST uses it up."""

from collections.abc import Callable
from hashlib import sha256

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from crm.audit.rules import System
from crm.lib.fields import refusals
from crm.login.forms import FirstAdminForm, ForgottenForm, PasswordForm
from crm.sign_in import actions, queries, rules
from crm.sign_in.models import OneTimeLink
from crm.staff.models import User
from crm.staff.queries import installation
from crm.staff.views import Request

# Same-origin and not none: browsers send no origin at all under "no-referrer", and the form's token needs one.
QUIET = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Robots-Tag": "noindex, nofollow"}
BY = System("login")
Using = Callable[[OneTimeLink, PasswordForm], User]


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def first_admin(request: Request, token: str) -> HttpResponse:
    def use(link: OneTimeLink, form: PasswordForm) -> User:
        return actions.make_first_admin(link, **form.cleaned_data, at=request.now)

    return _page(request, rules.FIRST_ADMIN, token, use)


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: Request, token: str) -> HttpResponse:
    def use(link: OneTimeLink, form: PasswordForm) -> User:
        return actions.accept_invitation(link, form.cleaned_data["password"], at=request.now)

    return _page(request, rules.INVITATION, token, use)


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def new_password(request: Request, token: str) -> HttpResponse:
    def use(link: OneTimeLink, form: PasswordForm) -> User:
        return actions.choose_password(link, form.cleaned_data["password"], at=request.now)

    return _page(request, rules.PASSWORD, token, use)


def _page(request: Request, purpose: str, token: str, use: Using) -> HttpResponse:
    """Show the form, and on POST use the link and go on as after a login, second factor included."""
    link = queries.link_of(purpose, token, at=request.now)
    if link is None:
        return _quietly(render(request, "crm/login/link_over.html", {"purpose": purpose}, status=404))
    form = _form(request, link)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            user = use(link, form)
        if form.is_valid():
            return _let_in(request, user)
    context = {"form": form, "link": link, "company": installation().company_name}
    return _quietly(render(request, "crm/login/link.html", context))


def _form(request: Request, link: OneTimeLink) -> PasswordForm:
    data = request.POST if request.method == "POST" else None
    if link.purpose == rules.FIRST_ADMIN:
        return FirstAdminForm(data, initial={"language": get_language()})
    return PasswordForm(data, user=link.user or User(email=link.email, name=link.name))


def _let_in(request: Request, user: User) -> HttpResponse:
    if request.user.is_authenticated:
        request.session.flush()
    response: HttpResponse = perform_password_login(request, {"email": user.email}, Login(user=user, email=user.email))
    return response


def _quietly(response: HttpResponse) -> HttpResponse:
    for name, value in QUIET.items():
        response.headers[name] = value
    return response


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: Request) -> HttpResponse:
    """Ask for a link by mail. The answer is the same whoever the address belongs to; the mail goes out later."""
    form = ForgottenForm(request.POST if request.method == "POST" else None)
    asked = form.is_valid()
    if asked:
        _ask(request, form.cleaned_data["email"])
    context = {"form": form, "asked": asked, "email": form.cleaned_data["email"] if asked else ""}
    return _quietly(render(request, "crm/login/forgotten.html", context))


def _ask(request: HttpRequest, email: str) -> None:
    at = request.now  # type: ignore[attr-defined]
    user = queries.user_at(email)
    key = f"reset:{user.pk}" if user else f"reset:{sha256(email.lower().encode()).hexdigest()[:32]}"
    try:
        actions.admit({key: rules.RESETS}, at=at)
    except actions.TooManyGuesses:
        return
    if user is not None and user.is_active:
        actions.ask_for_password(user, at=at, by=BY)
