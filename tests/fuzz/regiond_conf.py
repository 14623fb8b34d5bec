"""`regiond.conf` of any content."""

from evenrack.config.region_config import load_region_config
from tests.fuzz.configuration import read, seeds, words

WORDS = words("regiond.conf")
SEEDS = seeds(
    "regiond.conf",
    b"database: 'x'\nrpc: {listen: '::1', advertise: ['a.b']}\nhttp: {listen: '[::1]:1'}\n",
    b"database: x\nbalance: {managing: {theta: .1, gap: 2}, quiet: 1e0}\n",
)


def run(data):
    """Settings, or ConfigurationRefused."""
    read(lambda path: load_region_config(path, hostname=lambda: "region1"), data)
