"""Every address of the site. Other apps are named by string, so that crm stands alone without them."""

from importlib import import_module

from django.apps import apps
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.utils.module_loading import module_has_submodule
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from crm.accounts import views as accounts
from crm.admin import site
from crm.api import tracking
from crm.api.errors import unknown
from crm.api.reference import openapi, reference
from crm.calendars import views as calendars
from crm.captures import views as captures
from crm.consents import views as consents
from crm.contacts import views as contacts
from crm.conversations import views as conversations
from crm.erasures import views as erasures
from crm.exports import views as exports
from crm.goals import views as goals
from crm.imports import views as imports
from crm.keys import views as keys
from crm.outbox import views as outbox
from crm.pages.gallery import gallery
from crm.plans import views as plans
from crm.promises import views as promises
from crm.public.health import healthz, readyz
from crm.public.metrics import metrics
from crm.public.unsubscribe import unsubscribe
from crm.segments import views as segments
from crm.sign_in import views as sign_in
from crm.sources import views as sources
from crm.staff import views as staff
from crm.subscriptions import views as subscriptions
from crm.uploads import views as uploads
from crm.usage import views as usage
from crm.webhooks import views as webhooks

handler400 = "crm.middleware.bad_request"
handler403 = "crm.middleware.denied"
handler500 = "crm.middleware.server_error"

# Their rows must be on the admin's site before its addresses are read.
for app in ("feedback", "retention"):
    if apps.is_installed(app) and module_has_submodule(import_module(app), "admin"):
        import_module(f"{app}.admin")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("crm.login.urls")),
    path("i18n/setlang/", login_not_required(set_language), name="set_language"),
    path("admin/", site.urls),
    # With and without a trailing slash, and never a redirect: SDKs do not follow one with a POST.
    re_path(r"^v1/projects/(?P<key>[^/]+)/settings/?$", tracking.segment_settings, name="tracking-segment-settings"),
    re_path(r"^sourceConfig/?$", tracking.rudder_settings, name="tracking-rudder-settings"),
    re_path(r"^v1/(?P<name>.*?)/?$", tracking.tracking, name="tracking"),
    re_path(r"^beacon/v1/(?P<name>.*?)/?$", tracking.tracking, name="tracking-beacon"),
    path("accounts/new/", accounts.new, name="account-new"),
    path("accounts/<int:pk>/edit/", accounts.edit, name="account-edit"),
    path("accounts/<int:pk>/owner/", accounts.change_owner, name="account-owner"),
    path("accounts/<int:pk>/restriction/", accounts.restrict, name="account-restriction"),
    path("accounts/<int:pk>/owners/", accounts.owners, name="account-owners"),
    path("accounts/<int:pk>/name/", accounts.change, {"part": "name"}, name="account-name"),
    path("accounts/<int:pk>/segment/", accounts.change, {"part": "segment"}, name="account-segment"),
    path("accounts/<int:pk>/tags/", accounts.change, {"part": "tags"}, name="account-tags"),
    path("accounts/<int:pk>/stage/", accounts.change, {"part": "stage"}, name="account-stage"),
    path("accounts/<int:pk>/next-step/", accounts.change, {"part": "next-step"}, name="account-next-step"),
    path("accounts/<int:pk>/trait/", accounts.set_trait, name="account-trait"),
    path("accounts/<int:pk>/undo-merge/", accounts.undo_merge, name="account-undo-merge"),
    path("accounts/<int:account>/contacts/", contacts.index, name="contacts"),
    path("accounts/<int:account>/contacts/new/", contacts.new, name="contact-new"),
    path("contacts/<int:pk>/edit/", contacts.edit, name="contact-edit"),
    path("contacts/<int:pk>/left/", contacts.left, name="contact-left"),
    path("contacts/<int:pk>/erase/", erasures.erase, name="contact-erase"),
    path("contacts/<int:pk>/hand-out/", erasures.hand_out, name="contact-hand-out"),
    path("contacts/<int:pk>/merge/", contacts.merge, name="contact-merge"),
    path("contacts/<int:pk>/undo-merge/", contacts.undo_merge, name="contact-undo-merge"),
    path("contacts/<int:pk>/consent/", consents.grant, name="consent-grant"),
    path("contacts/<int:pk>/no-consent/", consents.withdraw, name="consent-withdraw"),
    path("accounts/<int:account>/conversations/", conversations.of_account, name="account-conversations"),
    path("accounts/<int:account>/conversations/new/", conversations.new, name="conversation-new"),
    path("conversations/", conversations.index, name="conversations"),
    path("conversations/<int:pk>/", conversations.detail, name="conversation"),
    path("conversations/<int:pk>/say/", conversations.say, name="conversation-say"),
    path("conversations/<int:pk>/turn/", conversations.turn, name="conversation-turn"),
    path("conversations/<int:pk>/responder/", conversations.assign, name="conversation-responder"),
    path("settings/calendars/<int:pk>/file/", calendars.bring, name="calendar-bring"),
    path("settings/calendars/files/<int:pk>/", calendars.file, name="calendar-file"),
    path("settings/calendars/files/<int:pk>/enter/", calendars.enter, name="calendar-file-enter"),
    path("settings/calendars/files/<int:pk>/undo/", calendars.undo, name="calendar-file-undo"),
    path("you/mail/", captures.index, name="captures"),
    path("you/mail/new-address/", captures.make_new, name="capture-new-address"),
    path("you/mail/<int:pk>/assign/", captures.assign, name="capture-assign"),
    path("you/mail/<int:pk>/look-again/", captures.look_again, name="capture-again"),
    path("you/mail/<int:pk>/discard/", captures.discard, name="capture-discard"),
    path("settings/first-answers/", conversations.targets, name="response-targets"),
    path("settings/first-answers/warning/", conversations.edit_warning, name="response-warning"),
    path("settings/first-answers/any/", conversations.edit_targets, name="response-targets-any"),
    path("settings/first-answers/<int:plan>/", conversations.edit_targets, name="response-targets-of"),
    path("settings/calendars/", calendars.index, name="calendars"),
    path("settings/calendars/new/", calendars.new, name="calendar-new"),
    path("settings/calendars/<int:pk>/", calendars.edit, name="calendar-edit"),
    path("settings/calendars/<int:pk>/days/", calendars.set_day, name="calendar-day"),
    path("settings/calendars/days/<int:pk>/drop/", calendars.drop_day, name="calendar-day-drop"),
    path("accounts/<int:account>/subscriptions/", subscriptions.index, name="subscriptions"),
    path("accounts/<int:account>/subscriptions/new/", subscriptions.new, name="subscription-new"),
    path("accounts/<int:account>/payments/new/", subscriptions.new_payment, name="payment-new"),
    path("subscriptions/<int:pk>/change/", subscriptions.change, name="subscription-change"),
    path("subscriptions/<int:pk>/end/", subscriptions.end, name="subscription-end"),
    path("accounts/<int:account>/goals/", goals.index, name="account-goals"),
    path("accounts/<int:account>/goals/new/", goals.new, name="goal-new"),
    path("goals/<int:pk>/change/", goals.change, name="goal-change"),
    path("goals/<int:pk>/drop/", goals.drop, name="goal-drop"),
    path("goals/<int:pk>/resume/", goals.resume, name="goal-resume"),
    path("promises/", promises.index, name="promises"),
    path("accounts/<int:account>/promises/", promises.of_account, name="account-promises"),
    path("accounts/<int:account>/promises/new/", promises.new, name="promise-new"),
    path("promises/<int:pk>/keep/", promises.keep, name="promise-keep"),
    path("promises/<int:pk>/break/", promises.broken, name="promise-break"),
    path("promises/<int:pk>/withdraw/", promises.withdraw, name="promise-withdraw"),
    path("promises/<int:pk>/move/", promises.move, name="promise-move"),
    path("promises/<int:pk>/reopen/", promises.reopen, name="promise-reopen"),
    path("plans/", plans.plans, name="plans"),
    path("plans/paid/", segments.plans_paid, name="plans-paid"),
    path("plans/new/", plans.new_plan, name="plan-new"),
    path("plans/<int:pk>/", plans.edit_plan, name="plan-edit"),
    path("features/", plans.features, name="features"),
    path("features/new/", plans.new_feature, name="feature-new"),
    path("features/<int:pk>/", plans.edit_feature, name="feature-edit"),
    path("traits/", accounts.traits, name="traits"),
    path("traits/new/", accounts.new_trait, name="trait-new"),
    path("traits/<int:pk>/", accounts.edit_trait, name="trait-edit"),
    path("segments/", segments.index, name="segments"),
    path("segments/new/", segments.new_segment, name="segment-new"),
    path("segments/<int:pk>/edit/", segments.edit_segment, name="segment-edit"),
    path("segments/<int:pk>/delete/", segments.delete_segment, name="segment-delete"),
    path("segments/<int:pk>/restore/", segments.restore_segment, name="segment-restore"),
    path("views/new/", segments.new_view, name="view-new"),
    path("views/<int:pk>/edit/", segments.edit_view, name="view-edit"),
    path("views/<int:pk>/delete/", segments.delete_view, name="view-delete"),
    path("views/<int:pk>/restore/", segments.restore_view, name="view-restore"),
    path("tags/", accounts.tags, name="tags"),
    path("tags/rename/", accounts.rename_tag, name="tag-rename"),
    path("tags/<int:pk>/undo/", accounts.undo_rename, name="tag-rename-undo"),
    path("settings/", staff.settings_index, name="settings"),
    path("settings/you/", staff.you, name="you"),
    path("settings/you/set/", staff.set_preferences, name="set-preferences"),
    path("settings/keys/", staff.keys, name="keys"),
    path("settings/api-keys/", keys.index, name="api-keys"),
    path("settings/api-keys/new/", keys.new, name="api-key-new"),
    path("settings/api-keys/<int:pk>/revoke/", keys.revoke, name="api-key-revoke"),
    path("settings/webhooks/", webhooks.index, name="webhooks"),
    path("settings/webhooks/new/", webhooks.new, name="webhook-new"),
    path("settings/webhooks/<int:pk>/", webhooks.detail, name="webhook"),
    path("settings/webhooks/<int:pk>/edit/", webhooks.edit, name="webhook-edit"),
    path("settings/webhooks/<int:pk>/secret/", webhooks.rotate, name="webhook-rotate"),
    path("settings/webhooks/<int:pk>/test/", webhooks.test, name="webhook-test"),
    path("settings/webhooks/<int:pk>/resume/", webhooks.resume, name="webhook-resume"),
    path("settings/webhooks/deliveries/<int:pk>/redeliver/", webhooks.redeliver, name="webhook-redeliver"),
    path("settings/api/", reference, name="api-reference"),
    path("api/v1/openapi.json", openapi, name="api-openapi"),
    path("", include("crm.api.urls")),
    path("settings/people/", sign_in.people, name="people"),
    path("settings/people/invite/", sign_in.invite, name="person-invite"),
    path("settings/people/invitations/<str:pk>/resend/", sign_in.resend, name="invitation-resend"),
    path("settings/people/invitations/<str:pk>/cancel/", sign_in.cancel, name="invitation-cancel"),
    path("settings/people/<int:pk>/", sign_in.person, name="person"),
    path("settings/people/<int:pk>/active/", sign_in.set_active, name="person-active"),
    path("settings/people/<int:pk>/password-link/", sign_in.password_link, name="person-password-link"),
    path("settings/people/<int:pk>/second-factor/", sign_in.forget_second_factor, name="person-second-factor"),
    path("settings/teams/", staff.teams, name="teams"),
    path("settings/teams/<int:pk>/", staff.team, name="team"),
    path("settings/installation/", staff.installation, name="installation"),
    path("settings/cover/", staff.cover, name="cover"),
    path("settings/cover/<int:pk>/end/", staff.end_cover, name="cover-end"),
    path("settings/gallery/", gallery, name="gallery"),
    path("settings/sources/", sources.index, name="sources"),
    path("settings/sources/new/", sources.new, name="source-new"),
    path("settings/sources/<int:pk>/", sources.detail, name="source"),
    path("settings/sources/<int:pk>/keys/", sources.new_key, name="source-key-new"),
    path("settings/sources/<int:pk>/retry/", sources.retry, name="source-retry"),
    path("settings/keys/<int:pk>/revoke/", sources.revoke_key, name="source-key-revoke"),
    path("settings/exports/", exports.index, name="exports"),
    path("exports/<slug:key>/", exports.take, name="export"),
    path("settings/erasures/", erasures.index, name="erasures"),
    path("settings/events/", usage.events, name="events"),
    path("settings/imports/", uploads.index, name="imports"),
    path("settings/imports/files/<int:pk>/", uploads.detail, name="upload"),
    path("settings/imports/files/<int:pk>/progress/", uploads.progress, name="upload-progress"),
    path("settings/imports/files/<int:pk>/columns/", uploads.columns, name="upload-columns"),
    path("settings/imports/files/<int:pk>/try/", uploads.start, {"step": "reading"}, name="upload-try"),
    path("settings/imports/files/<int:pk>/apply/", uploads.start, {"step": "applying"}, name="upload-apply"),
    path("settings/imports/files/<int:pk>/undo/", uploads.start, {"step": "undoing"}, name="upload-undo"),
    path("settings/imports/files/<int:pk>/back/", uploads.back, name="upload-back"),
    path("settings/imports/files/<int:pk>/discard/", uploads.discard, name="upload-discard"),
    path("settings/imports/files/<int:pk>/refused/", uploads.refused, name="upload-refused"),
    path("settings/imports/template/<slug:kind>.<slug:form>", uploads.template, name="import-template"),
    path("settings/imports/<int:pk>/", imports.detail, name="import"),
    path("settings/imports/<int:pk>/undo/", uploads.undo, name="import-undo"),
    path("mail/", outbox.index, name="mail-files"),
    path("mail/resume/", outbox.resume, name="mail-resume"),
    path("mail/<int:pk>/", outbox.detail, name="mail"),
    path("mail/<int:pk>/body/", outbox.body, name="mail-body"),
    path("mail/<int:pk>/mark-sent/", outbox.mark_sent, name="mail-mark-sent"),
    path("mail/<int:pk>/send-again/", outbox.send_again, name="mail-send-again"),
    path("mail/<int:pk>/cancel/", outbox.cancel, name="mail-cancel"),
    path("mail/<int:pk>/suppress/", outbox.stop, name="mail-suppress"),
    path("u/<str:token>/", unsubscribe, name="unsubscribe"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
urlpatterns += [path("", include(f"{app}.urls")) for app in ("feedback", "retention") if apps.is_installed(app)]
# After all the others, so that whatever they leave is answered as the API answers.
urlpatterns.append(re_path(r"^api/(?P<rest>(?s:.*))$", login_not_required(csrf_exempt(unknown)), name="api-unknown"))
