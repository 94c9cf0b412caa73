# SPDX-License-Identifier: AGPL-3.0-or-later
"""Starts the real reverse proxies with the files of packaging/proxies, in which
only names, ports and certificates are replaced."""

import http.client
import os
import shutil
import ssl
import subprocess
import time
import urllib.parse

from paths import HERE, REPO, TEST_DIR
from server import free_port

FILES = REPO / "packaging/proxies"
UNPACKED = TEST_DIR / "unpacked-proxies"
NAMES = ["nginx", "apache", "caddy", "traefik", "haproxy"]


def make_certificate(folder):
    """A certificate for localhost, and the authority that clients have to trust."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    extensions = "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n"
    (folder / "extensions").write_text(extensions)
    new = ["-newkey", "rsa:2048", "-nodes"]
    openssl("req", "-x509", *new, "-days", "2", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority")
    openssl("req", *new, "-keyout", "key.pem", "-out", "request", "-subj", "/CN=localhost")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions"]
    openssl("x509", "-req", "-in", "request", "-days", "2", "-out", "cert.pem", *signing)
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())


def replaced(name, *pairs):
    """A file of packaging/proxies with other names in it."""
    text = (FILES / name).read_text()
    for old, new in pairs:
        assert old in text, f"{name} has no {old}"
        text = text.replace(old, new)
    return text


class ReverseProxy:
    """`base` is served at the root over TLS, `subpath` below /anki/, `plain` without TLS."""

    def __init__(self, name, folder, certificate, upstream):
        self.name = name
        self.folder = folder
        self.certificate = certificate
        self.upstream = f"127.0.0.1:{upstream}"
        self.http, self.https, self.below = free_port(), free_port(), free_port()
        self.base = f"https://localhost:{self.https}/"
        self.plain = f"http://localhost:{self.http}/"
        # Where a path is cut off by a site of its own, that has a port of its own.
        self.subpath = f"https://localhost:{self.https if name in ('traefik', 'haproxy') else self.below}/anki/"
        command = getattr(self, name)()
        environment = dict(os.environ)
        if command[0].startswith(str(UNPACKED)):
            libraries = [str(path) for path in UNPACKED.glob("usr/lib/*-linux-gnu*")]
            environment["LD_LIBRARY_PATH"] = ":".join(libraries)
        environment["XDG_DATA_HOME"] = environment["XDG_CONFIG_HOME"] = str(folder)
        self.log = folder / "proxy.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        for base, status in ((self.base, 200), (self.subpath, 200), (self.plain, 308)):
            self.await_answer(urllib.parse.urlsplit(base), status)

    def await_answer(self, url, wanted):
        """Traefik listens before it has read its files, and sends browsers on with another status."""
        context = ssl._create_unverified_context()
        deadline = time.monotonic() + 30
        while True:
            if url.scheme == "https":
                connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=5, context=context)
            else:
                connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
            try:
                connection.request("GET", url.path + "health")
                if connection.getresponse().status in (wanted, 301 if wanted == 308 else wanted):
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def certificates(self, of="anki.example.com"):
        files = f"/etc/letsencrypt/live/{of}"
        return [
            (f"{files}/fullchain.pem", str(self.certificate / "cert.pem")),
            (f"{files}/privkey.pem", str(self.certificate / "key.pem")),
        ]

    def nginx(self):
        site = replaced(
            "nginx.conf",
            *self.certificates(),
            ("127.0.0.1:8002", self.upstream),
            ("listen 443 ssl", f"listen {self.https} ssl"),
            ("listen [::]:443 ssl", f"listen [::]:{self.https} ssl"),
            ("listen 80;", f"listen {self.http};"),
            ("listen [::]:80;", f"listen [::]:{self.http};"),
            ("server_name anki.example.com", "server_name localhost"),
        )
        below = replaced("nginx-subpath.conf", ("127.0.0.1:8002", self.upstream))
        tls = "".join(
            f"{directive} {self.certificate / file};"
            for directive, file in (("ssl_certificate", "cert.pem"), ("ssl_certificate_key", "key.pem"))
        )
        paths = "".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user nobody nogroup;" if os.geteuid() == 0 else ""
        config = self.write(
            "nginx.conf",
            f"{user} daemon off; pid {self.folder}/pid; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {paths}\n{site}\n"
            f"server {{ listen {self.below} ssl; server_name localhost; {tls}\n{below} }} }}\n",
        )
        return [program("nginx"), "-c", config, "-e", "stderr"]

    def apache(self):
        site = replaced(
            "apache.conf",
            *self.certificates(),
            ("127.0.0.1:8002", self.upstream),
            ("*:443", f"*:{self.https}"),
            ("*:80>", f"*:{self.http}>"),
            ("ServerName anki.example.com", "ServerName localhost"),
        )
        below = replaced("apache-subpath.conf", ("127.0.0.1:8002", self.upstream))
        apache = program("apache2")
        modules = apache.removesuffix("sbin/apache2") + "lib/apache2/modules"
        names = "mpm_event authz_core ssl proxy proxy_http headers rewrite reqtimeout socache_shmcb".split()
        lines = [f"LoadModule {name}_module {modules}/mod_{name}.so" for name in names]
        lines += [f"Listen {port}" for port in (self.http, self.https, self.below)]
        lines += [f"ServerRoot {self.folder}", f"PidFile {self.folder}/pid", f"Mutex file:{self.folder} default"]
        lines += ["ErrorLog /dev/stderr", "ServerName localhost"]
        if os.geteuid() == 0:
            lines += ["User nobody", "Group nogroup"]
        # As Debian sets it.
        lines += ["RequestReadTimeout header=20-40,minrate=500 body=20,minrate=500"]
        lines += [site, f"<VirtualHost *:{self.below}>", "ServerName localhost", "SSLEngine on"]
        lines += [f"SSLCertificateFile {self.certificate / 'both.pem'}", below, "</VirtualHost>"]
        return [
            apache,
            "-X" if os.geteuid() else "-DFOREGROUND",
            "-f",
            self.write("apache.conf", "\n".join(lines) + "\n"),
        ]

    def caddy(self):
        tls = f"tls {self.certificate / 'cert.pem'} {self.certificate / 'key.pem'}"
        site = replaced(
            "Caddyfile",
            ("https://{$DJANKISERV_HOST:anki.example.com} {", f"https://localhost:{self.https} {{\n{tls}"),
            ("http://{$DJANKISERV_HOST:anki.example.com}", f"http://localhost:{self.http}"),
            ("{$DJANKISERV_UPSTREAM:127.0.0.1:8002}", self.upstream),
        )
        below = replaced(
            "Caddyfile-subpath",
            ("https://www.example.com {", f"https://localhost:{self.below} {{\n{tls}"),
            ("127.0.0.1:8002", self.upstream),
        )
        config = self.write("Caddyfile", f"{{\nadmin off\nauto_https disable_redirects\n}}\n{site}\n{below}\n")
        return [str(TEST_DIR / "proxies/bin/caddy"), "run", "--adapter", "caddyfile", "--config", config]

    def traefik(self):
        dynamic = self.folder / "dynamic"
        dynamic.mkdir()
        for file, host in (("traefik.yaml", "anki.example.com"), ("traefik-subpath.yaml", "www.example.com")):
            text = replaced(
                file,
                (host, "localhost"),
                ("127.0.0.1:8002", self.upstream),
                ("        certResolver: letsencrypt", "        options: default"),
            )
            (dynamic / file).write_text(text)
        store = f"certFile: {self.certificate / 'cert.pem'}, keyFile: {self.certificate / 'key.pem'}"
        (dynamic / "tls.yaml").write_text(f"tls: {{stores: {{default: {{defaultCertificate: {{{store}}}}}}}}}\n")
        timeouts = "{respondingTimeouts: {readTimeout: 600s, idleTimeout: 180s}}"
        assert timeouts in (FILES / "traefik.yaml").read_text()
        config = self.write(
            "static.yaml",
            "global: {checkNewVersion: false, sendAnonymousUsage: false}\n"
            f"entryPoints:\n  web: {{address: ':{self.http}'}}\n"
            f"  websecure: {{address: ':{self.https}', transport: {timeouts}}}\n"
            f"providers: {{file: {{directory: {dynamic}}}}}\n",
        )
        return [str(TEST_DIR / "proxies/bin/traefik"), f"--configfile={config}"]

    def haproxy(self):
        site = replaced(
            "haproxy.cfg",
            ("bind :80\n", f"bind :{self.http}\n"),
            ("bind :443 ssl", f"bind :{self.https} ssl"),
            ("/etc/haproxy/anki.example.com.pem", str(self.certificate / "both.pem")),
            ("127.0.0.1:8002", self.upstream),
        )
        return [
            program("haproxy"),
            "-db",
            "-f",
            self.write("haproxy.cfg", f"global\n    log stderr format raw local0\n{site}"),
        ]


def program(name):
    """A program of the system, or of the packages that were unpacked for us."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:{UNPACKED}/usr/sbin")
    if path is None:
        raise RuntimeError(f"{name} is missing: run e2e/unpack-proxies.sh {UNPACKED}")
    return path


def unpack():
    subprocess.run([str(HERE / "unpack-proxies.sh"), str(UNPACKED)], check=True)
