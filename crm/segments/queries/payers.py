"""How many accounts pay for each plan, as of the last run."""

from django.db import connection

from crm.accounts.models import Account
from crm.lib.scope import named_text
from crm.lib.sql_files import load
from crm.staff.models import User


def payers(user: User) -> dict[int, int]:
    """Accounts that the person sees, counted by the plans that they pay for. No key: nobody pays for it."""
    seen, parameters = named_text(Account.objects.visible_to(user).filter(merged_into=None).values("pk"))
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "payers").replace("/*accounts*/", seen), parameters)
        return dict(cursor.fetchall())
