"""Ask the dhcpd of the network in which this runs, by OMAPI, and print the answers.

A program: its argument is `{"port", "key", "requests": [["states" or "partners", [NAME..]] |
["set", NAME, STATE] | ["mclt", NAME] | ["until", "states" or "partners", NAME, STATE]..]}`, with
`algorithm` and `seconds` where they are not the usual ones. `until` asks until it is so: each start
of this program takes longer than many questions. It prints `{"answers": [..], "logged": TEXT}`; the
answer of a request that fails is `{"error", "words"}`.
"""

import io
import json
import logging
import sys

from twisted.internet import reactor
from twisted.internet.task import deferLater, react

from evenrack.errors import EvenrackError
from evenrack.rack.dhcp.omapi import Omapi
from evenrack.rack.dhcp.omapi_access import OmapiAccess

LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 30.0
"""For an answer of a dhcpd that runs: a rack gives it 2 s and asks again; here it is asked once."""


async def main(_reactor, text):
    logged = io.StringIO()
    logging.basicConfig(level=logging.DEBUG, stream=logged)
    form = json.loads(text)
    access = OmapiAccess(port=form.pop("port"), key=form.pop("key"))
    requests = form.pop("requests")
    omapi = Omapi(access, reactor, **form)
    answers = [await answer(omapi, *request) for request in requests]
    sys.stdout.write(json.dumps({"answers": answers, "logged": logged.getvalue()}))


async def answer(omapi, kind, *what):
    if kind == "until":
        return await until(omapi, *what)
    ask = {
        "states": omapi.failover_states,
        "partners": omapi.partner_states,
        "set": omapi.set_failover_state,
        "mclt": omapi.mclt_seconds,
    }[kind]
    try:
        return await ask(*what)
    except (EvenrackError, ValueError) as problem:
        return {"error": type(problem).__name__, "words": str(problem)}


async def until(omapi, kind, name, state):
    while True:
        found = await answer(omapi, kind, [name])
        if found.get(name) == state:
            return found
        await deferLater(reactor, LOOK_SECONDS)


if __name__ == "__main__":
    react(main, sys.argv[1:])
