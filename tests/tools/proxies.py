"""Real proxies in front of a server, with the configurations that docs/deploy.md tells people to use."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.tools.serving import ROOT, free_port

_START_S = 60
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_MODULES = "mpm_event authz_core proxy proxy_http ssl headers reqtimeout socache_shmcb setenvif"


@dataclass(frozen=True)
class Proxy:
    """A proxy as the document has it.

    `heading` and `language` tell its block there. `listens` is the text in it that becomes the test's port,
    `wrap` makes a whole configuration of the block, and `command` starts it in the foreground.
    """

    name: str
    heading: str
    language: str
    listens: str
    listens_here: str
    command: Callable[[Path, Path, int], list[str]]
    wrap: Callable[[str, Path, int], str] = lambda block, folder, port: block
    ends_tls: bool = True
    upstream: str = "127.0.0.1:3001"

    def block(self) -> str:
        """The configuration in the document."""
        text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
        section = text.partition(f"\n### {self.heading}\n")[2].partition("\n### ")[0]
        found = re.search(rf"```{self.language}\n(.*?)```", section, re.DOTALL)
        assert found, f"docs/deploy.md has no block {self.language} under {self.heading}"
        return found[1]


class RunningProxy:
    """A proxy that leads to a port of this machine; `url` is where it is."""

    def __init__(self, proxy: Proxy, folder: Path, certificate: tuple[Path, Path], port: int) -> None:
        self.port = free_port()
        self.url = f"{'https' if proxy.ends_tls else 'http'}://127.0.0.1:{self.port}"
        self.certificate = certificate[0]
        self.log = folder / "output"
        file = folder / "proxy.conf"
        file.write_text(proxy.wrap(self._here(proxy, certificate, port), folder, self.port))
        command = proxy.command(file, folder, self.port)
        program = shutil.which(command[0], path=_PATH)
        assert program, f"no {command[0]} on this machine: .ci/install-system installs it"
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [program, *command[1:]], stdout=output, stderr=output, cwd=folder, start_new_session=True
            )

    def _here(self, proxy: Proxy, certificate: tuple[Path, Path], port: int) -> str:
        """The document's block with the ports and files of this test; each must be named there."""
        pem, key = certificate
        block = proxy.block()
        changes = {
            proxy.upstream: proxy.upstream.replace("3001", str(port)),
            proxy.listens: proxy.listens_here.format(port=self.port, pem=pem, key=key),
        }
        for before, after in changes.items():
            assert before in block, f"{before!r} is not in the configuration of {proxy.name}"
            block = block.replace(before, after)
        return block.replace("/etc/ssl/chef.pem", str(pem)).replace("/etc/ssl/chef.key", str(key))

    def wait(self) -> None:
        """Until it listens."""
        until = time.monotonic() + _START_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"the proxy does not listen: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it and its workers."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 with its key behind it, and the key alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "chef.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    (folder / "chef.key").write_bytes(secret)
    for file in folder.iterdir():
        file.chmod(0o600)
    return folder / "chef.pem", folder / "chef.key"


def _user() -> str:
    """The user whom servers that root starts go on as."""
    return "www-data" if os.geteuid() == 0 else ""


def _nginx(block: str, folder: Path, _port: int) -> str:
    user = f"user {_user()};" if _user() else ""
    temporary = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"{user} daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n{block}}}\n"
    )


def _apache(block: str, folder: Path, port: int) -> str:
    modules = "\n".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in _MODULES.split()
    )
    user = f"User {_user()}\nGroup {_user()}\n" if _user() else ""
    return (
        f"ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile {folder}/pid\nErrorLog {folder}/errors\n"
        f"{modules}\n{user}ServerName 127.0.0.1\nListen 127.0.0.1:{port}\n{block}"
    )


def _caddy(block: str, folder: Path, _port: int) -> str:
    return f"{{\n  admin off\n  auto_https off\n  storage file_system {folder}/caddy\n}}\n{block}"


def _lighttpd(block: str, folder: Path, port: int) -> str:
    return f'server.document-root = "{folder}"\nserver.bind = "127.0.0.1"\nserver.port = {port}\n{block}'


def _squid(block: str, folder: Path, _port: int) -> str:
    folder.chmod(0o777)
    return (
        f"{block}pid_filename none\naccess_log none\ncache_log {folder}/cache.log\n"
        f"coredump_dir {folder}\nnetdb_filename none\npinger_enable off\nshutdown_lifetime 0 seconds\n"
    )


def _hitch(block: str, _folder: Path, _port: int) -> str:
    return f'{block}user = "{_user()}"\n'


def _stunnel(block: str, _folder: Path, _port: int) -> str:
    return f"foreground = yes\npid =\n{block}"


PROXIES = {
    proxy.name: proxy
    for proxy in (
        Proxy(
            "nginx",
            "nginx",
            "nginx",
            "listen 443 ssl;",
            "listen 127.0.0.1:{port} ssl;",
            lambda file, _folder, _port: ["nginx", "-c", str(file), "-e", "stderr"],
            _nginx,
        ),
        Proxy(
            "haproxy",
            "HAProxy",
            "haproxy",
            "bind :443 ssl",
            "bind 127.0.0.1:{port} ssl",
            lambda file, _folder, _port: ["haproxy", "-db", "-f", str(file)],
        ),
        Proxy(
            "caddy",
            "Caddy",
            "caddy",
            "chef.example.com {",
            "https://127.0.0.1:{port} {{\n  tls {pem} {key}",
            lambda file, _folder, _port: ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)],
            _caddy,
        ),
        Proxy(
            "apache",
            "Apache",
            "apache",
            "*:443",
            "127.0.0.1:{port}",
            lambda file, _folder, _port: ["apache2", "-DFOREGROUND", "-f", str(file)],
            _apache,
        ),
        Proxy(
            "varnish",
            "Varnish",
            "vcl",
            ".first_byte_timeout",
            ".first_byte_timeout",
            lambda file, folder, port: [
                *("varnishd", "-F", "-j", "none", "-n", str(folder / "v"), "-f", str(file)),
                *("-a", f"127.0.0.1:{port}", "-s", "malloc,10m", "-p", "pipe_timeout=3600"),
            ],
            ends_tls=False,
            upstream='.port = "3001"',
        ),
        Proxy(
            "lighttpd",
            "lighttpd",
            "lighttpd",
            "server.modules",
            "server.modules",
            lambda file, _folder, _port: ["lighttpd", "-D", "-f", str(file)],
            _lighttpd,
            ends_tls=False,
            upstream='"port" => 3001',
        ),
        Proxy(
            "squid",
            "Squid",
            "squid",
            "http_port 80",
            "http_port 127.0.0.1:{port}",
            lambda file, _folder, _port: ["squid", "-N", "-f", str(file)],
            _squid,
            ends_tls=False,
            upstream="parent 3001",
        ),
        Proxy(
            "stunnel",
            "stunnel and hitch",
            "stunnel",
            "accept = 443",
            "accept = 127.0.0.1:{port}",
            lambda file, _folder, _port: ["stunnel", str(file)],
            _stunnel,
        ),
        Proxy(
            "hitch",
            "stunnel and hitch",
            "hitch",
            'frontend = "[*]:443"',
            'frontend = "[127.0.0.1]:{port}"',
            lambda file, _folder, _port: ["hitch", "--config", str(file)],
            _hitch,
            upstream="[127.0.0.1]:3001",
        ),
    )
}
