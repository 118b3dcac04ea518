"""What `manage.py doctor` looks at; each finding says what, where, and how to mend it."""

from crm.management.doctor.findings import BAD, GOOD, WARNS, Finding
from crm.management.doctor.here import HERE
from crm.management.doctor.mail import dns_records, mail_server

__all__ = ["BAD", "GOOD", "HERE", "WARNS", "Finding", "dns_records", "mail_server"]
