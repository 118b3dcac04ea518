"""What people may see, and the settings of the installation."""

from crm.staff import rules
from crm.staff.models import Installation, User


def installation() -> Installation:
    """The settings row; the defaults when nobody has saved one yet (then it is not stored)."""
    return Installation.objects.filter(pk=1).first() or Installation(pk=1)


def scope_of(user: User) -> rules.Scope:
    """Whose accounts the user sees now; `crm.accounts` turns it into rows.

    Kept on the user object, which lives for one request: one page asks often and must get one answer.
    """
    known: rules.Scope | None = user.__dict__.get("_scope")
    if known is None:
        mode = Installation.objects.filter(pk=1).values_list("visibility", flat=True).first() or rules.TEAM
        known = rules.scope(user.role, mode, user.pk, user.team_id, active=user.is_active)
        user.__dict__["_scope"] = known
    return known
