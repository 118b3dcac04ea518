"""Every address of the site. Other apps are named by string, so that crm stands alone without them."""

from django.apps import apps
from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.i18n import set_language

from crm.api import tracking
from crm.outbox import views as outbox
from crm.public.unsubscribe import unsubscribe
from crm.sources import views as sources
from crm.staff import views as staff

handler500 = "crm.middleware.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", auth.LoginView.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("theme/", staff.set_theme, name="set-theme"),
    path("i18n/setlang/", login_not_required(set_language), name="set_language"),
    path("admin/", admin.site.urls),
    # With and without a trailing slash, and never a redirect: SDKs do not follow one with a POST.
    re_path(r"^v1/projects/(?P<key>[^/]+)/settings/?$", tracking.segment_settings, name="tracking-segment-settings"),
    re_path(r"^sourceConfig/?$", tracking.rudder_settings, name="tracking-rudder-settings"),
    re_path(r"^v1/(?P<name>.*?)/?$", tracking.tracking, name="tracking"),
    path("settings/sources/", sources.index, name="sources"),
    path("settings/sources/new/", sources.new, name="source-new"),
    path("settings/sources/<int:pk>/", sources.detail, name="source"),
    path("settings/sources/<int:pk>/keys/", sources.new_key, name="source-key-new"),
    path("settings/keys/<int:pk>/revoke/", sources.revoke_key, name="source-key-revoke"),
    path("mail/", outbox.index, name="mail-files"),
    path("mail/resume/", outbox.resume, name="mail-resume"),
    path("mail/<int:pk>/", outbox.detail, name="mail"),
    path("mail/<int:pk>/body/", outbox.body, name="mail-body"),
    path("mail/<int:pk>/mark-sent/", outbox.mark_sent, name="mail-mark-sent"),
    path("mail/<int:pk>/send-again/", outbox.send_again, name="mail-send-again"),
    path("mail/<int:pk>/cancel/", outbox.cancel, name="mail-cancel"),
    path("mail/<int:pk>/suppress/", outbox.stop, name="mail-suppress"),
    path("u/<str:token>/", unsubscribe, name="unsubscribe"),
]
urlpatterns += [path("", include(f"{app}.urls")) for app in ("feedback", "retention") if apps.is_installed(app)]
