"""The three steps to begin with own data, shown beside the demo and to whoever has no account yet."""

from django.http import HttpResponse
from django.shortcuts import render

from crm.staff.queries import installation
from crm.staff.views import Request, needs


def steps(request: Request) -> dict[str, bool]:
    """Which of the steps the person's role may take."""
    return {"import": request.user.may("import"), "sources": request.user.may("read_sources")}


@needs("read")
def begin(request: Request) -> HttpResponse:
    context = {"may": steps(request), "is_demo": installation().is_demo}
    return render(request, "retention/begin.html", context)
