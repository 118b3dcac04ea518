"""What allauth asks of the site: who may come in, under which limits, and what is said. Named by the settings."""

from datetime import datetime
from typing import Any

from allauth.account import app_settings as account_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import MultiFernet
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from crm.lib.formats import grouped
from crm.lib.locks import lock
from crm.login import devices
from crm.login.devices import place_of
from crm.sign_in import actions, queries, rules
from crm.staff.actions import set_password
from crm.staff.models import User
from crm.staff.queries import installation

WRONG = _("The email address and the password do not belong together. Check both; capitals matter in the password.")
WAIT = _("Too many wrong codes. Wait 15 minutes, then try again with a fresh one.")
SAID = {
    "account/messages/password_changed.txt": _("Your password is changed. Other devices were logged out."),
    "mfa/messages/totp_activated.txt": _("The authenticator app is set up."),
    "mfa/messages/totp_deactivated.txt": _("The authenticator app is removed."),
    "mfa/messages/webauthn_added.txt": _("The passkey is added."),
    "mfa/messages/webauthn_removed.txt": _("The passkey is removed."),
}


def instant(request: HttpRequest) -> datetime:
    now: datetime = request.now  # type: ignore[attr-defined]  # crm.middleware.clock
    return now


class Accounts(DefaultAccountAdapter):
    """People come in by email and password, invited only; no address is ever confirmed, so allauth keeps none."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": WRONG,
        "incorrect_password": _("This is not your password."),
        "enter_current_password": _("This is not your password as it is now."),
        "too_many_login_attempts": WAIT,
        "rate_limited": WAIT,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return place_of(request)

    def get_login_stages(self) -> list[str]:
        return ["allauth.mfa.stages.AuthenticateStage"]

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The user, if the password is right and the guess was admitted; raises ValidationError if it was not.

        What is done, and in which order, is the same whether or not there is such a user.
        """
        email, password = str(credentials.get("email", "")), str(credentials.get("password", ""))
        at, user = instant(request), queries.user_at(email)
        keys = devices.keys_of(request, user, email)
        try:
            actions.admit(keys, at=at)
        except actions.TooManyGuesses as refused:
            raise ValidationError(_too_many(rules.minutes_until(refused.free_at, at))) from refused
        if user is None:
            make_password(password)
            right = False
        else:
            right = user.check_password(password)
        if right and user is not None and user.is_active:
            actions.give_back(keys, at=at)
            return user
        why = "inactive" if right else "password"
        actions.note_failed_login(user, email=email, ip=place_of(request), why=why, at=at)
        return None

    def reauthenticate(self, user: User, password: str) -> bool:
        return self.authenticate(context.request, email=user.email, password=password) == user

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Not within five minutes of the login itself, which would ask for the same password again."""
        records = get_authentication_records(context.request, context.request.user)
        at = instant(context.request).timestamp()
        return not any(at - record["at"] < account_settings.REAUTHENTICATION_TIMEOUT for record in records)

    def login(self, request: HttpRequest, user: User) -> None:
        """The last look before a session begins: a deactivation between the two steps counts."""
        if not user.is_active:
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user))
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse:
        at, how = instant(request), [record["method"] for record in get_authentication_records(request, user)]
        known = bool(devices.known(request, user))
        actions.note_login(user, ip=place_of(request), known_device=known, how=how, at=at, by=user)
        request.session[rules.SEEN] = at.timestamp()
        response: HttpResponse = super().post_login(request, user, **more)
        devices.remember(request, response, user)
        return response

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        messages.error(request, str(WRONG))
        return HttpResponseRedirect(reverse("account_login"))

    def set_password(self, user: User, password: str) -> None:
        set_password(user, password, at=instant(context.request), by=user)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("mfa_index")

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """Our sentences in the place of allauth's; nothing where a page says it anyway."""
        if words := message or SAID.get(message_template or ""):
            messages.add_message(request, level, str(words))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Nothing: the mails of signing in are crm.sign_in's."""


def _too_many(minutes: int) -> str:
    words = ngettext(
        "Too many tries for this address from devices that it was never used on. The next one is looked at in "
        "%(minutes)s minute. A browser that you logged in with before is let in now.",
        "Too many tries for this address from devices that it was never used on. The next one is looked at in "
        "%(minutes)s minutes. A browser that you logged in with before is let in now.",
        minutes,
    )
    return words % {"minutes": grouped(minutes)}


class SecondFactors(DefaultMFAAdapter):
    """Secrets of authenticator apps and recovery codes are stored encrypted: a copy of the database opens no door."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is not right, or was used already. Take the one that the app shows now."),
    }

    def get_totp_issuer(self) -> str:
        return f"Holdfast {installation().company_name}"[:60]

    def encrypt(self, text: str) -> str:
        return _lock().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _lock().decrypt(encrypted_text.encode()).decode()

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        """The browser it is made in, which is where people will look for it."""
        browser, system = rules.device(context.request.headers.get("User-Agent", ""))
        return " · ".join(word for word in (browser, system) if word) or "1"


def _lock() -> MultiFernet:
    return lock("crm.login.second-factor")
