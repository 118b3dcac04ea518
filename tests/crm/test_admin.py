"""Django's admin: who gets in, what is read-only, and that writes are the noun's actions."""

import re

import pytest
from django.urls import reverse

from crm.accounts.models import Account, OwnerChange
from crm.admin import site
from crm.audit.models import AuditRow
from crm.contacts.models import Contact
from crm.plans.models import Feature, Plan
from crm.staff.models import User
from crm.subscriptions.models import ExchangeRate
from tests.factories import NOW, account, contact, feature, installation, plan, subscription, team, user

pytestmark = pytest.mark.django_db
ACCOUNT = {
    "external_id": "a-1",
    "name": "Acme",
    "domains": "acme.example",
    "tags": "vip, hotel",
    "segment": "",
    "time_zone": "Asia/Seoul",
    "language": "ko",
    "currency": "KRW",
    "customer_since": "2025-01-01",
    "parent": "",
}


@pytest.mark.parametrize("role", ["manager", "rep", "read_only"])
def test_only_admins_get_in(as_user, role):
    response = as_user(user(role)).get("/admin/")
    assert response.status_code == 403


def test_whoever_is_not_signed_in_is_sent_to_the_one_login(client, db):
    response = client.get("/admin/")
    assert response.status_code == 302
    assert client.get(response["Location"], follow=True).request["PATH_INFO"] == "/login/"


def test_the_queues_tables_are_not_in_the_admin():
    assert [model for model in site._registry if model._meta.app_label in ("django_q", "sessions", "auth")] == []


def everything() -> None:
    """A row of most kinds, so that every list has something to print."""
    row = account(owner=user(team=team()))
    OwnerChange.objects.create(account=row, owner=row.owner, from_at=NOW)
    contact(row)
    subscription(row, plan=plan(feature()))
    installation()


@pytest.mark.parametrize("role", ["ops_admin", "system_admin"])
def test_every_page_opens_under_the_strict_policy(as_user, role):
    everything()
    client = as_user(user(role))
    pages = ["/admin/"]
    for model, door in site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages.append(reverse(f"{name}_changelist"))
        row = model._base_manager.first()
        if row is not None:
            pages.append(reverse(f"{name}_change", args=[row.pk]))
        if door.has_add_permission(client.get("/admin/").wsgi_request):
            pages.append(reverse(f"{name}_add"))
    for page in pages:
        response = client.get(page)
        assert (page, response.status_code) == (page, 200)
        policy = response["Content-Security-Policy"]
        assert "unsafe" not in policy
        body = response.content.decode()
        inline = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\sstyle=|\son\w+=", body)
        assert (page, inline) == (page, [])


def test_an_account_is_made_and_changed_by_its_actions(as_user, ops):
    client = as_user(ops)
    assert client.post("/admin/crm/account/add/", ACCOUNT).status_code == 302
    row = Account.objects.system("test").get()
    assert (row.tags, row.domains, row.currency) == (["vip", "hotel"], ["acme.example"], "KRW")
    client.post(f"/admin/crm/account/{row.pk}/change/", ACCOUNT | {"name": "Acme Ltd"})
    assert Account.objects.system("test").get().name == "Acme Ltd"
    said = list(AuditRow.objects.order_by("id").values_list("action", "actor_id"))
    assert said == [("account.created", str(ops.pk)), ("account.changed", str(ops.pk))]


def test_what_an_action_refuses_stands_at_its_field_and_nothing_is_written(as_user, ops):
    account(external_id="a-1")
    response = as_user(ops).post("/admin/crm/account/add/", ACCOUNT)
    assert response.status_code == 200
    assert response.context["adminform"].form.errors == {
        "external_id": ["Another account has this external id. Choose another one."]
    }
    assert AuditRow.objects.count() == 0


def test_named_fields_are_not_changed_by_posting_them(as_user, ops):
    row = account(stage="trial")
    extra = {"owner": str(ops.pk), "stage": "churned", "merged_into": str(row.pk), "external_id": "other"}
    as_user(ops).post(f"/admin/crm/account/{row.pk}/change/", ACCOUNT | extra)
    row = Account.objects.system("test").get()
    assert (row.name, row.owner, row.stage, row.merged_into, row.external_id) == (
        "Acme", None, "trial", None, row.external_id,
    )  # fmt: skip
    assert row.external_id != "other"


def test_a_system_admin_reads_the_book_but_does_not_write_it(as_user):
    row = account()
    client = as_user(user("system_admin"))
    assert client.get(f"/admin/crm/account/{row.pk}/change/").status_code == 200
    assert client.post(f"/admin/crm/account/{row.pk}/change/", ACCOUNT).status_code == 403
    assert client.get("/admin/crm/account/add/").status_code == 403


@pytest.mark.parametrize("role", ["ops_admin", "system_admin"])
def test_nothing_is_ever_deleted(as_user, role):
    row = contact(account())
    client = as_user(user(role))
    for model, pk in (("contact", row.pk), ("account", row.account_id)):
        assert client.post(f"/admin/crm/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403
        action = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
        client.post(f"/admin/crm/{model}/", action)
    assert Contact.objects.system("test").count() == 1
    assert Account.objects.system("test").count() == 1


@pytest.mark.parametrize(
    "model",
    ["auditrow", "ownerchange", "trait", "subscription", "subscriptionchange", "outboundmail", "fill", "importrun"],
)
def test_appended_and_derived_rows_are_read_only(as_user, ops, model):
    assert as_user(ops).get(f"/admin/crm/{model}/add/").status_code == 403
    door = next(door for each, door in site._registry.items() if each._meta.model_name == model)
    request = as_user(ops).get("/admin/").wsgi_request
    assert not door.has_change_permission(request)


def test_contacts_plans_features_and_rates_go_through_their_actions(as_user, ops):
    client = as_user(ops)
    of = account()
    person = {"account": of.pk, "name": "Mina", "email": "mina@acme.example", "role": "user"}
    assert client.post("/admin/crm/contact/add/", person).status_code == 302
    twice = client.post("/admin/crm/contact/add/", person)
    assert list(twice.context["adminform"].form.errors) == ["email"]
    thing = {"key": "reports", "name": "Reports", "is_key": "on", "threshold": "5", "unit": ""}
    assert client.post("/admin/crm/feature/add/", thing).status_code == 302
    made = Feature.objects.get()
    assert (
        client.post("/admin/crm/plan/add/", {"external_id": "pro", "name": "Pro", "features": [made.pk]}).status_code
        == 302
    )
    assert list(Plan.objects.get().features.all()) == [made]
    rate = {"currency": "USD", "day": "2026-01-01", "rate": "0.9"}
    assert client.post("/admin/crm/exchangerate/add/", rate).status_code == 302
    assert ExchangeRate.objects.count() == 1
    actions = list(AuditRow.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["contact.created", "feature.created", "plan.created", "rate.set"]


def test_a_system_admin_makes_users_and_cannot_lock_out_themselves(as_user):
    admin = user("system_admin")
    client = as_user(admin)
    person = {
        "email": "new@ours.example",
        "name": "New",
        "role": "rep",
        "language": "en",
        "time_zone": "UTC",
        "is_active": "on",
        "new_password": "",
    }
    assert "new_password" in client.post("/admin/crm/user/add/", person).context["adminform"].form.errors
    person["new_password"] = "sturdy words here"
    assert client.post("/admin/crm/user/add/", person).status_code == 302
    made = User.objects.get(email="new@ours.example")
    assert made.check_password("sturdy words here")
    taken = client.post("/admin/crm/user/add/", person | {"email": "NEW@ours.example"})
    assert list(taken.context["adminform"].form.errors) == ["email"]
    own = person | {"email": admin.email, "role": "rep", "new_password": ""}
    refused = client.post(f"/admin/crm/user/{admin.pk}/change/", own)
    assert list(refused.context["adminform"].form.errors) == ["role"]


def test_ops_admins_do_not_touch_users(as_user, ops):
    other = user()
    assert as_user(ops).get("/admin/crm/user/add/").status_code == 403
    assert as_user(ops).post(f"/admin/crm/user/{other.pk}/change/", {"role": "system_admin"}).status_code == 403


def test_the_chooser_of_accounts_searches_inside_the_scope(as_user, ops):
    account("Acme")
    query = {"app_label": "crm", "model_name": "contact", "field_name": "account", "term": "ac"}
    found = as_user(ops).get("/admin/autocomplete/", query).json()
    assert [row["text"] for row in found["results"]] == ["Acme"]
