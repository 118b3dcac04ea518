"""Calendars: read by everyone, changed by those who configure."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.calendars import actions, forms, queries
from crm.calendars.models import Calendar, CalendarDay
from crm.lib.fields import refusals
from crm.staff.views import Request, needs

NEXT_DAYS = 60


@needs("read")
def index(request: Request) -> HttpResponse:
    rows = Calendar.objects.order_by("-is_default", "name", "pk")
    countries = dict(forms.country_choices())
    listed = [(row, countries.get(row.country, row.country) if row.country else "") for row in rows]
    context = {"calendars": listed, "may_configure": request.user.may("configure")}
    return render(request, "crm/calendars/index.html", context)


@needs("configure")
def new(request: Request) -> HttpResponse:
    form = forms.CalendarForm(request.POST or None, initial=forms.initial(Calendar()))
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.create_calendar(**form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("The calendar %(name)s is there.") % {"name": row.name})
            return redirect("calendar-edit", row.pk)
    words = {"title": _("New calendar"), "submit": _("Add the calendar"), "back_url": reverse("calendars")}
    return render(request, "crm/form.html", words | {"form": form})


@needs("configure")
def edit(request: Request, pk: int) -> HttpResponse:
    calendar = get_object_or_404(Calendar, pk=pk)
    form = forms.CalendarForm(request.POST or None, initial=forms.initial(calendar))
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.change_calendar(calendar, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved. Whoever waits now waits by these hours."))
            return redirect("calendar-edit", calendar.pk)
    return _page(request, calendar, form, forms.DayForm())


def _page(
    request: Request, calendar: Calendar, form: forms.CalendarForm, day_form: forms.DayForm, status: int = 200
) -> HttpResponse:
    days = queries.days_from(calendar, request.now.date(), NEXT_DAYS)
    context = {"calendar": calendar, "form": form, "days": days, "day_form": day_form}
    return render(request, "crm/calendars/edit.html", context, status=status)


@require_POST
@needs("configure")
def set_day(request: Request, pk: int) -> HttpResponse:
    calendar = get_object_or_404(Calendar, pk=pk)
    form = forms.DayForm(request.POST)
    if not form.is_valid():
        return _page(request, calendar, forms.CalendarForm(None, initial=forms.initial(calendar)), form, status=422)
    actions.set_day(calendar, **form.cleaned_data, at=request.now, by=request.user)
    messages.success(request, _("Entered."))
    return redirect("calendar-edit", calendar.pk)


@require_POST
@needs("configure")
def drop_day(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(CalendarDay.objects.select_related("calendar"), pk=pk, own=True)
    actions.drop_day(row.calendar, day=row.day, at=request.now, by=request.user)
    messages.success(request, _("Taken out."))
    return redirect("calendar-edit", row.calendar.pk)
