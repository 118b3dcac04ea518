"""Untrusted tables made clean: `files` opens one, `columns` finds the columns, `rows` and `events` read the rows."""
