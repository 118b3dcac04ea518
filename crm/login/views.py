"""allauth's pages as we serve them: in our templates, each change in one transaction with its record."""

import json
from collections.abc import Callable
from typing import Any, cast

from allauth.account import views as account
from allauth.account.decorators import reauthentication_required
from allauth.account.internal import flows
from allauth.mfa.base import views as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.flows import can_generate_recovery_codes, generate_recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.utils import is_mfa_enabled
from allauth.mfa.webauthn import views as webauthn
from django.contrib.auth.decorators import login_not_required
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.forms import Form
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from crm.sign_in import queries
from crm.sign_in.actions import end_other_sessions, end_session, note_second_factor
from crm.staff.queries import lacks_second_factor
from crm.staff.rules import SECOND_FACTOR
from crm.staff.views import Request, View

FOLDER = "crm/login"


class Login(account.LoginView):
    template_name = f"{FOLDER}/login.html"


@login_not_required
def log_out(request: Request) -> HttpResponse:
    """Also the way back from a login that was left half done."""
    if request.method != "POST" and request.user.is_authenticated:
        return HttpResponseNotAllowed(["POST"])
    if request.method == "POST":
        flows.logout.logout(request, show_message=False)
    return redirect("account_login")


class _Passkeys:
    """What the browser is asked travels in an attribute, since the policy allows no script within a page."""

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().get_context_data(**more)  # type: ignore[misc]
        return found | {"options": json.dumps(found["js_data"], cls=DjangoJSONEncoder)}


class SecondStep(_Passkeys, mfa.AuthenticateView):
    template_name = f"{FOLDER}/second_step.html"

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        may = is_mfa_enabled(self.stage.login.user, [Authenticator.Type.WEBAUTHN])
        return super().get_context_data(**more) | {"may_use_passkey": may}


class PasswordAgain(account.ReauthenticateView):
    template_name = f"{FOLDER}/again.html"


class CodeAgain(mfa.ReauthenticateView):
    template_name = f"{FOLDER}/again.html"


class PasskeyAgain(_Passkeys, webauthn.ReauthenticateWebAuthnView):
    template_name = f"{FOLDER}/again_passkey.html"


class ChangePassword(account.PasswordChangeView):
    template_name = f"{FOLDER}/password.html"


class Security(mfa.IndexView):
    """One's own door: password, second factor, sessions."""

    template_name = f"{FOLDER}/security.html"
    request: Request

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        user, session = self.request.user, self.request.session
        found: dict[str, Any] = super().get_context_data(**more)
        return found | {
            "must": lacks_second_factor(user),
            "needed": user.role in SECOND_FACTOR,
            "sessions": queries.sessions_of(user, this=session.session_key or "", at=self.request.now),
        }


class _Recorded:
    """A form that changes a second factor: the change and its record stand or fall together."""

    what, kind = "added", Authenticator.Type.TOTP

    @transaction.atomic
    def form_valid(self, form: Form) -> HttpResponse:
        request = cast(Request, self.request)  # type: ignore[attr-defined]
        response: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        note_second_factor(self.what, self.kind, request.user, at=request.now, by=request.user)
        return response


class SetUpApp(_Recorded, totp.ActivateTOTPView):
    template_name = f"{FOLDER}/app.html"


class RemoveApp(_Recorded, totp.DeactivateTOTPView):
    template_name, what = f"{FOLDER}/remove.html", "removed"


class AddPasskey(_Recorded, _Passkeys, webauthn.AddWebAuthnView):
    template_name, kind = f"{FOLDER}/passkey.html", Authenticator.Type.WEBAUTHN


class RemovePasskey(_Recorded, webauthn.RemoveWebAuthnView):
    template_name, what, kind = f"{FOLDER}/remove.html", "removed", Authenticator.Type.WEBAUTHN
    success_url = reverse_lazy("mfa_index")

    def dispatch(self, request: Request, *args: Any, **named: Any) -> HttpResponse:
        """Somebody else's passkey is not there, before anything is asked."""
        get_object_or_404(self.get_queryset(), pk=named["pk"])
        response: HttpResponse = super().dispatch(request, *args, **named)
        return response


fresh: Callable[[View], View] = reauthentication_required(app="allauth.mfa")


@never_cache
@fresh
def recovery_codes(request: Request) -> HttpResponse:
    """The codes that are left. allauth's own page notes on GET that it was seen, which ours must not."""
    row = Authenticator.objects.filter(user=request.user, type=Authenticator.Type.RECOVERY_CODES).first()
    if row is None:
        raise Http404
    return render(request, f"{FOLDER}/codes.html", {"codes": row.wrap().get_unused_codes()})


@require_POST
@fresh
@transaction.atomic
def new_recovery_codes(request: Request) -> HttpResponse:
    if can_generate_recovery_codes(request.user):
        generate_recovery_codes(request)
        kind = Authenticator.Type.RECOVERY_CODES
        note_second_factor("renewed", kind, request.user, at=request.now, by=request.user)
        return redirect("mfa_view_recovery_codes")
    return redirect("mfa_index")


@require_POST
def end_sessions(request: Request) -> HttpResponse:
    """End one session of one's own, or all but this."""
    user, chosen = request.user, request.POST.get("session", "")
    if chosen == "others":
        end_other_sessions(user, this=request.session.session_key or "", at=request.now, by=user)
    elif chosen.isdecimal() and len(chosen) < 19:
        end_session(user, int(chosen), at=request.now, by=user)
    return HttpResponseRedirect(f"{reverse_lazy('mfa_index')}#sessions")
