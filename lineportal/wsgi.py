"""What gunicorn serves: `gunicorn lineportal.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lineportal.settings")
application = get_wsgi_application()
