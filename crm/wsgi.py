"""What gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
site = get_wsgi_application()

from crm.api.tracking import in_front_of  # noqa: E402 - models load with the site
from crm.lib.metering import metered  # noqa: E402

application = metered(in_front_of(site))
