"""The site, and how its pages read and write: by scope, through actions, never deleting."""

from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.forms import Media, ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import refusals
from crm.lib.scope import ScopedModel
from crm.staff.models import User
from crm.staff.views import Request

# Django's classes take their parameter only from the type checker.
if TYPE_CHECKING:
    AnyAdmin = admin.ModelAdmin[Any]
    AnyForm = ModelForm[Any]
else:
    AnyAdmin, AnyForm = admin.ModelAdmin, ModelForm


class Site(admin.AdminSite):
    site_header = site_title = "Holdfast"
    index_title = _("Rows of the account book")
    # Ours signs people in, with its limits; a second door would have none.
    enable_nav_sidebar = False

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or request.get_full_path())

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Not here: it would write without a record. Users are changed by their action."""
        raise Http404

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """403 for whoever is signed in without the right; asking for a login again would help nobody."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            return cast(HttpResponse, inner(request, *args, **kwargs))

        return asked


site = Site(name="admin")


def user_of(request: HttpRequest) -> User:
    return cast(User, request.user)


class Taken(Exception):
    """Raised to roll a trial write back."""


class Rows(AnyAdmin):
    """Rows to read: scoped to whoever asks, without count of all, and never deleted."""

    show_full_result_count = False
    list_per_page = 50
    related: ClassVar[tuple[str, ...]] = ()

    @property
    def media(self) -> Media:
        """Django's scripts without those that make slugs: they are most of what a first visit would transfer."""
        names = (
            "vendor/jquery/jquery.min.js",
            "jquery.init.js",
            "core.js",
            "admin/RelatedObjectLookups.js",
            "actions.js",
        )
        return Media(js=[f"admin/js/{name}" for name in names])

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        manager = self.model._default_manager
        rows = manager.visible_to(user_of(request)) if issubclass(self.model, ScopedModel) else manager.all()
        return cast("models.QuerySet[Any]", rows.select_related(*self.related).order_by(*(self.ordering or ["-pk"])))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **more: Any) -> Any:
        if issubclass(db_field.remote_field.model, ScopedModel):
            rows = db_field.remote_field.model._default_manager
            more["queryset"] = rows.visible_to(user_of(request)).order_by("pk")
        return super().formfield_for_foreignkey(db_field, request, **more)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return user_of(request).is_staff

    def has_module_permission(self, request: HttpRequest) -> bool:
        return user_of(request).is_staff

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        raise PermissionDenied

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        raise PermissionDenied


class Writable(Rows):
    """Rows that are changed by their noun's action, which `write` names."""

    verb: ClassVar[str] = "configure"
    once: ClassVar[tuple[str, ...]] = ()  # given when the row is made, then fixed

    def has_add_permission(self, request: HttpRequest) -> bool:
        return user_of(request).may(self.verb)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return user_of(request).may(self.verb)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *(self.once if obj else ()))

    def write(self, row: Any, values: dict[str, Any], *, at: datetime, by: User) -> Any:
        """Call the action; `row` None: make one. Returns the row as stored."""
        raise NotImplementedError

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any) -> Any:
        """A form that tries the action and takes it back, so that its refusals stand at their fields."""
        made = super().get_form(request, obj, change=change, **more)
        door = self

        class Tried(made):  # type: ignore[misc,valid-type]  # a class made at run time
            def validate_unique(self) -> None:
                """What is unique the database says, and the action puts it into words."""

            def _post_clean(self) -> None:
                self.instance.validate_constraints = lambda exclude=None: None
                super()._post_clean()
                if self.errors:
                    return
                with refusals(self):
                    try:
                        with transaction.atomic():
                            door.stored(request, self)
                            raise Taken
                    except Taken:
                        pass

        return Tried

    def stored(self, request: HttpRequest, form: AnyForm) -> Any:
        row = None if form.instance.pk is None else self.model._base_manager.get(pk=form.instance.pk)
        values = {name: form.cleaned_data[name] for name in form.fields if name in form.cleaned_data}
        return self.write(row, values, at=cast(Request, request).now, by=user_of(request))

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.pk = self.stored(request, form).pk
        obj._state.adding = False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Related rows are the action's matter."""
