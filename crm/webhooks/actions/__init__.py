"""What happens to webhooks: endpoints are kept, events told, and each telling tried until it is taken."""

from crm.webhooks.actions.endpoints import change_endpoint, create_endpoint, resume, rotate_secret
from crm.webhooks.actions.sending import Done, deliver
from crm.webhooks.actions.telling import emit, hold_deliveries, redeliver, send_test, tidy

__all__ = [
    "Done",
    "change_endpoint",
    "create_endpoint",
    "deliver",
    "emit",
    "hold_deliveries",
    "redeliver",
    "resume",
    "rotate_secret",
    "send_test",
    "tidy",
]
