import pytest
from tests.trust.tls_ends import *
from tests.trusted import *
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as EKU
from OpenSSL import SSL
from evenrack.trust.certificates import *
from evenrack.trust.tls import NewcomerTls

uri=x509.UniformResourceIdentifier(RACK_URI+"rack0001"); dns=x509.DNSName(REGION_NAME)
RACKS={
 "expired": lambda: rack_identity(at=expired()),
 "notyet": lambda: rack_identity(at=not_yet()),
 "foreign": lambda: rack_identity(by=authority("x")),
 "self": lambda: handmade(uri, usage=EKU.CLIENT_AUTH),
 "region": region_identity,
 "nousage": lambda: handmade(uri, by=authority()),
 "authority": authority,
}
REGIONS={
 "expired": lambda: region_identity(at=expired()),
 "notyet": lambda: region_identity(at=not_yet()),
 "foreign": lambda: region_identity(by=authority("x")),
 "self": lambda: handmade(dns, usage=EKU.SERVER_AUTH),
 "rack": rack_identity,
 "rackwithname": lambda: handmade(uri, dns, usage=EKU.CLIENT_AUTH, by=authority()),
 "noname": lambda: handmade(usage=EKU.SERVER_AUTH, by=authority()),
 "othername": lambda: handmade(x509.DNSName("region.example.com"), usage=EKU.SERVER_AUTH, by=authority()),
 "nousage": lambda: handmade(dns, by=authority()),
}
@pytest.mark.parametrize("name", RACKS)
async def test_r(name):
    async with listening(region_tls()) as l:
        rack, region = await l.dial(rack_tls(RACKS[name]()))
        rack.transport.write(b"hello")
        if name == "nousage":
            await region.heard_it; print("heard", region.peer); return
        await rack.ended; print("rack ended", rack.why, rack.reason.value); await region.ended
        print("RACK", name, "| region:", region.why, "|", region.reason.value, region.heard, region.shaken.called, "| rack:", rack.why, rack.reason.value, rack.shaken.called)
@pytest.mark.parametrize("name", REGIONS)
async def test_s(name):
    async with listening(region_tls(REGIONS[name]())) as l:
        rack, region = await l.dial(rack_tls())
        rack.transport.write(b"hello")
        if name == "nousage":
            await region.heard_it; print("heard", region.peer); return
        await rack.ended; print("rack ended", rack.why, rack.reason.value); await region.ended
        print("REGION", name, "| region:", region.why, "|", region.reason.value, region.heard, region.shaken.called, "| rack:", rack.why, rack.reason.value, rack.shaken.called)
