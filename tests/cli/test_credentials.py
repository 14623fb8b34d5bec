"""Where the command line finds its token and whom to believe, and what it refuses."""

import os
import socket
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from attrs import evolve

from evenrack.cli.credentials import CredentialSources, CredentialsRefused
from evenrack.cli.main import run
from evenrack.trust.certificates import certificate_pem
from tests.trusted import authority

TOKEN = "evr_" + "x" * 43


@pytest.fixture
def token_file(tmp_path):
    return written(tmp_path / "my.token", f"{TOKEN}\n")


def written(path, text, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def sources(**given):
    given.setdefault("host_authority", Path("/nowhere"))
    return CredentialSources(**given)


def test_a_token_is_read_from_the_named_file(token_file):
    assert sources(token_file=token_file).load().token.reveal() == TOKEN.encode()


def test_a_token_is_read_from_a_descriptor_and_only_once(token_file):
    reading, writing = os.pipe()
    os.write(writing, TOKEN.encode())
    os.close(writing)
    try:
        from_pipe = sources(token_fd=reading)
        assert from_pipe.load().token == sources(token_file=token_file).load().token
        assert from_pipe.load() is from_pipe.load()
    finally:
        os.close(reading)


def test_without_an_option_the_user_s_own_file_is_read_if_it_is_there(tmp_path):
    assert sources(home=tmp_path).load().token is None
    written(tmp_path / ".config/evenrack/token", TOKEN)
    loaded = sources(home=tmp_path).load()
    assert loaded.token.reveal() == TOKEN.encode()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o644])
def test_a_file_that_others_can_use_is_refused(tmp_path, mode):
    path = written(tmp_path / "my.token", TOKEN, mode)
    with pytest.raises(CredentialsRefused, match=f"run `chmod 600 {path}`") as refused:
        sources(token_file=path).load()
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("text", ["", "\n", "two words", "evr_ö", "a\tb", "x" * 5000])
def test_what_is_no_token_is_refused_without_showing_it(tmp_path, text):
    path = written(tmp_path / "my.token", text)
    with pytest.raises(CredentialsRefused, match=str(path)) as refused:
        sources(token_file=path).load()
    assert not text.strip() or text not in str(refused.value)


def test_a_file_that_is_missing_and_a_descriptor_that_is_closed_are_told(tmp_path):
    with pytest.raises(CredentialsRefused, match="there is no such file"):
        sources(token_file=tmp_path / "none").load()
    with pytest.raises(CredentialsRefused, match="descriptor 987: no token"):
        sources(token_fd=987).load()


def test_the_authority_is_the_named_one_the_user_s_or_the_host_s(tmp_path):
    pem = certificate_pem(authority().certificate).decode()
    none = tmp_path / "none"
    assert sources(home=tmp_path).load().authority is None
    on_host = written(tmp_path / "host.pem", pem, 0o644)
    assert sources(home=tmp_path, host_authority=on_host).load().authority is not None
    written(tmp_path / ".config/evenrack/authority.pem", "no certificate")
    with pytest.raises(CredentialsRefused, match=r"\.config/evenrack/authority\.pem: holds no"):
        sources(home=tmp_path, host_authority=on_host).load()
    assert sources(home=tmp_path, authority=on_host).load().authority is not None
    with pytest.raises(CredentialsRefused, match="there is no such file"):
        sources(authority=none).load()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--token", TOKEN, "status"],
        [f"--token={TOKEN}", "status"],
        ["token", "list", "--token", TOKEN],
        ["token", "list", f"--token={TOKEN}"],
        ["token", "--token", TOKEN, "list"],
        ["lab", "status", "--token", TOKEN],
    ],
    ids=["before", "before, with =", "behind", "behind, with =", "in the middle", "of the lab"],
)
def test_a_token_in_the_arguments_is_refused_with_the_reason_and_without_an_echo(call, arguments):
    code, printed, complaint = call(*arguments)
    assert (code, printed) == (2, "")
    for word in ("every user of this machine can read it", "--token-file FILE", "history"):
        assert word in " ".join(complaint.split())
    assert TOKEN not in complaint


def test_a_token_in_the_environment_is_not_taken(surroundings, tmp_path, capsys):
    named = dict.fromkeys(("EVENRACK_TOKEN", "TOKEN", "EVENRACK_TOKEN_FILE"), TOKEN)
    there = evolve(surroundings, environment={**surroundings.environment, **named})
    with small_region() as (port, headers):
        run(["--region", f"http://127.0.0.1:{port}", "problems"], there)
        run(["--region", f"http://127.0.0.1:{port}", "--token-file", "x", "problems"], there)
    assert "Authorization" not in b"".join(headers).decode()
    assert TOKEN not in "".join(capsys.readouterr())


def test_both_ways_at_once_are_wrong_usage(call, token_file):
    code, _, complaint = call("--token-file", str(token_file), "--token-fd", "0", "status")
    assert code == 2
    assert "give one of the two" in complaint


def test_the_token_goes_with_each_request_to_a_region_on_this_host(call, token_file):
    with small_region() as (port, headers):
        url = f"http://127.0.0.1:{port}"
        assert call("--region", url, "--token-file", str(token_file), "problems")[0] == 0
    assert f"Authorization: Bearer {TOKEN}\r\n".encode() in b"".join(headers)


def test_a_wrong_token_file_is_no_hindrance_on_the_socket(call, tmp_path):
    written(tmp_path / ".config/evenrack/token", TOKEN, 0o644)
    code, _, complaint = call("--socket", "/nowhere.sock", "problems")
    assert code == 5
    code, _, complaint = call("--region", "http://127.0.0.1:1", "problems")
    assert code == 1
    assert complaint.startswith("evenrack: CredentialsRefused: token file ")
    assert len(complaint.splitlines()) == 1


def test_https_without_an_authority_says_what_to_give(call):
    code, _, complaint = call("--region", "https://127.0.0.1:1", "problems")
    assert code == 1
    assert "NotSafe: https://127.0.0.1:1: whom to believe is not known" in complaint


@contextmanager
def small_region():
    """Somebody on this host who says that there are no problems; and the bytes that it was sent."""
    headers = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            while True:
                try:
                    one, _ = server.accept()
                except OSError:
                    return
                with closing(one):
                    headers.append(one.recv(10_000))
                    one.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        b"Content-Length: 2\r\n\r\n[]"
                    )

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield server.getsockname()[1], headers
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
