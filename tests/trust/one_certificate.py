"""Keys, one moment, and the certificate of a rack that was issued for them."""

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from evenrack.trust.certificates import issue_for_rack, new_key
from tests.trusted import RACK, authority

NOW = datetime(2030, 5, 17, 12, 0, tzinfo=UTC)
KEY = new_key()
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

LEAF = issue_for_rack(authority(), KEY.public_key(), RACK, NOW)
