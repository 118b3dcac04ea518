"""Where Django looks for the rows of this app: each noun's models, in the order in which data flows."""

from crm.fills.models import Beat, Fill
from crm.audit.models import AuditRow, AuditSeal
from crm.staff.models import Cover, Installation, Salt, Team, User
from crm.sign_in.models import Guesses, OneTimeLink
from crm.keys.models import ApiKey, KeptAnswer, KeyUse
from crm.webhooks.models import Delivery, Endpoint, WebhookEvent
from crm.calendars.models import Calendar, CalendarDay, CalendarFile
from crm.accounts.models import Account, OwnerChange, TagRename, Trait, TraitDefinition
from crm.bulk_edits.models import BulkEdit, BulkEditRow
from crm.contacts.models import Contact, ContactMerge, ErasedMark
from crm.plans.models import Feature, Plan
from crm.subscriptions.models import ExchangeRate, Payment, Subscription, SubscriptionChange
from crm.sources.models import InboxBatch, Reject, Seen, SeenMonth, Source, WriteKey
from crm.people.models import Membership, Person
from crm.usage.models import (
    CountedDay,
    DirtyAccount,
    EventName,
    MonthlyTotal,
    PersonDay,
    UsageDay,
    WaitingEvent,
    WindowEvent,
    WindowPerson,
)
from crm.goals.models import Goal, GoalChange, GoalReading
from crm.promises.models import Promise, PromiseChange
from crm.consents.models import Consent
from crm.attention.models import Hold, Reservation
from crm.outbox.models import OutboundMail, Pause, Suppression, UnsubscribeLink
from crm.conversations.models import Conversation, Entry, ResponseTarget
from crm.captures.models import CaptureAddress, CapturedMail
from crm.segments.models import AccountFigures, SavedView, Segment
from crm.imports.models import ImportEffect, ImportFinding, ImportRefusal, ImportRun, ImportUse
from crm.uploads.models import RememberedColumns, Upload, UploadPiece, UploadRow
from crm.erasures.models import Erasure

__all__ = [
    "Account",
    "AccountFigures",
    "ApiKey",
    "AuditRow",
    "AuditSeal",
    "Beat",
    "BulkEdit",
    "BulkEditRow",
    "Calendar",
    "CalendarDay",
    "CalendarFile",
    "CaptureAddress",
    "CapturedMail",
    "Consent",
    "Contact",
    "ContactMerge",
    "Conversation",
    "CountedDay",
    "Cover",
    "Delivery",
    "DirtyAccount",
    "Endpoint",
    "Entry",
    "ErasedMark",
    "Erasure",
    "EventName",
    "ExchangeRate",
    "Feature",
    "Fill",
    "Goal",
    "GoalChange",
    "GoalReading",
    "Guesses",
    "Hold",
    "ImportEffect",
    "ImportFinding",
    "ImportRefusal",
    "ImportRun",
    "ImportUse",
    "InboxBatch",
    "Installation",
    "KeptAnswer",
    "KeyUse",
    "Membership",
    "MonthlyTotal",
    "OneTimeLink",
    "OutboundMail",
    "OwnerChange",
    "Pause",
    "Payment",
    "Person",
    "PersonDay",
    "Plan",
    "Promise",
    "PromiseChange",
    "Reject",
    "RememberedColumns",
    "Reservation",
    "ResponseTarget",
    "Salt",
    "SavedView",
    "Seen",
    "SeenMonth",
    "Segment",
    "Source",
    "Subscription",
    "SubscriptionChange",
    "Suppression",
    "TagRename",
    "Team",
    "Trait",
    "TraitDefinition",
    "UnsubscribeLink",
    "Upload",
    "UploadPiece",
    "UploadRow",
    "UsageDay",
    "User",
    "WaitingEvent",
    "WebhookEvent",
    "WindowEvent",
    "WindowPerson",
    "WriteKey",
]
