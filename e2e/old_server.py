# SPDX-License-Identifier: AGPL-3.0-or-later
"""An installation of the original djankiserv, the Django project, from PyPI.

Django 3.1 is made to run on a newer Python, and bodies in chunks, which it cannot read, are collected before it sees them, as a
reverse proxy would. All else is the package's own code.
"""

import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

from paths import HERE, TEST_DIR
from server import Account, FreshDatabase, Server

VENV = TEST_DIR / "old-djankiserv"

SETTINGS = """
import os, pathlib
BASE = pathlib.Path(__file__).parent
SECRET_KEY = "a secret of the tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "rest_framework", "djankiserv.apps.DjankiservConfig"]
MIDDLEWARE = ["site_loud.Loud", "django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"]
ROOT_URLCONF = "site_urls"
USE_TZ = True
TIME_ZONE = "UTC"
DATABASES = {{"default": {database!r}}}
DATA_UPLOAD_MAX_MEMORY_SIZE = None
DJANKISERV_DATA_ROOT = str(BASE / "media")
DJANKISERV_SYNC_URLBASE = "sync/"
DJANKISERV_SYNC_MEDIA_URLBASE = "msync/"
DJANKISERV_API_URLBASE = "dapi/"
DJANKISERV_GENERATE_TEST_ASSETS = False
DJANKISERV_GENERATE_TEST_ASSETS_DIR = "/nonexistent"
DJANKISERV_DEBUG = False
LOGGING = {{"version": 1, "handlers": {{"c": {{"class": "logging.StreamHandler"}}}}, "root": {{"handlers": ["c"]}}}}
"""

WSGI = """
import io, os
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
# The database driver that needs no compiler.
import pymysql
pymysql.version_info = (1, 4, 6, "final", 0)
pymysql.install_as_MySQLdb()
from django.core.wsgi import get_wsgi_application
django_application = get_wsgi_application()
# What the project around the package does for its database.
import djankiserv.unki, djankiserv.unki.database
from django.db import connection
djankiserv.unki.AnkiDataModel = {
    "postgresql": djankiserv.unki.database.PostgresAnkiDataModel,
    "mysql": djankiserv.unki.database.MariadbAnkiDataModel,
}[connection.vendor]
def application(environ, start_response):
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
    if environ["PATH_INFO"] == "/health":
        start_response("200 OK", [])
        return [b""]
    return django_application(environ, start_response)
"""


LOUD = """
class Loud:
    def __init__(self, get_response):
        self.get_response = get_response
    def __call__(self, request):
        return self.get_response(request)
    def process_exception(self, request, exception):
        import traceback
        traceback.print_exception(exception)
"""


def install():
    python = VENV / "bin" / "python"
    if not (VENV / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        # Not with its dependencies: those that it names no longer install together.
        command = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(HERE / "old_server.txt")]
        subprocess.run(command, check=True)
        (VENV / "done").touch()
    return python


class OldDjankiserv(Server):
    """On PostgreSQL or MariaDB, as the address says."""

    name = "old djankiserv"

    def __init__(self, admin_url):
        super().__init__()
        self.python = install()
        self.database = FreshDatabase(admin_url)
        self.site = self.folder / "site"
        (self.site / "media").mkdir(parents=True)
        (self.site / "site_settings.py").write_text(SETTINGS.format(database=self.django_database()))
        (self.site / "site_urls.py").write_text("from djankiserv.urls import urlpatterns\n")
        (self.site / "site_loud.py").write_text(LOUD)
        (self.site / "site_wsgi.py").write_text(WSGI)
        self.manage("from django.core.management import call_command; call_command('migrate', verbosity=0)")

    def django_database(self):
        parts = urllib.parse.urlsplit(self.database.url)
        query = urllib.parse.parse_qs(parts.query)
        common = {"NAME": self.database.name, "USER": (query.get("user") or [parts.username])[0], "PASSWORD": parts.password or ""}
        if parts.scheme.startswith("postgres"):
            host = (query.get("host") or [parts.hostname])[0]
            return common | {"ENGINE": "django.db.backends.postgresql", "HOST": host, "PORT": str(parts.port or 5432)}
        # The usual driver takes several statements at once without being told to.
        options = {"client_flag": 1 << 16}
        host = (query.get("socket") or [parts.hostname])[0]
        return common | {"ENGINE": "django.db.backends.mysql", "HOST": host, "OPTIONS": options}

    def environment(self):
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.site), "DJANGO_SETTINGS_MODULE": "site_settings"}

    def command(self):
        listen = f"127.0.0.1:{self.port}"
        return [str(self.python.parent / "gunicorn"), "--chdir", str(self.site), "--bind", listen, "--timeout", "120", "site_wsgi"]

    def manage(self, code):
        """Runs code inside of the project."""
        code = f"import site_wsgi, sys; {code}"
        done = subprocess.run([str(self.python), "-c", code], env=self.environment(), cwd=self.site, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def new_account(self, user=None, superuser=False, password="correct horse"):
        self._counter += 1
        account = Account(user or f"user{self._counter}", password)
        make = "create_superuser" if superuser else "create_user"
        self.manage(
            f"from django.contrib.auth.models import User; User.objects.{make}({account.user!r}, '{account.user}@example.com', {password!r})"
        )
        return account

    @property
    def media(self):
        return Path(self.site / "media")

    def remove(self):
        self.database.drop()
        super().remove()
