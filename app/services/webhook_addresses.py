"""Where webhooks may go: only to hosts the operator names, over https, and never to an address inside the house."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.errors import Problem
from app.settings import Settings

_LONGEST = 2_000
_PORTS = {"https": 443, "http": 80}


class AddressRefused(Exception):
    """Nothing is sent there; the word says why, without what is at the address."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: ``address`` is what the name meant when it was looked at, so that it means nothing else later."""

    scheme: str
    host: str
    port: int
    address: str
    path: str

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def check_form(url: str, settings: Settings) -> None:
    """Refuses a URL no webhook may have, by its form and its host alone."""
    try:
        _parts(url, settings)
    except AddressRefused as refused:
        raise Problem("bad_request", f"url 不被允许 (this address is not allowed): {refused}") from refused


def resolved(url: str, settings: Settings) -> Target:
    """Where to connect for a URL now. Raises AddressRefused, or OSError where the name means nothing."""
    scheme, host, port, path = _parts(url, settings)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        plain = getattr(address, "ipv4_mapped", None) or address
        if scheme == "http" and not plain.is_loopback:
            raise AddressRefused("http 只用于本机 (plain http only to this machine itself)")
        if not settings.webhook_private_addresses and (not plain.is_global or plain.is_multicast):
            raise AddressRefused("内网地址 (a private address)")
    return Target(scheme, host, port, str(addresses[0]), path)


def _parts(url: str, settings: Settings) -> tuple[str, str, int, str]:
    if len(url) > _LONGEST or not url.isascii() or any(sign.isspace() or sign == "\\" for sign in url):
        raise AddressRefused("格式有误 (not of the right form)")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused("格式有误 (not of the right form)") from error
    if parts.scheme not in _PORTS or not host or parts.username or parts.password or parts.fragment:
        raise AddressRefused("格式有误 (not of the right form)")
    if parts.scheme == "http" and not settings.webhook_plain_http:
        raise AddressRefused("须为 https (https is demanded)")
    port = port or _PORTS[parts.scheme]
    named = f"[{host}]" if ":" in host else host
    allowed = {entry.strip().lower() for entry in settings.webhook_hosts.split(",") if entry.strip()}
    if f"{named}:{port}" not in allowed and not (named in allowed and port == _PORTS[parts.scheme]):
        raise AddressRefused("不在允许的主机之列 (not among the hosts the operator allows)")
    return parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
