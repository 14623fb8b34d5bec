"""A real primary with two streaming standbys, for tests that lose the primary."""

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

from evenrack.postgres.embedded import EmbeddedPostgres
from evenrack.postgres.group import Member, ServerGroup
from evenrack.postgres.server_settings import USUAL_PORT, primary_among
from tests.postgres_fixtures import SETTINGS, ended_with_this_run

NAMES = ("postgres", "postgres2", "postgres3")


@contextmanager
def running_group():
    """The group, each server in a folder of its own, until the end."""
    folder = Path(tempfile.mkdtemp(prefix="evenrack-test-"))
    places = tuple(str(folder / name) for name in NAMES)
    servers = {}
    for name in NAMES:
        member = Member(name=name, others=NAMES, hosts=places, port=USUAL_PORT)
        settings = {**SETTINGS, **member.settings()}
        servers[name] = EmbeddedPostgres(folder / name, settings=settings)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        for server in servers.values():
            stack.enter_context(ended_with_this_run(server))
        group = ServerGroup(servers, NAMES[0])
        group.start_all()
        yield group


def group_dsn(group, database="postgres"):
    """How libpq reaches whichever of them is the primary."""
    return primary_among(
        [str(group[name].directory) for name in NAMES], USUAL_PORT, dbname=database
    )
