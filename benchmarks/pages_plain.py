"""The baseline of `benchmarks.pages`: Django's own admin over one table, with nothing of ours around it.

Settings, addresses and model in one file; served by a gunicorn of its own.
"""

from crm.settings import *  # noqa: F403 - a settings file that differs in a few names
from crm.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "benchmarks"]
ROOT_URLCONF = "benchmarks.pages_plain_urls"
LANGUAGE_COOKIE_NAME = "plain_language"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # whose apps refuse to start without it; it asks nothing
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "DIRS": [],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
CSRF_TRUSTED_ORIGINS = []
