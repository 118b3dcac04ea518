"""Addresses of retention: the pages that mix facts with what we conclude from them."""

from django.urls import URLPattern, path

from retention.pages import (
    account,
    begin,
    conditions,
    contact,
    drafts,
    finding,
    history,
    pipeline,
    playbooks,
    portfolio,
    put_offs,
    record,
    step,
    tasks,
    today,
)
from retention.scorecards import views as scorecards

urlpatterns: list[URLPattern] = [
    path("", today.home, name="home"),
    path("today/", today.today, name="today"),
    path("accounts/", portfolio.portfolio, name="portfolio"),
    path("accounts/bands/", portfolio.bands, name="portfolio-bands"),
    path("accounts/condition/", conditions.condition, name="portfolio-condition"),
    path("accounts/<int:pk>/step/", step.step, name="account-step"),
    path("accounts/<int:pk>/", account.account, name="account"),
    path("accounts/<int:pk>/history/", history.history, name="account-history"),
    path("accounts/<int:pk>/tasks/new/", tasks.new, name="task-new"),
    path("accounts/<int:pk>/put-off/", put_offs.put_off, name="account-put-off"),
    path("put-offs/<int:pk>/undo/", put_offs.undo, name="put-off-undo"),
    path("tasks/<int:pk>/done/", tasks.done, name="task-done"),
    path("tasks/<int:pk>/dismiss/", tasks.dismiss, name="task-dismiss"),
    path("contacts/<int:pk>/", contact.contact, name="contact"),
    path("drafts/<int:pk>/", drafts.draft, name="draft"),
    path("drafts/<int:pk>/approve/", drafts.approve, name="draft-approve"),
    path("drafts/<int:pk>/edit/", drafts.edit, name="draft-edit"),
    path("drafts/<int:pk>/not-now/", drafts.not_now, name="draft-not-now"),
    path("begin/", begin.begin, name="begin"),
    path("search/", finding.search, name="search"),
    path("search/palette/", finding.palette, name="palette"),
    path("playbooks/", playbooks.playbooks, name="playbooks"),
    path("playbooks/<int:pk>/", playbooks.playbook, name="playbook"),
    path("settings/scorecards/", scorecards.index, name="scorecards"),
    path("settings/audit/", record.audit, name="audit"),
    path("settings/audit/export/", record.export, name="audit-export"),
    path("accounts/<int:pk>/record/", record.account_record, name="account-record"),
    path("settings/pipeline/", pipeline.pipeline, name="pipeline"),
]
