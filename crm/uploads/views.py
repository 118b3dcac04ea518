"""The door for files: upload one, say what its columns mean, look at what would happen, apply, undo."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crm.audit import actions as audit
from crm.imports import queries as runs
from crm.imports import rules as imports
from crm.imports.forms.files import reason_of
from crm.imports.models import ImportRun
from crm.imports.views import cursor
from crm.lib.csv_files import Unreadable, recognise
from crm.lib.downloads import FORMS, download
from crm.lib.fields import refusals_told
from crm.staff.queries import ground_of
from crm.staff.views import Request, address, needs
from crm.uploads import actions, queries, rules
from crm.uploads.forms import ColumnsForm, HowForm, UploadForm, received, sample_of
from crm.uploads.models import Upload


@needs("import")
def index(request: Request) -> HttpResponse:
    """Every file on its way and every run, with the form that takes in another one."""
    form = UploadForm(request.POST or None, request.FILES or None, initial={"kind": request.GET.get("kind", "")})
    if request.method == "POST" and form.is_valid() and (upload := _received(request, form)):
        return redirect("upload", upload.pk)
    page = runs.runs(after=cursor(request, "after"), before=cursor(request, "before"))
    context = {
        "form": form,
        "kinds": list(imports.KINDS.values()),
        "uploads": queries.unfinished(),
        "runs": page.rows,
        "previous": page.previous,
        "next": page.next,
    }
    return render(request, "crm/imports/index.html", context)


def _received(request: Request, form: UploadForm) -> Upload | None:
    """Take the file in; what is wrong with it stands at the form."""
    kind = form.cleaned_data["kind"]
    try:
        with received(form.cleaned_data["file"]) as file:
            upload = actions.keep(
                kind=kind,
                filename=file.filename,
                size=file.size,
                path=file.path,
                shape=file.shape,
                sample=file.sample,
                workbook=file.workbook,
                note=file.note,
                at=request.now,
                by=request.user,
            )
    except Unreadable as error:
        form.add_error("file", reason_of(error))
        return None
    return upload


@require_safe
@needs("import")
def detail(request: Request, pk: int) -> HttpResponse:
    """One file, at the step where it stands."""
    upload = get_object_or_404(Upload.objects.select_related("made_by", "run"), pk=pk)
    if upload.state == rules.COLUMNS:
        return _columns_page(request, upload, _guessed_form(upload))
    return render(request, "crm/imports/upload.html", _standing(request, upload))


def _standing(request: Request, upload: Upload) -> dict[str, Any]:
    ground = ground_of(request.user)
    show = request.GET.get("show", "")
    if show not in rules.OUTCOMES:
        show = next((one for one in _FIRST_SHOWN if getattr(upload, one)), rules.UNCHANGED)
    page = None
    if upload.state in (rules.CHECKED, rules.APPLIED):
        page = queries.rows_of(upload, show, after=cursor(request, "after"), before=cursor(request, "before"))
    left = list(runs.left_by_undo(upload.run)[:_SHOWN_LEFT]) if upload.run and upload.state == rules.UNDONE else []
    return {
        "upload": upload,
        "steps": rules.AT_WORK,
        "show": show,
        "tabs": [(one, getattr(upload, one)) for one in rules.OUTCOMES],
        "columns": _places(upload),
        "rows": [_shown(row, upload) for row in page.rows] if page else [],
        "previous": page.previous if page else None,
        "next": page.next if page else None,
        "left": left,
        "writes": upload.new + upload.updated,
        "as_workbook": {"as": "xlsx"},
        # Until the first run is behind us, it is what comes next.
        "onward_url": "" if ground.installation.is_demo or "begun" in ground.used else address("begin"),
    }


_FIRST_SHOWN = (rules.REFUSED, rules.UPDATED, rules.NEW, rules.UNCHANGED)
_SHOWN_LEFT, _SHOWN_CELLS = 50, 8


def _places(upload: Upload) -> list[tuple[str, int]]:
    """Our columns with their places, in the order of the file."""
    return sorted(((str(ours), int(place)) for ours, place in upload.columns.items()), key=lambda pair: pair[1])


def _shown(row: Any, upload: Upload) -> dict[str, Any]:
    """A row for the preview: the cells that are read, without the empty ones."""
    cells = [(ours, row.cells[place]) for ours, place in _places(upload) if place < len(row.cells) and row.cells[place]]
    return {"row": row, "cells": [(ours, text[:120]) for ours, text in cells[:_SHOWN_CELLS]]}


@require_safe
@needs("import")
def progress(request: Request, pk: int) -> HttpResponse:
    """How far the step has come; once it is done the page is asked for whole."""
    upload = get_object_or_404(Upload, pk=pk)
    response = render(request, "crm/imports/_progress.html", {"upload": upload})
    if not upload.at_work:
        response.headers["HX-Refresh"] = "true"
    return response


def _guessed_form(upload: Upload) -> ColumnsForm:
    """What the columns are taken for: as said before, as remembered, or by name."""
    guessed = {int(place): str(ours) for ours, place in upload.columns.items()}
    if not guessed:
        held = queries.remembered(upload.kind, upload.header)
        guessed = rules.guess(upload.kind, upload.header, held.columns if held else {})
        return ColumnsForm(upload, None, guessed, held.date_order if held else "")
    return ColumnsForm(upload, None, guessed)


def _columns_page(request: Request, upload: Upload, form: ColumnsForm) -> HttpResponse:
    how = HowForm(initial={"encoding": upload.encoding, "delimiter": upload.delimiter})
    context = {
        "upload": upload,
        "form": form,
        "how": how if queries.has_pieces(upload) and not upload.workbook else None,
        "letters": HowForm.LETTERS.get(upload.encoding, upload.encoding),
        "sign": HowForm.SIGNS.get(upload.delimiter, upload.delimiter),
        "about": imports.KINDS[upload.kind],
        "is_usage": upload.kind == imports.EVENTS,
    }
    return render(request, "crm/imports/columns.html", context)


@require_POST
@needs("import")
def columns(request: Request, pk: int) -> HttpResponse:
    """What the columns mean, or how the file is to be read instead."""
    upload = get_object_or_404(Upload, pk=pk)
    if "again" in request.POST:
        return _acted(request, upload, lambda: _read_again(request, upload))
    form = ColumnsForm(upload, request.POST, {})
    if upload.state == rules.COLUMNS and not form.is_valid():
        return _columns_page(request, upload, form)
    return _acted(
        request,
        upload,
        lambda: actions.choose_columns(
            upload,
            columns=form.columns,
            date_order=form.date_order,
            users_per_account=form.users_per_account,
            at=request.now,
            by=request.user,
        ),
    )


def _read_again(request: Request, upload: Upload) -> None:
    how = HowForm(request.POST)
    if not how.is_valid():
        raise ValidationError(_("Choose one of the encodings and delimiters."))
    with queries.written_out(upload) as path:
        try:
            shape = recognise(path, how.cleaned_data["delimiter"], how.cleaned_data["encoding"])
            sample = sample_of(shape, by_row=upload.workbook)
        except Unreadable as error:
            raise ValidationError(reason_of(error)) from error
        actions.read_again(upload, shape=shape, sample=sample, at=request.now, by=request.user)


def _acted(request: Request, upload: Upload, act: Callable[[], object]) -> HttpResponse:
    with refusals_told(request):
        act()
    return redirect("upload", upload.pk)


@require_POST
@needs("import")
def start(request: Request, pk: int, step: str) -> HttpResponse:
    """Try the rows again, apply them, or undo what was applied: the long work does it."""
    upload = get_object_or_404(Upload, pk=pk)
    return _acted(request, upload, lambda: actions.start(upload, step, at=request.now, by=request.user))


@require_POST
@needs("import")
def undo(request: Request, pk: int) -> HttpResponseBase:
    """Take a run back, and with it the other files of its folder: the long work does it."""
    run = get_object_or_404(ImportRun, pk=pk)
    if upload := queries.upload_of(run):
        return start(request, upload.pk, rules.UNDOING)
    with refusals_told(request):
        actions.undo(run, at=request.now, by=request.user)
    return redirect("import", run.pk)


@require_POST
@needs("import")
def back(request: Request, pk: int) -> HttpResponse:
    upload = get_object_or_404(Upload, pk=pk)
    return _acted(request, upload, lambda: actions.ask_again(upload, at=request.now, by=request.user))


@require_POST
@needs("import")
def discard(request: Request, pk: int) -> HttpResponse:
    upload = get_object_or_404(Upload, pk=pk)
    try:
        actions.discard(upload, at=request.now, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("upload", pk)
    messages.success(request, _("Discarded. Nothing of the file is kept."))
    return redirect("imports")


@require_POST
@needs("import")
def refused(request: Request, pk: int) -> HttpResponseBase:
    """The failed rows as a file: its own columns, where each stood, and why. Mended, it can be uploaded again."""
    upload = get_object_or_404(Upload, pk=pk)
    with transaction.atomic():
        audit.record("upload.refused_exported", upload, at=request.now, by=request.user)
    head = [*upload.header, "refused_line", "refused_reason"]
    rows = ([*row.cells, row.line, row.why] for row in queries.refused_rows(upload))
    return download(upload.kind, head, rows, form=request.POST.get("as", ""), name=f"{upload.kind}-refused-{upload.pk}")


@require_safe
@needs("import")
def template(request: Request, kind: str, form: str) -> HttpResponseBase:
    """A file to begin with: the columns of a kind, and an example of a row."""
    about = imports.KINDS.get(kind)
    if about is None or form not in FORMS:
        raise Http404
    head = list(about.columns)
    rows = [[example.get(name, "") for name in head] for example in about.examples]
    return download(about.key, head, rows, form=form, name=kind)
