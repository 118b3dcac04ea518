"""The tags in use; ops renames one over all accounts, or merges it into another, and may take that back."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from crm.accounts import actions, forms
from crm.accounts.models import TagRename
from crm.accounts.queries import recent_renames, tag_counts
from crm.lib.fields import refusals, refusals_told
from crm.lib.formats import grouped
from crm.staff.views import Request, form_page, needs, offer_undo


@needs("configure")
def tags(request: Request) -> HttpResponse:
    return render(request, "crm/accounts/tags.html", {"tags": tag_counts(), "renames": recent_renames(request.now)})


@needs("configure")
def rename_tag(request: Request) -> HttpResponse:
    form = forms.RenameTagForm(request.POST or None, initial={"old": request.GET.get("tag", "")[:60]})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        with refusals(form):
            row = actions.rename_tag(old=given["old"], new=given["new"], at=request.now, by=request.user)
            n = len(row.renamed) + len(row.had_both)
            said = ngettext(
                "“%(old)s” is “%(new)s” now, on %(n)s account.", "“%(old)s” is “%(new)s” now, on %(n)s accounts.", n
            )
            told = said % {"old": row.old, "new": row.new, "n": grouped(n)}
            offer_undo(request, told, reverse("tag-rename-undo", args=[row.pk]))
            return redirect("tags")
    words = {"title": _("Rename a tag"), "submit": _("Rename it everywhere"), "back_url": reverse("tags")}
    return form_page(request, form, slot="rename-tag", **words)


@require_POST
@needs("configure")
def undo_rename(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(TagRename, pk=pk)
    with refusals_told(request):
        actions.undo_rename(row, at=request.now, by=request.user)
        messages.success(request, _("“%(old)s” is back.") % {"old": row.old})
    return redirect("tags")
