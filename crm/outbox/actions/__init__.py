"""What happens to mail: approved, decided upon, handed over, settled. A folder, since one file would be too long."""

from crm.outbox.actions.approving import enqueue
from crm.outbox.actions.deciding import (
    cancel,
    hold_waiting,
    keep_refusals,
    mark_sent,
    resume,
    return_mails_of,
    send_again,
    stop_address,
    suppress,
    suppress_hash,
    take_back,
    unsubscribe,
)
from crm.outbox.actions.erasing import forget, remove_files
from crm.outbox.actions.sending import Round, claim, hand_over, send_due, settle_sent, tidy

__all__ = [
    "Round",
    "cancel",
    "claim",
    "enqueue",
    "forget",
    "hand_over",
    "hold_waiting",
    "keep_refusals",
    "mark_sent",
    "remove_files",
    "resume",
    "return_mails_of",
    "send_again",
    "send_due",
    "settle_sent",
    "stop_address",
    "suppress",
    "suppress_hash",
    "take_back",
    "tidy",
    "unsubscribe",
]
