"""Mistakes in whom a region process believes and what it keeps secret, for `region_mistakes`.

Each is a function that spoils the program before it begins. The product has no such switch.
"""

import sys

from OpenSSL import SSL
from twisted.internet.defer import Deferred

from evenrack.region.http import enrolment_pages, gate
from evenrack.region.links import presence, rack_session
from evenrack.region.links.link_guard import LinkGuard
from evenrack.region.links.rack_session import RackSession
from evenrack.region.power import power_orders
from evenrack.region.power.power_orders import PowerOrders
from evenrack.region.sealing import Sealer
from evenrack.region.trust.certificate_desk import CertificateDesk
from evenrack.region.trust.key_ring import KeyWatch
from evenrack.trust.enrolment import Channel
from evenrack.trust.tls import RegionTls
from evenrack.wire.session import LinkEnd

MEBIBYTE = 2**20


def strangers_are_heard():
    """Answer every command, whoever sends it."""
    is_turn_of = RackSession._is_turn_of

    def always(session, name):
        is_turn_of(session, name)
        return True

    RackSession._is_turn_of = always


def strangers_cost_much():
    """Keep a mebibyte for each connection that ever came."""
    made, kept = RackSession.connectionMade, []

    def made_dear(session):
        kept.append(b"x" * MEBIBYTE)
        made(session)

    RackSession.connectionMade = made_dear


def lost_links_are_anybody_s():
    """Believe whoever says that a link is gone."""

    def believe(connection, said):
        links = [link for _, link in said]
        connection.exec_driver_sql(
            "UPDATE connection SET rack_holds = false WHERE link = ANY(%s)", (links,)
        )

    presence.record_lost_links = believe


def orders_are_anybody_s():
    """Let every rack record how far an order is."""
    record = power_orders.record_phase
    whose = "SELECT rack_id FROM power_order WHERE id = %s"

    def record_for(connection, _rack, order, attempt, step):
        rack = connection.exec_driver_sql(whose, (order,)).scalar_one_or_none()
        return record(connection, rack, order, attempt, step)

    power_orders.record_phase = record_for


def connections_wait_for_their_peers():
    """End no connection before the other end agrees to it."""
    LinkEnd.close = lambda link: link.transport.loseConnection()
    RackSession._check_greeting = LinkEnd.close


def revoked_links_stay():
    """Ask new links only whether their certificate was revoked."""

    def follow(guard, revocations):
        guard.revocations = revocations

    LinkGuard.follow = follow


def links_end_with_their_authority():
    """Begin every link anew when other certificates are used."""
    use = CertificateDesk._use

    def use_and_cut(desk):
        use(desk)
        for link in desk._connected.all_links():
            link.cut("there are other certificates now")

    CertificateDesk._use = use_and_cut


def passwords_go_to_the_database():
    """Send the password of a BMC to PostgreSQL as it is."""
    order_for = PowerOrders._order_for

    def order_and_tell(orders, *about):
        order = order_for(orders, *about)

        async def tell():
            await orders._database.run(
                lambda c: c.exec_driver_sql("SELECT %s", (order.access.password,))
            )

        Deferred.fromCoroutine(tell())
        return order

    PowerOrders._order_for = order_and_tell


def tokens_are_logged():
    """Write each token that is shown into the log."""
    token_from = gate.token_from

    def told(header):
        sys.stderr.write(f"{header}\n")
        return token_from(header)

    gate.token_from = told


def secrets_are_kept_as_they_are():
    """Leave what is to be encrypted in the database, as digits."""
    keep_secret, seal, sealed = enrolment_pages.keep_secret, Sealer.seal, []

    def noting(sealer, secret, cell):
        sealed.append(secret.reveal().hex())
        return seal(sealer, secret, cell)

    def keep_both(connection, number, blob):
        keep_secret(connection, number, blob)
        row = "INSERT INTO event (kind, object, text, data, era, generation) VALUES {}"
        connection.exec_driver_sql(row.format("('test', '', %s, '{}', 0, 0)"), (sealed.pop(),))

    Sealer.seal = noting
    enrolment_pages.keep_secret = keep_both


def all_versions_are_taken():
    """Speak with racks of any version."""
    rack_session.OLDEST_RACK_PROTOCOL = 0


def proofs_are_good_for_ever():
    """Take a proof that was good once on every connection."""
    proves, known = Channel.proves, set()

    def proves_or_did(channel, given, secret, side, *said):
        if proves(channel, given, secret, side, *said):
            known.add(given)
        return given in known

    Channel.proves = proves_or_did


def certificates_are_good_for_ever():
    """Let every certificate in, whatever is wrong with it."""
    made = RegionTls.serverConnectionForTLS

    def content(tls, protocol):
        connection = made(tls, protocol)
        connection.set_verify(SSL.VERIFY_PEER, lambda *_about: True)
        return connection

    RegionTls.serverConnectionForTLS = content


def new_keys_are_not_seen():
    """Never read the key file again."""
    KeyWatch._look = _nothing


async def _nothing(_service):
    pass
