"""How those who watch the service ask it: an exit code, one line, and no waiting."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner

from edge_fer.appliance import asking
from edge_fer.appliance.commands import health as module
from edge_fer.appliance.commands.health import health
from edge_fer.appliance.page.settings import PORT
from edge_fer.errors import BadInput, OutletError

OK = {"status": "ok", "reason": "", "frames": 3, "parts": {}}
DEGRADED = {"status": "degraded", "reason": "mqtt: the broker is gone", "frames": 3, "parts": {}}
NO_FRAMES = {"status": "no frames", "reason": "no frame has come yet", "frames": 0, "parts": {}}


@pytest.fixture
def service():
    """A service whose answers a test sets, and the headers that it was asked with."""
    answers = [OK]
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, dict):
                code, content = (503 if answer["status"] == "no frames" else 200), json.dumps(answer).encode()
            else:
                code, content = answer
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    server.answers, server.asked = answers, asked
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield server
    server.shutdown()
    server.server_close()


def run(*arguments):
    return CliRunner().invoke(health, arguments)


@pytest.mark.parametrize(
    ("answer", "options", "code", "line"),
    [
        (OK, (), 0, "ok, 3 frames\n"),
        (DEGRADED, (), 0, "degraded, 3 frames: mqtt: the broker is gone\n"),
        (DEGRADED, ("--strict",), 1, "degraded, 3 frames: mqtt: the broker is gone\n"),
        (NO_FRAMES, (), 1, "no frames, 0 frames: no frame has come yet\n"),
    ],
)
def test_the_exit_code_says_whether_frames_come(service, answer, options, code, line):
    service.answers[:] = [answer]
    result = run("--url", service.url, *options)
    assert (result.exit_code, result.stdout) == (code, line)
    assert json.loads(run("--url", service.url, "--json").stdout) == answer
    assert {path for path, _ in service.asked} == {"/health"}


@pytest.mark.parametrize(
    "answer", [(200, b"hello"), (200, b"[]"), (200, b'{"status": 1}'), (404, b"{}"), (200, b"[" * 10_000), (500, b"")]
)
def test_another_program_at_the_port_is_no_service(service, answer):
    service.answers[:] = [answer]
    result = run("--url", service.url)
    assert result.exit_code == 1
    assert "it answers something else" in result.stdout
    assert result.stdout.count("\n") == 1


def test_nobody_at_the_port_is_told_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = run("--url", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert result.exit_code == 1
    assert "Connection refused" in result.stdout


def test_one_that_accepts_and_stays_silent_has_the_time_that_is_given():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = run("--url", f"http://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "0.1")
    assert result.exit_code == 1
    assert "timed out" in result.stdout


def test_waiting_ends_once_frames_come(service, monkeypatch):
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    service.answers[:] = [(200, b"starting"), NO_FRAMES, OK]
    assert run("--url", service.url, "--wait", "60").exit_code == 0
    assert len(service.asked) == 3


def test_the_settings_say_where_to_ask_and_with_which_token(service, tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    secret = tmp_path / "token"
    secret.write_text("a-token-of-nobody\n")
    config = tmp_path / "config.toml"
    port = service.server_address[1]
    config.write_text(f'[page]\nbind = "0.0.0.0"\nport = {port}\ntoken = "@{secret}"\nunknown = 1\n')
    assert run("--config", str(config)).exit_code == 0
    assert service.asked[0][1]["Authorization"] == "Bearer a-token-of-nobody"
    # Who may not read the token is told so, where the service wants it.
    secret.unlink()
    service.answers[:] = [(401, b"{}")]
    assert "asks for a token" in run("--config", str(config)).stdout


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://127.0.0.1:8737"),
        ("[page]\nport = 9000", "http://127.0.0.1:9000"),
        ('[page]\nbind = "::"', "http://[::1]:8737"),
        ('[page]\nbind = "192.168.1.7"', "http://192.168.1.7:8737"),
        ('[page]\nbind = "0.0.0.0"\ncertificate = "/etc/c.pem"', "https://127.0.0.1:8737"),
    ],
)
def test_what_listens_everywhere_is_asked_on_this_device(tmp_path, text, url):
    (tmp_path / "config.toml").write_text(text)
    assert asking.Where.of_settings(tmp_path / "config.toml").url == url


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("page = 5", "does not say where to ask"),
        ("[page", "does not say where to ask"),
        ('[page]\nbind = "hall"', "does not say where to ask"),
        ('[page]\nport = "x"', "does not say where to ask"),
        ("[page]\nport = 0", "pass --url"),
        ("[page]\nenabled = false", "switches the page off"),
        ("a = " + "[" * 10_000, "does not say where to ask"),
    ],
)
def test_settings_that_do_not_say_where_are_one_line(tmp_path, text, match):
    (tmp_path / "config.toml").write_text(text)
    result = run("--config", str(tmp_path / "config.toml"))
    assert isinstance(result.exception, BadInput)
    assert match in str(result.exception)
    assert "\n" not in str(result.exception)
    assert isinstance(run("--url", "ftp://x").exception, BadInput)


def test_a_certificate_of_its_own_is_trusted_and_no_other(tmp_path):
    if not _has_openssl():
        pytest.skip("there is no openssl: apt install openssl")
    ours, other = _certificate(tmp_path, "ours"), _certificate(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = json.dumps(OK).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *arguments: None
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"https://127.0.0.1:{server.server_address[1]}"
    try:
        assert asking.ask(url, 5.0, str(ours[0])) == OK
        with pytest.raises(OutletError, match="CERTIFICATE_VERIFY_FAILED"):
            asking.ask(url, 5.0, str(other[0]))
        with pytest.raises(BadInput, match="No such file"):
            asking.ask(url, 5.0, str(tmp_path / "none.pem"))
    finally:
        server.shutdown()
        server.server_close()


def _has_openssl():
    return shutil.which("openssl") is not None


def _certificate(folder, name):
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [*make, "-subj", f"/CN={name}", "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    return certificate, key


def test_it_imports_nothing_heavy_and_knows_the_usual_port():
    assert asking.DEFAULT_PORT == PORT
    code = (
        "import sys, edge_fer.appliance.commands.health; "
        "sys.exit(bool({'pydantic', 'numpy', 'cv2', 'starlette'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@contextlib.contextmanager
def saying(*parts, every_s=0.0):
    """A server of another kind: it sends *parts* one after the other, the last one for ever, or closes with None."""
    ended = threading.Event()

    def serve(listening):
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            for part in itertools.chain(parts, itertools.repeat(parts[-1])):
                if part is None or ended.wait(every_s):
                    return
                connection.sendall(part)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        ended.set()


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "),
        (b"HTTP/1.1 503 X\r\nContent-Length: 1000000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\n", b"X"),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
    ],
    ids=["body", "body of a refusal", "head", "interim answers"],
)
def test_an_answer_that_never_ends_has_no_more_than_the_time(parts):
    with saying(*parts, every_s=0.05) as url, pytest.raises(OutletError, match="timed out"):
        asking.ask(url, 0.3)


@pytest.mark.parametrize("refusal", [b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"Content-Length: zz\r\n\r\n"])
def test_a_refusal_that_is_cut_off_is_no_answer(refusal):
    with saying(b"HTTP/1.1 503 X\r\n" + refusal, None) as url:
        result = run("--url", url)
    assert (result.exit_code, result.stdout.count("\n")) == (1, 1)
    assert result.stdout.startswith("no answer: ")


@pytest.mark.parametrize(
    "line",
    ["token = 5", "certificate = 5", 'certificate = ["x"]', r'certificate = "\u0000"', "port = 1e400"],
)
def test_settings_of_the_wrong_kind_do_not_say_where_to_ask(tmp_path, line):
    config = tmp_path / "config.toml"
    config.write_text(f"[page]\n{line}\n")
    with pytest.raises(BadInput, match="does not say where to ask"):
        asking.Where.of_settings(config)


def test_a_pipe_in_the_place_of_the_settings_is_not_waited_for(tmp_path):
    pipe = tmp_path / "config.toml"
    os.mkfifo(pipe)
    with pytest.raises(BadInput, match="no file"):
        asking.Where.of_settings(pipe)
