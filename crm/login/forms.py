"""allauth's forms in our words, and those of the one-time links."""

from collections.abc import Mapping
from typing import Any

from allauth.account import forms as account
from allauth.core import context
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import Text, language_field
from crm.login.devices import place_of
from crm.sign_in.actions import note_failed_login
from crm.staff.models import User

TEN = _("At least ten characters; a sentence that only you would think of is best.")


def _put(form: forms.BaseForm, labels: Mapping[str, Any], first: str = "") -> None:
    """Our labels, no placeholders in their stead, and the cursor where typing begins."""
    for name, label in labels.items():
        field = form.fields[name]
        field.label, field.help_text = label, ""
        field.widget.attrs.pop("placeholder", None)
    if first:
        form.fields[first].widget.attrs["autofocus"] = True


class LoginForm(account.LoginForm):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        _put(self, {"login": _("Email address"), "password": _("Password")}, "login")
        self.fields["login"].widget.attrs["autocomplete"] = "username webauthn"


class ChangePasswordForm(account.ChangePasswordForm):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        labels = {"oldpassword": _("Your password now"), "password1": _("The new one"), "password2": _("Once more")}
        _put(self, labels, "oldpassword")
        self.fields["password1"].help_text = TEN


class PasswordAgainForm(account.ReauthenticateForm):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        _put(self, {"password": _("Password")}, "password")


class _CodeForm(mfa.BaseAuthenticateForm):
    """A code of the app, or a recovery code. Wrong ones are in the record."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        _put(self, {"code": _("Code of the app, or a recovery code")}, "code")
        self.fields["code"].widget.attrs |= {"inputmode": "numeric", "autocapitalize": "off", "spellcheck": "false"}

    def clean_code(self) -> str:
        try:
            return str(super().clean_code())
        except forms.ValidationError:
            request = context.request
            note_failed_login(self.user, email="", ip=place_of(request), why="code", at=request.now)
            raise


class CodeForm(_CodeForm, mfa.AuthenticateForm):
    pass


class CodeAgainForm(_CodeForm, mfa.ReauthenticateForm):
    pass


class FirstCodeForm(ActivateTOTPForm):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        _put(self, {"code": _("The six digits that the app shows")}, "code")
        self.fields["code"].widget.attrs |= {"inputmode": "numeric"}


class NewPasskeyForm(AddWebAuthnForm):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["name"] = Text(label=_("Name of the passkey"), limit=60, required=False)
        self.fields["passwordless"].label = _("Log in with it alone, without the password")
        self.fields["passwordless"].help_text = _(
            "The device then asks for your finger, face or PIN each time, and counts as both."
        )
        self.fields["passwordless"].initial = True


class PasswordForm(forms.Form):
    """A password of one's own choice. `user`: whom it is for, saved or not; the check knows name and address."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=1000,
        help_text=TEN,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.user = user

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if password := values.get("password"):
            user = self.user or User(email=values.get("email", ""), name=values.get("name", ""))
            try:
                validate_password(password, user)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return values


class FirstAdminForm(PasswordForm):
    name = Text(label=_("Your name"), limit=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(
        label=_("Email address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    language = language_field()
    field_order = ("name", "email", "language", "password")


class ForgottenForm(forms.Form):
    email = forms.EmailField(
        label=_("Email address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
