"""One table in Django's admin as a project would write it: three columns, search by name."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.urls import path


class PlainAccount(models.Model):
    """The accounts with plan and MRR in one flat row: the admin's best case, without a join."""

    name = models.CharField(max_length=255)
    plan = models.CharField(max_length=120)
    mrr = models.DecimalField(max_digits=18, decimal_places=2)

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "bench_plain"

    def __str__(self) -> str:
        return self.name


class PlainAccounts(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    list_display = ("name", "plan", "mrr")
    search_fields = ("name",)


class PlainSite(admin.AdminSite):
    def has_permission(self, request: Any) -> bool:
        return bool(request.user.is_authenticated)


site = PlainSite(name="admin")
site.register(PlainAccount, PlainAccounts)
urlpatterns = [path("admin/", site.urls)]
