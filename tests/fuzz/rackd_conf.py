"""`rackd.conf` of any content."""

from evenrack.config.rack_config import load_rack_config
from tests.fuzz.configuration import read, seeds, words

WORDS = words("rackd.conf")
SEEDS = seeds(
    "rackd.conf",
    b"regions: [a:1, '[::1]:2']\nliveness: {ping_seconds: 1, silence_seconds: 3}\n",
    b"regions: &a [*a]\n<<: {rack_name: x}\n",
)


def run(data):
    """Settings, or ConfigurationRefused."""
    read(lambda path: load_rack_config(path, hostname=lambda: "rack1"), data)
