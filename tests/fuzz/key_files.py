"""The key file and the file with a secret, of any content; no sentence shows what is in them."""

import base64
import os
import tempfile
from pathlib import Path

from evenrack.config.key_file import load_keys
from evenrack.config.secret_file import load_secret
from evenrack.errors import ConfigurationRefused
from evenrack.trust.enrolment import enrolment_secret_from_text

KEY = base64.b64encode(b"k" * 32)
SEEDS = (
    b"# keys\na:" + KEY + b"\n",
    b"a:" + KEY + b"\nb:" + KEY + b"\n\n",
    b"abcd1234." + b"A" * 22 + b"." + b"0" * 64 + b"\n",
    b"a:" + KEY + b"\na:aGFs\n",
)
WORDS = [KEY, b"a:", b"#", b"\n", b"="]


def run(data):
    """Keys, a secret, or ConfigurationRefused; ValueError of a text that is no secret."""
    folder = Path(tempfile.mkdtemp(prefix="evenrack-"))
    path = folder / "file"
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
        for load in (load_keys, load_secret):
            try:
                load(path)
            except ConfigurationRefused as refusal:
                _shows_nothing(data, str(refusal))
        try:
            enrolment_secret_from_text(data.decode("utf-8", "replace"))
        except ValueError as refusal:
            _shows_nothing(data, str(refusal))
    finally:
        path.unlink()
        folder.rmdir()


def _shows_nothing(data, told):
    for word in data.decode("utf-8", "replace").split():
        content = word.partition(":")[2]
        if len(content) > len("enrolment create") and content in told:
            raise AssertionError("what is in the file is shown")
