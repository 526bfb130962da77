# ruff: noqa: E501  (tables)

from __future__ import annotations

import gzip
import importlib.resources
import json
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from edge_fer.appliance.latest import Latest, Moment
from edge_fer.appliance.page import Page, PageSettings
from edge_fer.appliance.page.access import SESSION_S, Guesses, Token
from edge_fer.appliance.page.documents import Documents, preferred
from edge_fer.appliance.page.settings import Drive
from edge_fer.appliance.page.viewers import as_message
from edge_fer.driving.alerts import Level
from edge_fer.driving.observation import Hindrance
from edge_fer.driving.shown import CLOSED, HEAD, Word
from edge_fer.driving.words import NOTICE, SENTENCES
from edge_fer.errors import BadInput, OutletError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.appliance.page.conftest import Running

TOKEN = "a-token-for-tests-only"  # noqa: S105 (it opens nothing)
OPEN_TO_ALL = ["/health", "/first", "/last", "/api/status", "/api/events", "/metrics", "/"]


def viewer(running: Running, **headers: str) -> Any:
    return connect(f"ws://{running.host}/ws", origin=running.origin, additional_headers=headers)


def received(socket_: Any, kind: str, within_s: float = 10) -> dict[str, Any]:
    deadline_s = time.monotonic() + within_s
    while True:
        message = socket_.recv(max(0.0, deadline_s - time.monotonic()))
        if isinstance(message, str) and json.loads(message)["type"] == kind:
            return json.loads(message)


def test_health_says_whether_frames_come(launched: Callable[..., Running]) -> None:
    page = launched()
    assert page.ask("/health").status == 503
    page.show()
    time.sleep(0.6)  # the status is asked twice a second at most
    answer = page.ask("/health")
    assert answer.status == 200
    assert answer.json()["status"] == "ok"
    page.status.fails("mqtt", "the broker is away")
    time.sleep(0.6)
    answer = page.ask("/health")
    assert answer.status == 200
    assert answer.json()["reason"] == "mqtt: the broker is away"


def test_first_and_last_are_records(launched: Callable[..., Running]) -> None:
    page = launched()
    assert page.ask("/first").json() is None
    assert page.ask("/last").json() is None
    page.show(index=1)
    page.show(index=2)
    assert page.ask("/first").json()["index"] == 1
    assert page.ask("/last").json()["index"] == 2


def test_events_are_the_newest_or_those_after_one(open_page: Running) -> None:
    newest = open_page.ask("/api/events?limit=3").json()
    assert [event["id"] for event in newest["events"]] == [1998, 1999, 2000]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", newest["now"])
    after = open_page.ask("/api/events?after=5&limit=2").json()
    assert [event["id"] for event in after["events"]] == [6, 7]
    assert len(open_page.ask("/api/events?limit=99999").json()["events"]) == 1000


def test_metrics_are_prometheus_text(open_page: Running) -> None:
    answer = open_page.ask("/metrics")
    assert answer.body == b"edge_fer_frames_total 1\n"
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize("path", [*OPEN_TO_ALL, "/nothing", "/static/x/y.js"])
def test_every_answer_is_locked_down(open_page: Running, path: str) -> None:
    headers = open_page.ask(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


def test_head_has_no_body(open_page: Running) -> None:
    answer = open_page.ask("/health", method="HEAD")
    assert answer.status == 200
    assert answer.body == b""


def test_the_page_and_all_that_it_needs(open_page: Running) -> None:
    page = open_page.ask("/").body.decode()
    paths = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(paths) >= 9
    for path in paths:
        answer = open_page.ask(path)
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]
    addresses = re.findall(r'(?:href|src|action)="([^"]+)"', page)
    assert all(address.startswith("/") and not address.startswith("//") for address in addresses)
    assert not re.search(r"<script(?![^>]*(src|application/json))|style=|\son[a-z]+=|javascript:", page)


def test_the_page_weighs_little(open_page: Running) -> None:
    page = open_page.exchange(
        f"GET / HTTP/1.1\r\nHost: {open_page.host}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode()
    )
    total = len(page)
    html = gzip.decompress(page.partition(b"\r\n\r\n")[2]).decode()
    for path in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', html)):
        request = f"GET {path} HTTP/1.1\r\nHost: {open_page.host}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        total += len(open_page.exchange(request.encode()))
    assert total <= 100_000


@pytest.mark.parametrize(("page", "first"), [("index.html", "app.js"), ("drive.html", "drive.js")])
def test_every_module_is_asked_for_at_once(page: str, first: str) -> None:
    folder = importlib.resources.files("edge_fer.appliance.page").joinpath("static")
    needed = set()
    found = {first}
    while found:
        module = found.pop()
        needed.add(module)
        found |= set(re.findall(r'from "\./(\w+\.js)"', folder.joinpath(module).read_text())) - needed
    assert set(re.findall(r"/(\w+\.js)", folder.joinpath(page).read_text())) == needed


def test_the_catalogue_is_whole() -> None:
    folder = importlib.resources.files("edge_fer.appliance.page").joinpath("static")
    words = json.loads(folder.joinpath("words.json").read_text())
    sources = "".join(path.read_text() for path in folder.iterdir() if path.name.endswith((".js", ".html")))
    for name, texts in words.items():
        assert set(texts) == {"en", "de"}, name
        assert set(re.findall(r"{\w+}", texts["en"])) == set(re.findall(r"{\w+}", texts["de"])), name
    named = set(re.findall(r'word\("(\w+)"', sources)) | {
        name for name in re.findall(r"\$(\w+)", sources) if name not in NO_WORDS
    }
    assert named <= set(words)


def test_alerts_are_worded_in_one_place() -> None:
    folder = importlib.resources.files("edge_fer.appliance.page").joinpath("static")
    words = json.loads(folder.joinpath("words.json").read_text())
    for kind, sentence in SENTENCES.items():
        assert words[f"drive_alert_{kind.value.replace(' ', '_')}"]["en"] == sentence
    for level in Level:
        assert f"drive_level_{level.name.lower()}" in words
    for word in Word:
        assert f"drive_{word.value.replace(' ', '_')}" in words
    for why in (*(hindrance.value for hindrance in Hindrance), HEAD, CLOSED):
        assert f"drive_why_{why}" in words
    assert words["drive_no_device"]["en"] == NOTICE


def test_the_driver_has_a_page_of_its_own(launched: Callable[..., Running]) -> None:
    plain = launched()
    assert "drive_" not in plain.ask("/").body.decode()
    for level, eyes, said in (
        (1, False, "knows nothing of eyes"),
        (2, False, "where the head points; knows nothing of eyes"),
        (2, True, "how far the eyes are open"),
    ):
        running = launched(drive=Drive(level=level, eyes=eyes))
        page = running.ask("/").body.decode()
        assert f"Level {level}: " in page
        assert said in page
        assert "No type-approved safety device" in page
        assert running.page.version != plain.page.version
    message = as_message(Moment({}, (640, 480), 0.0, driver={"shows": "attentive"}), 0.1, with_picture=False)
    assert message["driver"] == {"shows": "attentive"}
    assert "driver" not in as_message(Moment({}, (640, 480), 0.0), 0.1, with_picture=False)


NO_WORDS = {"language", "title", "version", "facts", "notice_text", "other_language", "fault", "level_text"}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("de", "de"), ("de-AT,en;q=0.5", "de"), ("en;q=0.4,de;q=0.9", "de"), ("fr,es", "en"), ("", "en"),
     ("fr;q=1,de;q=0.1", "de"), ("de;q=x", "en"), ("*", "en"), ("de;q=0", "en"), (";;;,,,=", "en")],
)  # fmt: skip
def test_the_browser_chooses_the_language(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


def test_languages(open_page: Running, launched: Callable[..., Running]) -> None:
    assert b"Niemand im Bild" in open_page.ask("/", Accept_Language="de").body
    assert b"Niemand im Bild" in open_page.ask("/?language=de").body
    assert b"Nobody in view" in open_page.ask("/?language=klingon").body
    german = launched(language="de", notice="Hier <b>läuft</b> & sieht etwas", title='"><script>')
    text = german.ask("/", Accept_Language="en").body.decode()
    assert '<html lang="de">' in text
    assert "Hier &lt;b&gt;läuft&lt;/b&gt; &amp; sieht etwas" in text
    assert text.count("<script") == 2
    assert '"&gt;&lt;script' in text or "&quot;&gt;&lt;script&gt;" in text


def test_the_notice_names_whom_to_ask() -> None:
    page = Documents(PageSettings(contact="Café Süd, 030 123")).page("en").decode()
    assert (
        "Facial expressions are analysed automatically here. No picture is kept. Questions: Café Süd, 030 123." in page
    )


def test_a_setting_changes_the_version() -> None:
    assert Documents(PageSettings()).version == Documents(PageSettings()).version
    assert Documents(PageSettings()).version != Documents(PageSettings(title="x")).version


def test_the_token_opens_everything(shut_page: Running) -> None:
    for path in OPEN_TO_ALL:
        assert shut_page.ask(path, Authorization=f"Bearer {TOKEN}").status == 200
    with viewer(shut_page, Authorization=f"Bearer {TOKEN}") as socket_:
        assert received(socket_, "hello")["version"] == shut_page.page.version


def test_health_needs_no_token_on_this_device(shut_page: Running) -> None:
    assert shut_page.ask("/health").status == 200


def test_signing_in(shut_page: Running) -> None:
    form = shut_page.ask("/")
    assert form.status == 401
    assert b'action="/login"' in form.body
    wrong = shut_page.ask("/login", method="POST", body=b"token=no", Origin=shut_page.origin)
    assert wrong.status == 401
    assert b"This token is not right." in wrong.body
    assert "set-cookie" not in wrong.headers
    right = shut_page.ask("/login", method="POST", body=f"token={TOKEN}".encode(), Origin=shut_page.origin)
    assert right.status == 303
    assert right.headers["location"] == "/"
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    session = cookie.partition(";")[0]
    assert b'id="marks"' in shut_page.ask("/", Cookie=session).body
    assert shut_page.ask("/last", Cookie=session).status == 200
    with viewer(shut_page, Cookie=session) as socket_:
        received(socket_, "hello")


def test_another_site_cannot_sign_in(shut_page: Running) -> None:
    body = f"token={TOKEN}".encode()
    assert shut_page.ask("/login", method="POST", body=body, Origin="http://evil.example").status == 403


@pytest.mark.parametrize("form", [b"", b"token", b"token=a&token=b", b"a=1&b=2&c=3&d=4&e=5", b"\xff", b"other=1"])
def test_other_forms_open_nothing(shut_page: Running, form: bytes) -> None:
    assert shut_page.ask("/login", method="POST", body=form, source=f"127.0.4.{len(form) + 1}").status == 401


def test_sessions_outlive_the_service_and_end() -> None:
    now = 1_000_000.0
    session = Token(TOKEN, lambda: now).new_session()
    assert Token(TOKEN, lambda: now + SESSION_S - 2).is_session(session)
    assert not Token(TOKEN, lambda: now + SESSION_S + 2).is_session(session)
    assert not Token(f"{TOKEN}2", lambda: now).is_session(session)


@pytest.mark.parametrize(
    "token",
    ["", "short", "x" * 300, "with a space in the middle", "ümlaut-is-not-in-a-header", "tab\tinside-of-the-token"],
)
def test_tokens_that_keep_nobody_out_are_refused(token: str) -> None:
    with pytest.raises(BadInput, match="token"):
        Token(token)


def test_guesses_are_forgotten() -> None:
    now = [0.0]
    guesses = Guesses(lambda: now[0])
    for _ in range(5):
        assert guesses.wait_s("2001:db8::1") == 0
        guesses.wrong("2001:db8::1")
    assert guesses.wait_s("2001:db8::ffff") == pytest.approx(10)
    assert guesses.wait_s("2001:db8:0:1::1") == 0
    now[0] = 11
    assert guesses.wait_s("2001:db8::1") == 0
    for number in range(3000):
        guesses.wrong(f"10.0.{number >> 8}.{number & 255}")
    assert len(guesses._free_at) == 1024


def test_this_device_may_be_trusted(launched: Callable[..., Running]) -> None:
    page = launched(TOKEN, trust_this_device=True)
    assert page.ask("/last").status == 200
    for header in ("Forwarded", "X_Forwarded_For", "X_Real_IP"):
        assert page.ask("/last", **{header: "10.0.0.1"}).status == 401


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.168.1.5"])  # noqa: S104 (nobody listens there)
def test_others_are_answered_only_with_a_token(bind: str) -> None:
    with pytest.raises(ValidationError, match="name a credential in token"):
        PageSettings(bind=bind)
    settings = PageSettings(bind=bind, token="page-token")  # noqa: S106 (a name)
    with pytest.raises(BadInput, match="would answer everybody"):
        Page(settings, Latest(), dict, bytes, lambda _, __: [], None, lambda _: None)


@pytest.mark.parametrize(
    "settings",
    [{"bind": "localhost"}, {"port": 70000}, {"certificate": "a.pem"}, {"key": "a.pem"}, {"hosts": ("a b",)}, {"hosts": ("http://a",)},
     {"language": "fr"}, {"notice": "two\nlines"}, {"picture_fps": 0}, {"unknown": 1}, {"token": ""}],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PageSettings(**settings)


def test_names_can_be_added(launched: Callable[..., Running]) -> None:
    page = launched(hosts=("Kiosk.local",))
    for name in ("kiosk.local", "KIOSK.LOCAL:8737", "localhost", "127.0.0.1", "localhost.:80"):
        assert page.ask("/last", Host=name).status == 200
    assert page.ask("/last", Host="kiosk.lan").status == 421


def test_a_port_that_is_taken(open_page: Running) -> None:
    page = Page(PageSettings(port=open_page.page.port), Latest(), dict, bytes, lambda _, __: [], None, lambda _: None)
    with pytest.raises(OutletError, match=r"cannot listen at 127\.0\.0\.1"):
        page.start()
    page.stop()


def test_what_blocks_is_left_alone(asking: Callable[[Page], Running], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_fer.appliance.page.routes.ANSWERED_WITHIN_S", 0.2)
    freed = threading.Event()

    def block(_: int | None, __: int) -> list[dict[str, Any]]:
        freed.wait(20)
        return []

    page = Page(PageSettings(port=0), Latest(), lambda: {"status": "ok"}, bytes, block, None, lambda _: None)
    page.start()
    running = asking(page)
    for _ in range(3):
        assert running.ask("/api/events").status == 503
    assert running.ask("/last").status == 200
    freed.set()
    page.stop()


def test_what_fails_tells_nothing(asking: Callable[[Page], Running], caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> bytes:
        raise RuntimeError("a secret")

    page = Page(PageSettings(port=0), Latest(), dict, fail, lambda _, __: [], None, lambda _: None)
    page.start()
    running = asking(page)
    for _ in range(5):
        answer = running.ask("/metrics")
        assert answer.status == 500
        assert b"secret" not in answer.body
    page.stop()
    assert {record.kind for record in caplog.records} == {"page"}  # one a minute of a kind is kept


def test_a_viewer_gets_the_newest_when_it_is_ready(launched: Callable[..., Running]) -> None:
    page = launched(picture_fps=60)
    with viewer(page) as socket_:
        assert received(socket_, "hello")
        assert received(socket_, "status")["health"]["status"] == "no frames"
        for number in range(5):
            page.show(b"\xff\xd8 old", dropped=number)
        page.show(b"\xff\xd8 new", dropped=77)
        socket_.send('{"pictures": true}')
        moment = received(socket_, "moment")
        assert moment["dropped"] == 77
        assert moment["size"] == [640, 480]
        assert moment["faces"] == [
            {
                "track": 1,
                "box": [10, 20, 80, 80],
                "state": "happy",
                "seen": "found",
                "scores": {"happy": 0.8, "sad": 0.2},
            }
        ]
        if moment["picture"]:
            assert socket_.recv(10) == b"\xff\xd8 new"
        else:  # it came before the wish
            page.show(b"\xff\xd8 new")
            socket_.send('{"pictures": true}')
            assert received(socket_, "moment")["picture"]
            assert socket_.recv(10) == b"\xff\xd8 new"
        page.show(b"\xff\xd8 more")
        time.sleep(0.1)
        with pytest.raises(TimeoutError):
            received(socket_, "moment", 0.3)  # it is not ready yet
    deadline_s = time.monotonic() + 10
    while page.watched != [True, False] and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert page.watched == [True, False]


def test_no_picture_is_made_where_pictures_are_off(launched: Callable[..., Running]) -> None:
    page = launched(pictures=False)
    assert '"pictures":false' in page.ask("/").body.decode()
    with viewer(page) as socket_:
        socket_.send('{"pictures": true}')
        page.show(b"\xff\xd8")
        assert received(socket_, "moment")["picture"] is False
        socket_.send('{"pictures": true}')
        page.show(b"\xff\xd8")
        assert received(socket_, "moment")["picture"] is False
    assert page.watched == []


def test_a_viewer_that_falls_silent_is_let_go(
    launched: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_fer.appliance.page.viewers.ANSWERED_WITHIN_S", 0.1)
    page = launched()
    with viewer(page) as socket_, pytest.raises(ConnectionClosed):
        received(socket_, "nothing")


def test_stopping_ends_viewers(launched: Callable[..., Running]) -> None:
    page = launched()
    with viewer(page) as socket_:
        received(socket_, "hello")
        started_s = time.monotonic()
        page.page.stop()
        assert time.monotonic() - started_s < 4
        with pytest.raises(ConnectionClosed):
            received(socket_, "nothing")
    assert not page.page.alive
    with pytest.raises(ConnectionRefusedError):
        page.connect()


def test_https(tmp_path: Path, launched: Callable[..., Running]) -> None:
    certificate, key = _certificate(tmp_path)
    page = launched(TOKEN, certificate=str(certificate), key=str(key))
    context = ssl.create_default_context(cafile=str(certificate))
    raw = socket.create_connection(("127.0.0.1", page.page.port), 10)
    with raw, context.wrap_socket(raw, server_hostname="localhost") as connection:
        body = f"token={TOKEN}"
        connection.sendall(
            f"POST /login HTTP/1.1\r\nHost: {page.host}\r\nOrigin: https://{page.host}\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}".encode()
        )
        answer = b""
        while chunk := connection.recv(1 << 16):
            answer += chunk
    assert b" 303 " in answer
    assert b"Secure" in answer


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "none.pem"
    path.write_text("no certificate")
    for certificate in (path, tmp_path / "missing.pem"):
        settings = PageSettings(port=0, certificate=str(certificate), key=str(certificate))
        page = Page(settings, Latest(), dict, bytes, lambda _, __: [], None, lambda _: None)
        with pytest.raises(BadInput, match="are no certificate with its key"):
            page.start()
        page.stop()


def _certificate(folder: Path) -> tuple[Path, Path]:
    import datetime as dt
    import ipaddress

    x509 = pytest.importorskip("cryptography.x509", reason="certificates are made by cryptography")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    )
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    made = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def test_the_settings_need_nothing_of_the_web() -> None:
    code = (
        "import sys, edge_fer.appliance.page.settings, edge_fer.appliance.page.server;"
        "print([name for name in ('starlette', 'uvicorn', 'cv2', 'numpy') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_page_needs_no_opencv() -> None:
    code = (
        "import sys; from edge_fer.appliance.latest import Latest; from edge_fer.appliance.page import Page, PageSettings;"
        "page = Page(PageSettings(port=0), Latest(), dict, bytes, lambda a, b: [], None, print); page.start(); page.stop();"
        "print([name for name in ('cv2', 'numpy', 'ai_edge_litert') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
