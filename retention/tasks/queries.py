"""What there is to do, for whom."""

from django.db.models import Q, QuerySet

from crm.accounts.models import Account
from crm.staff.models import User
from crm.staff.rules import RIGHTS
from retention.tasks.models import Task, TaskQuerySet


def open_tasks(user: User) -> TaskQuerySet:
    """Open tasks on accounts that the user sees, earliest first."""
    tasks = Task.objects.visible_to(user).open().select_related("account", "assignee", "risk_signal")
    return tasks.order_by("due_on", "pk")


def assignees(account: Account, by: User) -> QuerySet[User]:
    """Whom `by` may give a task on the account: its owner, the team that holds it, and oneself; by name."""
    there = Q(pk=account.owner_id) | Q(pk=by.pk)
    if not account.restricted:
        team = account.owner.team_id if account.owner else account.pool_id
        there |= Q(team=team) if team else Q()
    return User.objects.filter(there, is_active=True, role__in=RIGHTS["write_account"]).order_by("name", "pk")
