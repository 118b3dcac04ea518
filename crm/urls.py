"""Every address of the site. Other apps are named by string, so that crm stands alone without them."""

from django.apps import apps
from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from crm.staff import views as staff

handler500 = "crm.middleware.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", auth.LoginView.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("theme/", staff.set_theme, name="set-theme"),
    path("i18n/setlang/", login_not_required(set_language), name="set_language"),
    path("admin/", admin.site.urls),
]
urlpatterns += [path("", include(f"{app}.urls")) for app in ("feedback", "retention") if apps.is_installed(app)]
