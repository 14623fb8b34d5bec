"""VLANs with subnets, ranges and reservations, in few words."""

from ipaddress import IPv4Address, IPv4Network

from evenrack.model.network import Range, Reservation, Subnet, Vlan

MAC = "52:54:00:12:34:56"


def ip(text):
    return IPv4Address(text)


def vlan(number=1, **more):
    return Vlan(id=number, **{"name": f"vlan{number}", "vid": number, **more})


def subnet(number=1, cidr="10.0.0.0/24", **more):
    return Subnet(id=number, cidr=IPv4Network(cidr), **more)


def between(first, last, number=1, **more):
    return Range(id=number, first=ip(first), last=ip(last), **more)


def kept(address, mac=MAC, number=1, **more):
    return Reservation(id=number, mac=mac, address=ip(address), **more)


def on_vlan(*subnets, **more):
    return [vlan(subnets=subnets, **more)]


def with_ranges(*ranges, **more):
    return on_vlan(subnet(ranges=ranges, **more))
