"""Django's admin as a door like the others: it asks for the role, reads by scope, and writes through actions.

Other apps register their rows on `site` too. The queue's tables are not here: a row there can run code.
"""

from crm.admin import book, house
from crm.admin.door import Rows, Writable, site

__all__ = ["Rows", "Writable", "book", "house", "site"]
