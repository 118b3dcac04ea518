"""All settings in one file; what may differ between installations comes from the environment, typed and loud.

Variables are listed in docs/production.md. An empty environment is a local run: embedded database and secret
key under `var/`, loopback only. Any value that cannot be read stops the start with a sentence.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from crm.lib import secret_key
from crm.lib.database_url import UNREADABLE

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
TESTING = "pytest" in sys.modules


def typed(read: Any, name: str, expected: str, **default: Any) -> Any:
    """Read one variable, or say in a sentence which one is wrong and what it should look like."""
    try:
        return read(name, **default)
    except (ValueError, TypeError) as error:
        raise ImproperlyConfigured(
            f"The environment variable {name} must be {expected}, but it is {env.str(name)!r}."
        ) from error


def _switch(name: str, default: bool) -> bool:
    word = env.str(name, default="").strip().lower()
    if word in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        return default if not word else word in ("1", "true", "yes", "on")
    raise ImproperlyConfigured(f"The environment variable {name} must be 1 or 0, but it is {word!r}.")


def _is_address(text: str, *schemes: str) -> bool:
    """Whether a text is an address of one of the schemes, with a host and a port that can be one."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


VAR = Path(env.str("HOLDFAST_VAR", default=str(BASE_DIR / "var")))
DATABASE_URL = env.str("DATABASE_URL", default="")
DEBUG = _switch("DEBUG", default=False)
# Local: nobody has said otherwise, so the run is for one person on this machine.
LOCAL = _switch("DEBUG", default=not DATABASE_URL)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not LOCAL:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Outside a local run it is required: set it to at least 50 random characters."
        )
    SECRET_KEY = secret_key.kept_in(VAR / "secret_key")

# Keys from before a rotation: they still open what they locked (sessions, links, second factors).
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
PORT = typed(env.int, "PORT", "a port number such as 8000", default=8000)
if not 0 < PORT < 65536:
    raise ImproperlyConfigured(f"The environment variable PORT must be between 1 and 65535, but it is {PORT}.")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if LOCAL else [])
SITE_URL = env.str("SITE_URL", default=f"http://localhost:{PORT}").rstrip("/")
if not _is_address(SITE_URL, "http", "https"):
    raise ImproperlyConfigured(f"SITE_URL must be an address such as https://crm.example.com, but it is {SITE_URL!r}.")
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS is not set. Name the hosts that serve Holdfast, such as crm.example.com.")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[SITE_URL])
SECURE = SITE_URL.startswith("https://")

INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "crm",
    "feedback",
    "retention",
]
MIDDLEWARE = [
    "crm.middleware.trouble",
    "crm.middleware.methods",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Pages too: Django pads them at random and masks the CSRF token, so that sizes tell nothing of secrets (BREACH).
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "crm.middleware.language",
    "crm.middleware.login_required",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "crm.middleware.clock",
    "crm.middleware.refusals",
    "crm.middleware.toasts",
    "crm.middleware.last_seen",
    "crm.middleware.second_factor",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "crm.urls"
WSGI_APPLICATION = "crm.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "crm.middleware.shell",
            ],
        },
    },
]

# Forms look here first, for templates/django/forms.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# One database. Without DATABASE_URL the embedded PostgreSQL under VAR is started by the first connection.
STATEMENT_TIMEOUT_MS = typed(env.int, "STATEMENT_TIMEOUT_MS", "a whole number of milliseconds", default=30_000)
if DATABASE_URL and DATABASE_URL.partition("://")[0] not in ("postgres", "postgresql", "pgsql"):
    raise ImproperlyConfigured("DATABASE_URL must begin with postgres:// — Holdfast runs on PostgreSQL only.")
try:
    _DATABASE: dict[str, Any] = (
        env.db_url_config(DATABASE_URL)
        if DATABASE_URL
        else {"ENGINE": "crm.lib.embedded_backend", "NAME": env.str("HOLDFAST_DATABASE", default="holdfast")}
    )
except ValueError as error:
    raise ImproperlyConfigured(UNREADABLE) from error
DATABASES = {
    "default": _DATABASE
    | {
        "CONN_MAX_AGE": 600,  # a new connection knows no table and has planned nothing
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_DATABASE.get("OPTIONS", {}),
            "connect_timeout": 5,
            "prepare_threshold": 5,  # lets crm.lib.prepared keep plans; Django's own cursors make none either way
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout=5000 -c timezone=UTC"
            # Runs over all accounts hand on tables of some 50 MB; memory is taken only by those that make them.
            + " -c temp_buffers=64MB"
            # What is prepared, which is only what crm.lib.prepared takes, is planned once and not five times before.
            + " -c plan_cache_mode=force_generic_plan"
            # A test's rows need not survive a power cut, and waiting for the disk would be most of its time.
            + (" -c synchronous_commit=off" if TESTING else ""),
        },
        "TEST": {"TEMPLATE": "template0"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEST_RUNNER = "django.test.runner.DiscoverRunner"

AUTH_USER_MODEL = "crm.User"
AUTHENTICATION_BACKENDS = ["crm.staff.queries.SessionPerson"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher" if TESTING else "django.contrib.auth.hashers.Argon2PasswordHasher"
]
# The address is unique without regard to case, by an index on lower(email) that this check does not know.
# W045: the database alone checks that a trait has one value.
SILENCED_SYSTEM_CHECKS = ["auth.W004", "models.W045"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"

# Signing in (ADR 14): by email, invited only; whatever allauth would say or send is said and sent by crm.login.
ACCOUNT_ADAPTER = "crm.login.adapters.Accounts"
ACCOUNT_FORMS = {"login": "crm.login.forms.LoginForm", "change_password": "crm.login.forms.ChangePasswordForm"}
ACCOUNT_FORMS["reauthenticate"] = "crm.login.forms.PasswordAgainForm"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_ENABLED = False
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_METHODS = {"password", "mfa"}
# Guesses of passwords have a table of their own (crm.sign_in). `login_failed` counts guesses of the second factor.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": "10/15m/key",
    "reauthenticate": "10/15m/user",
    "change_password": "10/15m/user",
}
MFA_ADAPTER = "crm.login.adapters.SecondFactors"
MFA_FORMS = {
    "authenticate": "crm.login.forms.CodeForm",
    "reauthenticate": "crm.login.forms.CodeAgainForm",
    "activate_totp": "crm.login.forms.FirstCodeForm",
    "add_webauthn": "crm.login.forms.NewPasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1
MFA_RATE_LIMITS = {"webauthn_login": "30/m/ip"}
# Browsers offer passkeys over plain http on loopback alone, and so do we.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE and urlsplit(SITE_URL).hostname in ("localhost", "127.0.0.1", "::1")
# How many proxies of ours stand in front and add to X-Forwarded-For; none: the header is not believed.
ALLAUTH_TRUSTED_PROXY_COUNT = typed(env.int, "TRUSTED_PROXIES", "a whole number such as 1", default=0)
# Nothing of ours goes this way (crm.lib.mailer does), and nothing of others' shall.
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

# Limits are counted in the database, which all processes share; the queue's gauges stay in their process.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "crm_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "jobs": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
APPEND_SLASH = True

# What is said after a form goes by cookie alone: it may name a customer's person, and a session is kept for weeks.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
_STATIC_STORAGE = "StaticFilesStorage" if TESTING else "ManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": f"django.contrib.staticfiles.storage.{_STATIC_STORAGE}"},
}
WHITENOISE_USE_FINDERS = TESTING
WHITENOISE_AUTOREFRESH = TESTING  # else every test client looks through all files before its first page

# The browser trusts this origin for everything and nobody for anything else.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "holdfast_session"
SESSION_ENGINE = "crm.login.sessions"
CSRF_FAILURE_VIEW = "crm.middleware.csrf_failure"
CSRF_COOKIE_NAME = "holdfast_csrf"
LANGUAGE_COOKIE_NAME = "holdfast_language"
if SECURE:
    SECURE_HSTS_SECONDS = typed(env.int, "HSTS_SECONDS", "a whole number of seconds", default=31_536_000)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# Mail is written to files and readable at /mail/ until EMAIL_URL (smtp://user:password@host:port, smtps://) is set.
EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL and not _is_address(EMAIL_URL, "smtp", "smtps", "smtp+tls"):
    # Not shown: there is a password in it.
    raise ImproperlyConfigured("EMAIL_URL must look like smtp://user:password@host:port, smtp+tls://… or smtps://….")
MAIL_FROM_DOMAIN = env.str("MAIL_FROM_DOMAIN", default="localhost")
# Where reps' own mail comes in by BCC (`manage.py capture_mail`); empty: nowhere.
CAPTURE_DOMAIN = env.str("CAPTURE_DOMAIN", default="")
MAIL_FILES = VAR / "mail"
# Beside the database, so that a restore of an older backup erases again whom people have asked to erase since.
ERASURES_JOURNAL = VAR / "erasures.jsonl"

# The queue is a doorbell (rules.md §2): the same numbers in web and worker, checked again when a worker starts.
Q_CLUSTER: dict[str, Any] = {
    "name": "holdfast",
    "orm": "default",
    "workers": 2,
    "queue_limit": 2,
    "bulk": 1,
    "timeout": 60,
    "retry": 600,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "guard_cycle": 0.5,
    "save_limit": -1,
    "recycle": 200,
    "poll": 0.5,
    "has_replica": False,
    "cache": "jobs",
    "label": "Jobs",
}

# The API: keys alone open it, and every answer is JSON (crm.api).
API_CALLS_PER_MINUTE = typed(env.int, "API_CALLS_PER_MINUTE", "a whole number such as 600", default=600)
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["crm.api.bodies.GatedJson"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["crm.api.access.ByKey"],
    "DEFAULT_PERMISSION_CLASSES": ["crm.api.access.InScope"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "crm.api.access.AlwaysJson",
    "DEFAULT_PAGINATION_CLASS": "crm.api.pages.Pages",
    "DEFAULT_SCHEMA_CLASS": "crm.api.description.Description",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "crm.api.errors.answer_for",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Holdfast",
    "VERSION": "1",
    "DESCRIPTION": "Every noun of Holdfast, for other programs. docs/api.md has the first steps.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["crm.api.description.only_ours"],
    "POSTPROCESSING_HOOKS": ["crm.api.description.strict"],
    "SORT_OPERATIONS": False,
    "DISABLE_ERRORS_AND_WARNINGS": False,
}

LOG_LEVEL = env.str("LOG_LEVEL", default="").upper()
if LOG_LEVEL not in ("", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
    raise ImproperlyConfigured(f"LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, but it is {LOG_LEVEL!r}.")
LOG_FORMAT = env.str("LOG_FORMAT", default="line" if LOCAL else "json")
if LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT must be line or json, but it is {LOG_FORMAT!r}.")
# Whoever sends it as "Authorization: Bearer …" may ask for /metrics; empty: only this machine may.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "crm.lib.logs.Lines"},
        "json": {"()": "crm.lib.logs.formatter"},
    },
    # Lines for a person at a terminal, JSON for whatever gathers them in production.
    "filters": {"plain_places": {"()": "crm.lib.logs.PlainPlaces"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["plain_places"]},
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL or "WARNING"},
    "loggers": {
        "holdfast": {"level": LOG_LEVEL or "INFO"},
        "holdfast.web": {"level": LOG_LEVEL or ("WARNING" if LOCAL else "INFO")},
        "django.request": {"level": "CRITICAL" if TESTING else "ERROR"},
    },
}
