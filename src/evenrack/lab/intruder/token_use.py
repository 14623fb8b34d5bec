"""Whoever has a token, and asks a region host with it over the network."""

import http.client
import ssl
from pathlib import Path

from evenrack.lab.intruder.strangers import ANSWER_SECONDS

_ASKED = "/api/v1/vlans"


def ask_with_token(token_file: Path, host: str, port: int) -> dict[str, object]:
    """Ask something that needs a token; give the answer's status."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, port, timeout=ANSWER_SECONDS, context=context)
    token = token_file.read_text(encoding="ascii").strip()
    try:
        connection.request("GET", _ASKED, headers={"Authorization": f"Bearer {token}"})
        return {"status": connection.getresponse().status}
    finally:
        connection.close()
