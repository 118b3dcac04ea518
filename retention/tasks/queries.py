"""What there is to do, for whom."""

from crm.staff.models import User
from retention.tasks.models import Task, TaskQuerySet


def open_tasks(user: User) -> TaskQuerySet:
    """Open tasks on accounts that the user sees, earliest first."""
    tasks = Task.objects.visible_to(user).open().select_related("account", "assignee", "risk_signal")
    return tasks.order_by("due_on", "pk")
