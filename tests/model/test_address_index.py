"""BMCs by their addresses, and racks on VLANs: as if each had been compared with each."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.address_index import AddressIndex
from evenrack.model.attachment import attached_to
from evenrack.model.bmc import Bmc
from evenrack.model.bmc_host import HostName
from evenrack.model.identifiers import BmcId, RackId, SubnetId, VlanId
from evenrack.model.network import Subnet, Vlan

ADDRESSES = st.integers(0, 63).map(lambda last: IPv4Address("10.0.0.0") + last)
ELSEWHERE = st.sampled_from([IPv6Address("::a00:1"), HostName("bmc1.example.com")])
LENGTHS = st.sampled_from([0, 26, 27, 28, 29, 30, 31, 32])
NETWORKS = st.builds(
    lambda address, length: IPv4Network((address, length), strict=False), ADDRESSES, LENGTHS
)
INTERFACES = st.builds(lambda address, length: IPv4Interface((address, length)), ADDRESSES, LENGTHS)


def bmcs_at(addresses):
    return {
        BmcId(number): Bmc(
            id=BmcId(number),
            name=f"bmc{number}",
            driver="ipmitool",
            address=address,
            user="u",
            port=port,
        )
        for number, (address, port) in enumerate(addresses)
    }


@given(st.lists(st.tuples(ADDRESSES | ELSEWHERE, st.sampled_from([623, 624]))), st.lists(NETWORKS))
def test_the_bmcs_in_some_networks_and_all_of_unknown_ones_are_found_in_the_order_of_their_ids(
    addresses, networks
):
    bmcs = bmcs_at(addresses)
    found = AddressIndex(bmcs).within(networks)
    assert found == [
        bmc
        for bmc in bmcs.values()
        if not isinstance(bmc.address, IPv4Address)
        or any(bmc.address in network for network in networks)
    ]


@given(
    st.lists(st.lists(NETWORKS, max_size=3), max_size=4),
    st.dictionaries(st.sampled_from("cab").map(RackId), st.lists(INTERFACES).map(tuple)),
)
def test_each_vlan_has_the_racks_with_an_address_in_one_of_its_subnets(networks, interfaces):
    vlans = {
        VlanId(vlan): Vlan(
            id=VlanId(vlan),
            name=f"vlan{vlan}",
            subnets=tuple(
                Subnet(id=SubnetId(10 * vlan + n), cidr=cidr) for n, cidr in enumerate(cidrs)
            ),
        )
        for vlan, cidrs in enumerate(networks)
    }
    found = attached_to(vlans, interfaces, {})
    assert list(found) == list(vlans)
    for vlan, racks in found.items():
        assert list(racks.items()) == [
            (rack, address)
            for rack in sorted(interfaces)
            if (address := vlans[vlan].address_of(interfaces[rack])) is not None
        ]


ONE, TWO, RACK = VlanId(1), VlanId(2), RackId("a")


def addresses_on(placed, *texts, cidrs=None):
    """The address of one rack on each of two VLANs, where it was said of some where they are."""
    networks = cidrs or {ONE: ["10.1.0.0/24", "10.3.0.0/24"], TWO: ["10.2.0.0/24"]}
    vlans = {
        vlan: Vlan(
            id=vlan,
            name=f"vlan{vlan}",
            subnets=tuple(
                Subnet(id=SubnetId(10 * vlan + n), cidr=IPv4Network(cidr))
                for n, cidr in enumerate(of_vlan)
            ),
        )
        for vlan, of_vlan in networks.items()
    }
    interfaces = {RACK: tuple(IPv4Interface(f"{text}/24") for text in texts)}
    said = {IPv4Interface(f"{text}/24"): vlan for text, vlan in placed.items()}
    found = attached_to(vlans, interfaces, {RACK: said})
    return {vlan: str(racks[RACK]) for vlan, racks in found.items() if racks}


def test_of_several_addresses_on_a_vlan_the_one_counts_that_was_said_to_be_there():
    both = ("10.1.0.1", "10.1.0.9")
    assert addresses_on({}, *both) == {ONE: "10.1.0.1"}
    assert addresses_on({"10.1.0.9": ONE}, *both) == {ONE: "10.1.0.9"}
    assert addresses_on({"10.3.0.9": ONE}, "10.1.0.1", "10.3.0.9") == {ONE: "10.3.0.9"}


def test_what_was_said_to_be_elsewhere_or_on_no_vlan_counts_for_no_other():
    assert addresses_on({"10.2.0.1": ONE}, "10.2.0.1") == {}
    assert addresses_on({"10.1.0.1": None}, "10.1.0.1", "10.2.0.1") == {TWO: "10.2.0.1"}
    assert addresses_on({"10.1.0.1": None}, "10.1.0.1", "10.1.0.9") == {ONE: "10.1.0.9"}
