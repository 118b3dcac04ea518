"""Calendars: read by everyone, changed by those who configure."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.calendars import actions, forms, queries
from crm.calendars.models import Calendar, CalendarDay, CalendarFile
from crm.lib.fields import refusals, refusals_told
from crm.staff.views import Request, needs, offer_undo

NEXT_DAYS, SHOWN_FAULTS = 60, 50


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
    request: Request, calendar: Calendar, form: forms.CalendarForm, day_form: forms.DayForm,
    file_form: forms.FileForm | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    days = queries.days_from(calendar, request.now.date(), NEXT_DAYS)
    context = {"calendar": calendar, "form": form, "days": days, "day_form": day_form}
    context["file_form"] = file_form or forms.FileForm(year=request.now.year)
    return render(request, "crm/calendars/edit.html", context, status=status)


@require_POST
@needs("configure")
def bring(request: Request, pk: int) -> HttpResponse:
    """Read an iCalendar file and say what it would do; nothing is entered yet."""
    calendar = get_object_or_404(Calendar, pk=pk)
    form = forms.FileForm(request.POST, request.FILES, year=request.now.year)
    if not form.is_valid():
        bare = forms.CalendarForm(None, initial=forms.initial(calendar))
        return _page(request, calendar, bare, forms.DayForm(), form, status=422)
    given = form.cleaned_data
    row = actions.keep_file(calendar, filename=given["filename"], found=given["found"], at=request.now, by=request.user)
    return redirect("calendar-file", row.pk)


@needs("configure")
def file(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(CalendarFile.objects.select_related("calendar"), pk=pk)
    faults = [(line, gettext(template).format(**values)) for line, template, values in row.faults]
    context = {"row": row, "does": queries.changes_of(row, request.now.date()), "faults": faults[:SHOWN_FAULTS]}
    return render(request, "crm/calendars/file.html", context | {"refused": len(faults)})


@require_POST
@needs("configure")
def enter(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(CalendarFile.objects.select_related("calendar"), pk=pk)
    with refusals_told(request):
        actions.enter_file(row, at=request.now, by=request.user)
        offer_undo(request, _("The days of the file are entered."), reverse("calendar-file-undo", args=[row.pk]))
    return redirect("calendar-edit", row.calendar_id)


@require_POST
@needs("configure")
def undo(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(CalendarFile.objects.select_related("calendar"), pk=pk)
    with refusals_told(request):
        actions.undo_file(row, at=request.now, by=request.user)
        messages.success(request, _("The days of the file are taken out again."))
    return redirect("calendar-edit", row.calendar_id)


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
