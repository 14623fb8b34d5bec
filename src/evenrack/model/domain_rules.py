"""Which domains clients can be told of."""

import re
from collections.abc import Iterator

from evenrack.model.findings import Finding, found, place_of, shown
from evenrack.model.network import Subnet
from evenrack.model.network6 import Subnet6

DOMAIN_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
MOST_DOMAIN_CHARACTERS = 253
MOST_OPTION_BYTES = 255
"""What one DHCP option holds (RFC 2132 section 2)."""
MOST_SEARCH_DOMAINS = 63


def about_search_domains(subnet: Subnet | Subnet6) -> Iterator[Finding]:
    """Find what is wrong with the domains in which the clients of a subnet look names up."""
    place = place_of("subnet", subnet, "search_domains")
    for domain in subnet.search_domains:
        if domain == "" or not is_domain(domain):
            yield found(
                f"subnet {subnet.cidr}: {shown(domain)} in search_domains is not a domain such as "
                "example.com; correct or remove it",
                place,
            )
    if sum(len(domain) + 2 for domain in subnet.search_domains) > MOST_OPTION_BYTES:
        yield found(
            f"subnet {subnet.cidr}: its search_domains have more than the {MOST_OPTION_BYTES} "
            "bytes that clients can be told; remove some",
            place,
        )


def is_domain(text: str) -> bool:
    """Tell whether a text is a domain, or empty for none."""
    return text == "" or (
        len(text) <= MOST_DOMAIN_CHARACTERS
        and all(DOMAIN_LABEL.fullmatch(label) for label in text.split("."))
    )
