"""Django with django-prometheus, as one file; two gunicorn workers serve it."""

import os
import sys
import tempfile

if __name__ == "__main__":
    folder = tempfile.mkdtemp(prefix="django-metrics-")
    words = f"-m gunicorn --workers 2 --threads 20 --bind 127.0.0.1:{os.environ['PORT']}"
    command = [sys.executable, *words.split(), "tests.services.django_items:application"]
    os.execve(command[0], command, {**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder})

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import include, path

from tests.services.faults import ITEMS, fail_sometimes, pause

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django_prometheus.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django_prometheus"],
    MIDDLEWARE=[
        "django_prometheus.middleware.PrometheusBeforeMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django_prometheus.middleware.PrometheusAfterMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
)
django.setup()


def list_items(request: HttpRequest) -> JsonResponse:
    """All items, counted by the database."""
    from django.db import connection

    pause()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse(ITEMS, safe=False)


def read_item(request: HttpRequest, item_id: int) -> JsonResponse:
    """One item."""
    fail_sometimes()
    found = [item for item in ITEMS if item["id"] == item_id]
    if not found:
        raise Http404
    return JsonResponse(found[0])


urlpatterns = [
    path("items", list_items),
    path("items/<int:item_id>", read_item),
    path("", include("django_prometheus.urls")),
]
application = get_wsgi_application()
