"""One table in Django's admin as a project would write it: three columns, search by name."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.urls import path

from crm.accounts.models import Stage
from crm.staff.models import User


class PlainAccount(models.Model):
    """The account table with plan and MRR beside the name, so that the admin's list needs no join."""

    external_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    stage = models.CharField(max_length=12, choices=Stage.choices)
    segment = models.CharField(max_length=80, blank=True)
    time_zone = models.CharField(max_length=60)
    language = models.CharField(max_length=10)
    currency = models.CharField(max_length=3)
    owner = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    restricted = models.BooleanField()
    customer_since = models.DateField(null=True, blank=True)
    next_step = models.CharField(max_length=200, blank=True)
    next_step_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField()
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
