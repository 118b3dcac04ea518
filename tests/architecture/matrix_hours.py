"""The lines of matrix.py about hours, holidays, targets of first answers, and mail from one's own mailbox."""

HOURS = [
    # name                 names               GET                       POST
    ("response-targets",   "",                 "SOMRV 200",              "as GET"),
    ("response-warning",   "",                 "O 200",                  "O 302"),
    ("response-targets-any", "",               "O 200",                  "O 302"),
    ("response-targets-of", "plan",            "O 200",                  "O 302"),
    ("calendars",          "",                 "SOMRV 200",              "as GET"),
    ("calendar-new",       "",                 "O 200",                  "O 302"),
    ("calendar-edit",      "calendar",         "O 200",                  "O 302"),
    ("calendar-day",       "calendar",         "405",                    "O 302"),
    ("captures",           "",                 "OMR 200",                "as GET"),
    ("capture-new-address", "",                "405",                    "OMR 302"),
    ("capture-assign",     "captured mail",    "R 200 · OMC 404",        "R 302 · OMC 404"),
    ("capture-again",      "captured mail",    "405",                    "R 302 · OMC 404"),
    ("capture-discard",    "captured mail",    "405",                    "R 302 · OMC 404"),
    ("calendar-bring",     "calendar",         "405",                    "O 302"),
    ("calendar-file",      "calendar file",    "O 200",                  "as GET"),
    ("calendar-file-enter", "calendar file",   "405",                    "O 302"),
    ("calendar-file-undo", "entered file",     "405",                    "O 302"),
    ("calendar-day-drop",  "calendar day",     "405",                    "O 302"),
]  # fmt: skip
