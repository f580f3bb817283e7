"""Whether an address is one of the public Internet."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from hypothesis import example, given
from hypothesis import strategies as st

from pyfetch.http.public_addresses import why_not_public
from tests.support.cases import cases


@cases(
    ("address", "clause"),
    [
        ("127.0.0.1", "127.0.0.1 is a loopback address"),
        ("10.0.0.1", "10.0.0.1 is private"),
        (
            "169.254.169.254",
            "169.254.169.254 is link-local (where clouds have their metadata services)",
        ),
        ("0.0.0.0", "0.0.0.0 is the unspecified address"),  # noqa: S104 # it is not bound to
        ("100.100.100.200", "100.100.100.200 is the metadata service of Alibaba Cloud"),
        ("168.63.129.16", "168.63.129.16 is the wire server of Azure"),
        (
            "192.0.0.192",
            "192.0.0.192 is set aside for protocols (where a cloud has its metadata service)",
        ),
        ("255.255.255.255", "255.255.255.255 is the broadcast address"),
        ("::", ":: is the unspecified address"),
        ("::1", "::1 is a loopback address"),
        ("fd00:ec2::254", "fd00:ec2::254 is private"),
        ("fe80::1%eth0", "fe80::1 is link-local (where clouds have their metadata services)"),
        ("fe80::1%\x1b[31m", "fe80::1 is link-local (where clouds have their metadata services)"),
        ("::127.0.0.1", "::127.0.0.1 is IPv4-compatible, a form no longer in use"),
        ("::ffff:0:10.0.0.1", "::ffff:0:10.0.0.1 is IPv4-translated, a form no longer in use"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1 leads to 127.0.0.1, which is a loopback address"),
        ("::ffff:a00:1", "::ffff:a00:1 leads to 10.0.0.1, which is private"),
        ("64:ff9b::a00:1", "64:ff9b::a00:1 leads to 10.0.0.1, which is private"),
        ("2002:a00:1::8", "2002:a00:1::8 leads to 10.0.0.1, which is private"),
        (
            "2001:0:a00:1::f7f7:f7f7",
            "2001:0:a00:1::f7f7:f7f7 leads to 10.0.0.1, which is private",
        ),
        (
            "2001:0:808:808::f5ff:fffe",
            "2001:0:808:808::f5ff:fffe leads to 10.0.0.1, which is private",
        ),
        (
            "2606:4700::5efe:10.0.0.1",
            "2606:4700::5efe:10.0.0.1 leads to 10.0.0.1, which is private",
        ),
        (
            "2606:4700::200:5efe:a00:1",
            "2606:4700::200:5efe:a00:1 leads to 10.0.0.1, which is private",
        ),
        (
            "2002:808:808::5efe:a00:1",
            "2002:808:808::5efe:a00:1 leads to 10.0.0.1, which is private",
        ),
    ],
)
def test_a_clause_says_why_an_address_is_not_public(address: str, clause: str) -> None:
    assert why_not_public(address) == clause


@cases(
    "address",
    [
        "8.8.8.8", "1.1.1.1", "93.184.216.34", "192.31.196.1", "192.175.48.1",
        "2606:4700:4700::1111", "2606:4700:4700::1111%eth0", "2001:4860:4860::8888",
        "2a00:1450:4001:800::200e", "2620:4f:8000::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
        "2002:0808:0808::1", "2001:0:808:808::f7f7:f7f7", "2606:4700::5efe:8.8.8.8",
        "2606:4700::1:5efe:a00:1",
    ],
)  # fmt: skip
def test_a_public_address_is_public(address: str) -> None:
    assert why_not_public(address) is None


@cases(
    "address",
    ["", " ", "localhost", "8.8.8", "134744072", "0x8.8.8.8", "08.8.8.8", "8.8.8.8/32", "8.8.8.8 ",
     "8.8.8.8%eth0", "[2606:4700::1111]", "2606:4700::1111%", ":::", "256.1.1.1", "٨.8.8.8"],
)  # fmt: skip
def test_what_is_no_address_is_not_public(address: str) -> None:
    assert why_not_public(address) == f"{address!r} is no IP address"


@dataclass(frozen=True, slots=True)
class Block:
    network: str
    word: str
    """What the clause for each of its addresses has in it."""
    public_before: bool = True
    """That the address before it is public."""
    public_after: bool = True


BLOCKS = [
    Block("0.0.0.0/8", "", public_before=False),
    Block("10.0.0.0/8", "private"),
    Block("100.64.0.0/10", "share"),
    Block("100.100.100.200/32", "metadata", public_before=False, public_after=False),
    Block("127.0.0.0/8", "loopback"),
    Block("168.63.129.16/32", "Azure"),
    Block("169.254.0.0/16", "link-local"),
    Block("172.16.0.0/12", "private"),
    Block("192.0.0.0/24", "protocols"),
    Block("192.0.2.0/24", "documentation"),
    Block("192.88.99.0/24", "6to4"),
    Block("192.168.0.0/16", "private"),
    Block("198.18.0.0/15", "benchmarks"),
    Block("198.51.100.0/24", "documentation"),
    Block("203.0.113.0/24", "documentation"),
    Block("224.0.0.0/4", "multicast", public_after=False),
    Block("240.0.0.0/4", "", public_before=False, public_after=False),
    Block("255.255.255.255/32", "broadcast", public_before=False, public_after=False),
    Block("::/96", "", public_before=False, public_after=False),
    Block("::1/128", "loopback", public_before=False, public_after=False),
    Block("::ffff:0:0:0/96", "translated", public_before=False, public_after=False),
    Block("64:ff9b:1::/48", "translator", public_before=False, public_after=False),
    Block("100::/64", "discarded", public_before=False, public_after=False),
    Block("100:0:0:1::/64", "not in the address space", public_before=False, public_after=False),
    Block("400::/6", "not in the address space", public_before=False, public_after=False),
    Block("1000::/4", "not in the address space", public_before=False),
    Block("2001:1::/32", "protocols", public_before=False, public_after=False),
    Block("2001:2::/48", "benchmarks", public_before=False, public_after=False),
    Block("2001:10::/28", "ORCHID", public_before=False, public_after=False),
    Block("2001:20::/28", "ORCHID", public_before=False, public_after=False),
    Block("2001:100::/24", "protocols", public_before=False),
    Block("2001:db8::/32", "documentation"),
    Block("3fff::/20", "documentation"),
    Block("4000::/3", "not in the address space", public_after=False),
    Block("5f00::/16", "segment", public_before=False, public_after=False),
    Block("fc00::/7", "private", public_before=False, public_after=False),
    Block("fe80::/10", "link-local", public_before=False, public_after=False),
    Block("fec0::/10", "site-local", public_before=False, public_after=False),
    Block("ff00::/8", "multicast", public_before=False, public_after=False),
]


def test_a_network_is_refused_from_its_first_address_to_its_last_and_no_further() -> None:
    for block in BLOCKS:
        network = ip_network(block.network)
        first, last = network[0], network[-1]
        for address in (first, last):
            assert block.word in (why_not_public(str(address)) or "public"), block
            assert why_not_public(str(address)) is not None, block
        # The space itself ends where there is nothing before or after.
        if int(first):
            assert (why_not_public(str(first - 1)) is None) == block.public_before, block
        if int(last) != 2**last.max_prefixlen - 1:
            assert (why_not_public(str(last + 1)) is None) == block.public_after, block


@cases("network", ["::ffff:0:0/96", "64:ff9b::/96"])
def test_no_further_than_its_network_does_a_form_lead_to_ipv4(network: str) -> None:
    """What is before or after it is of no form at all, and not public either."""
    outside = [ip_network(network)[0] - 1, ip_network(network)[-1] + 1]
    for address in outside:
        assert "leads to" not in (why_not_public(str(address)) or "public")
        assert why_not_public(str(address)) is not None


def forms(inner: IPv4Address) -> dict[str, IPv6Address]:
    """The addresses of IPv6 that lead to one of IPv4, or did once."""
    number = int(inner)
    public = int(IPv4Address("8.8.8.8"))
    prefix = int(IPv6Address("2606:4700::"))
    teredo = int(IPv6Address("2001::"))
    numbers = {
        "compatible": number,
        "mapped": 0xFFFF << 32 | number,
        "translated": 0xFFFF << 48 | number,
        "NAT64": int(IPv6Address("64:ff9b::")) | number,
        "local NAT64": int(IPv6Address("64:ff9b:1::")) | number,
        "6to4": 0x2002 << 112 | number << 80 | 1,
        "Teredo's server": teredo | number << 64 | public ^ 0xFFFF_FFFF,
        "Teredo's client": teredo | public << 64 | number ^ 0xFFFF_FFFF,
        "ISATAP": prefix | 0x5EFE << 32 | number,
        "ISATAP of a universal address": prefix | 0x0200_5EFE << 32 | number,
    }
    return {form: IPv6Address(number) for form, number in numbers.items()}


NO_LONGER_IN_USE = {"compatible", "translated", "local NAT64"}
addresses_of_ipv4 = st.one_of(
    st.ip_addresses(v=4),
    st.sampled_from(
        [ip_network(b.network)[i] for b in BLOCKS if ":" not in b.network for i in (0, -1)]
    ),
)


@given(addresses_of_ipv4)
@example(IPv4Address("8.8.8.8"))
@example(IPv4Address("169.254.169.254"))
def test_what_leads_to_an_ipv4_address_is_refused_whenever_that_is(inner: IPv4Address) -> None:
    refused = why_not_public(str(inner)) is not None
    for form, address in forms(inner).items():
        expected = refused or form in NO_LONGER_IN_USE
        assert (why_not_public(str(address)) is not None) == expected, form


@given(st.ip_addresses())
def test_any_address_is_public_or_said_by_its_name_not_to_be(
    address: IPv4Address | IPv6Address,
) -> None:
    clause = why_not_public(str(address))
    assert clause is None or clause.startswith(f"{address} ")


@given(st.ip_addresses(v=6), st.text(st.characters(exclude_characters="%/"), min_size=1))
def test_a_scope_changes_nothing(address: IPv6Address, scope: str) -> None:
    assert why_not_public(f"{address}%{scope}") == why_not_public(str(address))


@given(st.text() | st.text("0123456789abcdef.:%/ [x"))
@example("\ud800")
@example("1" * 5000)
@example("::%" + "a" * 5000)
def test_no_text_is_an_error_and_what_is_no_address_is_refused(text: str) -> None:
    clause = why_not_public(text)
    try:
        ip_address(text)
    except ValueError:
        assert clause is not None
