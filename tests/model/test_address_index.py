"""BMCs by their addresses, and racks on VLANs: as if each had been compared with each."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.address_index import AddressIndex
from evenrack.model.attachment import attached_to
from evenrack.model.bmc import Bmc
from evenrack.model.identifiers import BmcId, RackId, SubnetId, VlanId
from evenrack.model.network import Subnet, Vlan

ADDRESSES = st.integers(0, 63).map(lambda last: IPv4Address("10.0.0.0") + last)
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


@given(st.lists(st.tuples(ADDRESSES, st.sampled_from([623, 624]))), st.lists(NETWORKS))
def test_the_bmcs_in_some_networks_are_found_in_the_order_of_their_ids(addresses, networks):
    bmcs = bmcs_at(addresses)
    found = AddressIndex(bmcs).within(networks)
    assert found == [
        bmc for bmc in bmcs.values() if any(bmc.address in network for network in networks)
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
    found = attached_to(vlans, interfaces)
    assert list(found) == list(vlans)
    for vlan, racks in found.items():
        assert list(racks.items()) == [
            (rack, address)
            for rack in sorted(interfaces)
            if (address := vlans[vlan].address_of(interfaces[rack])) is not None
        ]
