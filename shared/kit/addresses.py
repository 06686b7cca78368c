"""From which address somebody comes, and as what it is counted."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
_ONE_CUSTOMER = 64


def read_networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks between commas, as a setting names proxies; raises `ValueError` for what is neither."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The address nearest to the client that can be believed.

    `forwarded` is X-Forwarded-For, to which each proxy adds, last, whom it was asked by. An entry is believed when a
    trusted proxy added it; what stands further left anybody can make up.
    """
    address = peer
    for hop in reversed(forwarded.split(",")):
        proxy = _read(address)
        if proxy is None or not any(proxy in network for network in trusted):
            return address
        if _read(hop.strip()) is None:
            return address
        address = hop.strip()
    return address


def counted_as(address: str) -> str:
    """Whose attempts an address's are: those of all of IPv6's /64, since one computer has as many as it likes."""
    found = _read(address)
    return str(ip_network((found, _ONE_CUSTOMER), strict=False)) if isinstance(found, IPv6Address) else address


def _read(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
