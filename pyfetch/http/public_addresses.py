"""Tells public IP addresses from all others, by the registries of RFC 6890.

The networks are listed here, because what `ipaddress` calls private differs between patch releases
of Python.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_PRIVATE = "is private"
_LINK_LOCAL = "is link-local (where clouds have their metadata services)"
_MULTICAST = "is a multicast address"
_DOCUMENTATION = "is an example for documentation"
_BENCHMARKING = "is for benchmarks"
_ORCHID = "is a hash and no address to reach (ORCHID)"
_PROTOCOLS = "is set aside for protocols (where a cloud has its metadata service)"

# The smallest network that contains an address decides, as in the registries. None: public.
_NETWORKS: dict[str, str | None] = {
    "0.0.0.0/0": None,
    "0.0.0.0/8": "is in the network 0/8, which means this host",  # RFC 791, section 3.2
    "0.0.0.0/32": "is the unspecified address",  # RFC 1122, section 3.2.1.3
    "10.0.0.0/8": _PRIVATE,  # RFC 1918
    "100.64.0.0/10": "is in the address space that providers share",  # RFC 6598
    "100.100.100.200/32": "is the metadata service of Alibaba Cloud",
    "127.0.0.0/8": "is a loopback address",  # RFC 1122, section 3.2.1.3
    # A public address, but the host of an Azure virtual machine answers there.
    "168.63.129.16/32": "is the wire server of Azure",
    "169.254.0.0/16": _LINK_LOCAL,  # RFC 3927
    "172.16.0.0/12": _PRIVATE,  # RFC 1918
    "192.0.0.0/24": _PROTOCOLS,  # RFC 6890; Oracle's metadata are at 192.0.0.192
    "192.0.2.0/24": _DOCUMENTATION,  # RFC 5737
    "192.88.99.0/24": "is a relay of 6to4, no longer in use",  # RFC 7526
    "192.168.0.0/16": _PRIVATE,  # RFC 1918
    "198.18.0.0/15": _BENCHMARKING,  # RFC 2544
    "198.51.100.0/24": _DOCUMENTATION,  # RFC 5737
    "203.0.113.0/24": _DOCUMENTATION,  # RFC 5737
    "224.0.0.0/4": _MULTICAST,  # RFC 5771
    "240.0.0.0/4": "is reserved",  # RFC 1112, section 4
    "255.255.255.255/32": "is the broadcast address",  # RFC 919
    "::/0": "is not in the address space of the public Internet",  # RFC 4291, section 2.4
    "::/96": "is IPv4-compatible, a form no longer in use",  # RFC 4291, section 2.5.5.1
    "::/128": "is the unspecified address",  # RFC 4291, section 2.5.2
    "::1/128": "is a loopback address",  # RFC 4291, section 2.5.3
    "::ffff:0:0/96": None,  # RFC 4291, section 2.5.5.2: the address inside decides
    "::ffff:0:0:0/96": "is IPv4-translated, a form no longer in use",  # RFC 2765, section 2.1
    "64:ff9b::/96": None,  # RFC 6052: the address inside decides
    "64:ff9b:1::/48": "leads to a translator of the local network",  # RFC 8215
    "100::/64": "is where packets are discarded",  # RFC 6666
    "2000::/3": None,
    "2001::/23": "is set aside for protocols",  # RFC 2928
    "2001::/32": None,  # RFC 4380: the addresses inside decide
    "2001:2::/48": _BENCHMARKING,  # RFC 5180
    "2001:10::/28": _ORCHID,  # RFC 4843
    "2001:20::/28": _ORCHID,  # RFC 7343
    "2001:db8::/32": _DOCUMENTATION,  # RFC 3849
    "3fff::/20": _DOCUMENTATION,  # RFC 9637
    "5f00::/16": "is a segment identifier and no address to reach",  # RFC 9602
    "fc00::/7": _PRIVATE,  # RFC 4193; metadata of EC2 are at fd00:ec2::254
    "fe80::/10": _LINK_LOCAL,  # RFC 4291, section 2.5.6
    "fec0::/10": "is site-local, a form no longer in use",  # RFC 3879
    "ff00::/8": _MULTICAST,  # RFC 4291, section 2.7
}
_MOST_SPECIFIC_FIRST = sorted(
    ((ip_network(network), clause) for network, clause in _NETWORKS.items()),
    key=lambda entry: -entry[0].prefixlen,
)

_MAPPED = ip_network("::ffff:0:0/96")
_TRANSLATED_BY_NAT64 = ip_network("64:ff9b::/96")
_6TO4 = ip_network("2002::/16")
_TEREDO = ip_network("2001::/32")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})


def why_not_public(address: str) -> str | None:
    """Return a clause that says why an address is no public unicast address; None if it is one.

    `address` is the text of an IPv4 or IPv6 address, with or without `%scope`, as `getaddrinfo`
    returns it. An address that contains IPv4 addresses is public only if all of them are. Any
    other text is not public.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{address!r} is no IP address"
    written = address.partition("%")[0]  # a scope may be any text
    if clause := _clause(parsed):
        return f"{written} {clause}"
    for inner in _ipv4_inside(parsed):
        if clause := _clause(inner):
            return f"{written} leads to {inner}, which {clause}"
    return None


def _clause(address: IPv4Address | IPv6Address) -> str | None:
    return next(clause for network, clause in _MOST_SPECIFIC_FIRST if address in network)


def _ipv4_inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    number = int(address)
    inside = []
    if address in _MAPPED or address in _TRANSLATED_BY_NAT64:
        inside.append(number)
    if address in _6TO4:  # RFC 3056, section 2
        inside.append(number >> 80)
    if address in _TEREDO:  # RFC 4380, section 4: the server, and the client with its bits turned
        inside += [number >> 64, ~number]
    if number >> 32 & 0xFFFF_FFFF in _ISATAP:  # RFC 5214, section 6.1, in any network
        inside.append(number)
    return [IPv4Address(bits & 0xFFFF_FFFF) for bits in inside]
