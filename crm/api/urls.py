"""The addresses of crm's own nouns under /api/v1/; the other apps add theirs."""

from crm.api import accounts, calendars, contacts, conversations, goals, house, plans, promises, segments, subscriptions
from crm.api.nouns import router

urlpatterns = router(
    accounts=accounts.Accounts,
    owner_changes=accounts.OwnerChanges,
    traits=accounts.Traits,
    trait_values=accounts.TraitValues,
    tag_renames=accounts.TagRenames,
    contacts=contacts.Contacts,
    consents=contacts.Consents,
    plans=plans.Plans,
    features=plans.Features,
    subscriptions=subscriptions.Subscriptions,
    subscription_changes=subscriptions.SubscriptionChanges,
    goals=goals.Goals,
    goal_changes=goals.GoalChanges,
    payments=subscriptions.Payments,
    promises=promises.Promises,
    promise_changes=promises.PromiseChanges,
    conversations=conversations.Conversations,
    conversation_entries=conversations.Entries,
    captured_mails=calendars.CapturedMails,
    calendars=calendars.Calendars,
    calendar_days=calendars.CalendarDays,
    response_targets=calendars.ResponseTargets,
    segments=segments.Segments,
    usage_days=house.UsageDays,
    events=house.Events,
    users=house.Users,
    teams=house.Teams,
    record=house.Record,
    imports=house.Imports,
)
