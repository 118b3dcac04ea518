"""The addresses of signing in: those of allauth's that we need, under its names, and our own."""

from allauth.mfa.webauthn.views import LoginWebAuthnView
from django.contrib.auth.decorators import login_not_required
from django.urls import path

from crm.login import links, views

urlpatterns = [
    path("login/", views.Login.as_view(), name="account_login"),
    path("login/second-step/", views.SecondStep.as_view(), name="mfa_authenticate"),
    path("login/passkey/", login_not_required(LoginWebAuthnView.as_view()), name="mfa_login_webauthn"),
    path("login/forgotten/", links.forgotten, name="account_reset_password"),
    path("login/password/<str:token>/", links.new_password, name="new-password"),
    path("login/invitation/<str:token>/", links.invitation, name="invitation"),
    path("login/first-admin/<str:token>/", links.first_admin, name="first-admin"),
    path("logout/", views.log_out, name="account_logout"),
    path("me/security/", views.Security.as_view(), name="mfa_index"),
    path("me/security/again/", views.PasswordAgain.as_view(), name="account_reauthenticate"),
    path("me/security/again/code/", views.CodeAgain.as_view(), name="mfa_reauthenticate"),
    path("me/security/again/passkey/", views.PasskeyAgain.as_view(), name="mfa_reauthenticate_webauthn"),
    path("me/security/app/", views.SetUpApp.as_view(), name="mfa_activate_totp"),
    path("me/security/app/remove/", views.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("me/security/passkey/", views.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path("me/security/passkey/<int:pk>/remove/", views.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
    path("me/security/codes/", views.recovery_codes, name="mfa_view_recovery_codes"),
    path("me/security/codes/new/", views.new_recovery_codes, name="mfa_generate_recovery_codes"),
    path("me/security/password/", views.ChangePassword.as_view(), name="account_change_password"),
    path("me/security/sessions/", views.end_sessions, name="sessions-end"),
]
