"""Letting our own people in, and out: links, guesses, sessions, and what of it stands in the record."""

from crm.sign_in.actions.guesses import TooManyGuesses, admit, give_back
from crm.sign_in.actions.links import (
    accept_invitation,
    ask_for_password,
    cancel_invitation,
    choose_password,
    first_admin_link,
    invite_user,
    make_first_admin,
    new_password_link,
    resend_invitation,
    withdraw_all_links,
    withdraw_links_of,
)
from crm.sign_in.actions.mailing import send_links, tidy
from crm.sign_in.actions.sessions import (
    end_other_sessions,
    end_session,
    note_denied,
    note_failed_login,
    note_login,
    note_second_factor,
    remove_second_factors,
)

__all__ = [
    "TooManyGuesses",
    "accept_invitation",
    "admit",
    "ask_for_password",
    "cancel_invitation",
    "choose_password",
    "end_other_sessions",
    "end_session",
    "first_admin_link",
    "give_back",
    "invite_user",
    "make_first_admin",
    "new_password_link",
    "note_denied",
    "note_failed_login",
    "note_login",
    "note_second_factor",
    "remove_second_factors",
    "resend_invitation",
    "send_links",
    "tidy",
    "withdraw_all_links",
    "withdraw_links_of",
]
