"""New leases are gathered until they are told, the first few by name."""

from ipaddress import IPv4Address

from evenrack.model.identifiers import VlanId
from evenrack.model.json_form import to_json
from evenrack.model.new_leases import MOST_NAMED, MOST_VLANS, LeaseNews, lease_news_from_json
from evenrack.rack.dhcp.news_bag import NewsBag

ONE = VlanId(1)
ENTRY = b"""lease 10.1.0.%d {
  starts 4 2026/11/26 10:11:12;
  cltt 4 2026/11/26 10:11:12;
  binding state active;
  hardware ethernet 52:54:00:12:34:56;
  set vendor-class-identifier = "d-i";
  client-hostname "node";
}
"""


def test_who_has_it_is_told_by_name():
    bag = NewsBag()
    assert not bag
    assert bag.news() == LeaseNews()
    bag.add(ONE, ENTRY % 5)
    assert bag
    (each,) = bag.news().vlans
    (lease,) = each.leases
    assert (each.vlan, each.more, lease.address) == (ONE, 0, IPv4Address("10.1.0.5"))
    assert (lease.mac, lease.hostname, lease.vendor_class) == ("52:54:00:12:34:56", "node", "d-i")


def test_a_storm_of_clients_is_counted_and_a_few_are_named():
    bag = NewsBag()
    for _ in range(4):
        for last in range(250):
            bag.add(ONE, ENTRY % last)
    (each,) = bag.news().vlans
    assert (len(each.leases), each.more) == (MOST_NAMED, 1000 - MOST_NAMED)


def test_of_many_vlans_some_are_named_and_the_rest_is_counted():
    bag = NewsBag()
    for number in range(1, MOST_VLANS + 4):
        for last in range(MOST_NAMED + 1):
            bag.add(VlanId(number), ENTRY % last)
    news = bag.news()
    assert [each.vlan for each in news.vlans] == list(range(1, MOST_VLANS + 1))
    assert news.elsewhere == 3 * (MOST_NAMED + 1)
    assert lease_news_from_json(to_json(news)) == news


def test_what_cannot_be_read_is_counted():
    bag = NewsBag()
    bag.add(ONE, b"lease 10.1.0.5 {\n")
    (each,) = bag.news().vlans
    assert (each.leases, each.more) == ((), 1)
