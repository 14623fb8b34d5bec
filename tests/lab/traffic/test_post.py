"""What a program of clients is started with is what it reads."""

from pathlib import Path

import pytest

from evenrack.lab.traffic.newcomers import Pace
from evenrack.lab.traffic.post import Post, read_post


@pytest.mark.parametrize(
    "pace",
    [
        Pace(per_second=0.3),
        Pace(per_second=200.0, most=800, hold_seconds=None, first=9_000_000),
        Pace(per_second=1.0, most=1, says_seconds=False, covet=True),
    ],
    ids=["a few", "a crowd", "without secs, covetous"],
)
def test_a_post_is_read_from_its_words(pace):
    post = Post(
        interface="vlan2",
        client=3,
        out=Path("/lab/client3/dhcp.jsonl"),
        ledger=Path("/lab/client3/ledger.jsonl"),
        newcomers=pace,
    )
    assert read_post("program", None, post.words()) == post
