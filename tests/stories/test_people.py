"""People come in with tokens of an external issuer, as the configuration says who is what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from app.services.issuer_keys import IssuerKeys
from app.services.signed_tokens import Unsigned
from app.settings import OidcIssuer, PersonRule
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.signers import Signer
from tests.stories.conftest import apply_small

AUDIENCE = "township"
RULES: list[dict[str, Any]] = [
    {"claim": "roles", "value": "admins", "kind": "admin"},
    {"claim": "roles", "value": "auditors", "kind": "auditor"},
    {"claim": "realm.roles", "value": "clerks", "kind": "region", "region_claim": "area"},
    {"claim": "roles", "value": "east-confirmers", "kind": "region", "role": "confirmer", "region": "430101"},
]


class Issuer:
    """An OpenID Connect issuer on this machine: its discovery document and its keys."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = [Signer("ES256", "first")]
        self.asked: list[str] = []
        self.documents: dict[str, Any] = {}

    def answer(self, path: str) -> bytes | None:
        self.asked.append(path)
        documents = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [signer.jwk for signer in self.keys]},
            **self.documents,
        }
        return orjson.dumps(documents[path]) if path in documents else None

    def token(self, now: float, signer: Signer | None = None, **changes: Any) -> str:
        claims = {
            "iss": self.url, "aud": AUDIENCE, "sub": "u1", "iat": int(now), "exp": int(now) + 300,
            "preferred_username": "王芳", "roles": ["staff"],
        }  # fmt: skip
        header = {"typ": changes.pop("typ", "JWT")}
        return (signer or self.keys[-1]).token({**claims, **changes}, **header)


@contextmanager
def issuing() -> Iterator[Issuer]:
    played: Issuer

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            body = played.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        played = Issuer(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.01}).start()
        yield played
        server.shutdown()


def configured(issuer: Issuer, **changes: Any) -> dict[str, Any]:
    return {"issuer": issuer.url, "audience": AUDIENCE, "rules": RULES, "insecure": True, **changes}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


@pytest.fixture
def small(
    database_kind: Kind, filled_url: Callable[[Kind, str, Callable[[str], None]], str], tmp_path: Path, issuer: Issuer
) -> Iterator[House]:
    url = filled_url(database_kind, "small", apply_small)
    with serving(url, tmp_path / "data", oidc_issuers=[configured(issuer)], failures_allowed=1_000) as house:
        yield house


def get(house: House, token: str, path: str = "/v1/me") -> httpx.Response:
    return house.visitor.get(house.url + path, headers={"Authorization": f"Bearer {token}"})


def test_a_claim_makes_an_administrator_an_auditor_a_clerk_or_a_confirmer(small: House, issuer: Issuer) -> None:
    now = small.registry.now().timestamp()
    told = [
        get(small, issuer.token(now, **claims)).json()
        for claims in (
            {"roles": ["staff", "admins"]},
            {"roles": "auditors"},
            {"realm": {"roles": ["clerks"]}, "area": "430102"},
            {"roles": ["east-confirmers"], "sub": "u2"},
        )
    ]
    assert [(one["kind"], one["role"], one["region"], one["name"]) for one in told] == [
        ("admin", None, None, "王芳"),
        ("auditor", None, None, "王芳"),
        ("region", "clerk", "430102", "王芳"),
        ("region", "confirmer", "430101", "王芳"),
    ]
    # One person is one caller, whatever the token; two persons are two.
    assert len({one["credential"] for one in told}) == 2


def test_a_clerk_submits_and_another_person_confirms(small: House, issuer: Issuer) -> None:
    now = small.registry.now().timestamp()
    clerk = small.client(issuer.token(now, realm={"roles": ["clerks"]}, area="430101"))
    confirmer = small.client(issuer.token(now, roles=["east-confirmers"], sub="u2"))
    rows = [{"region": "430101101", "period": "2025-01", "received": 3}]
    waiting = clerk.post("/v1/submissions", json={"dataset": "cases", "rows": rows}).json()
    assert waiting["status"] == "pending"
    assert clerk.post(f"/v1/submissions/{waiting['id']}/confirm").status_code == 403
    assert confirmer.post(f"/v1/submissions/{waiting['id']}/confirm").status_code == 200
    assert clerk.post("/v1/me/rotate").status_code == 403
    admin = small.client(issuer.token(now, roles=["admins"], sub="u3"))
    assert admin.post("/v1/admin/credentials", json={"name": "n", "admin": True}).status_code == 201
    found = admin.get("/v1/admin/audit", params={"action": "create-credential"}).json()["entries"]
    assert found[0]["credential_id"] == admin.get("/v1/me").json()["credential"]


def test_every_token_that_is_not_in_order_is_refused_in_the_same_words(small: House, issuer: Issuer) -> None:
    now = small.registry.now().timestamp()
    wrong = {
        "no rule": issuer.token(now),
        "another audience": issuer.token(now, roles=["admins"], aud="elsewhere"),
        "no audience": issuer.token(now, roles=["admins"], aud=None),
        "over": issuer.token(now - 900, roles=["admins"]),
        "without end": issuer.token(now, roles=["admins"], exp=None),
        "of the future": issuer.token(now, roles=["admins"], iat=now + 900),
        "not yet": issuer.token(now, roles=["admins"], nbf=now + 900),
        "another issuer": issuer.token(now, roles=["admins"], iss="http://127.0.0.1:9/"),
        "no subject": issuer.token(now, roles=["admins"], sub=None),
        "another's key": issuer.token(now, Signer("ES256", "first"), roles=["admins"]),
        "a key of no name": issuer.token(now, Signer("ES256", "unknown"), roles=["admins"]),
        "another type": issuer.token(now, roles=["admins"], typ="logout+jwt"),
        "bound to a key": issuer.token(now, roles=["admins"], cnf={"jkt": "x"}),
        "a region that is none": issuer.token(now, realm={"roles": ["clerks"]}, area="999"),
        "no region": issuer.token(now, realm={"roles": ["clerks"]}),
        "nonsense": "a.b.c",
    }
    answers = {name: get(small, token) for name, token in wrong.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(wrong, 401)
    assert len({answer.text for answer in answers.values()}) == 1
    assert len({answer.headers["WWW-Authenticate"] for answer in answers.values()}) == 1
    unsigned = issuer.token(now, roles=["admins"]).rsplit(".", 1)[0] + "."
    assert get(small, unsigned).text == answers["over"].text
    assert issuer.asked.count("/keys") == 1  # whatever is presented, the issuer is left in peace


def test_a_persons_token_ends_by_the_registrys_clock(small: House, issuer: Issuer) -> None:
    token = issuer.token(small.registry.now().timestamp(), roles=["admins"])
    assert get(small, token).status_code == 200
    small.clock.offset += 300 + 31  # the issuer's clock may be half a minute apart
    assert get(small, token).status_code == 401


# -- the keys of an issuer ------------------------------------------------------------------------------------------


class Ticking:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def settings(issuer: Issuer, **changes: Any) -> OidcIssuer:
    rules = (PersonRule(claim="a", value="b", kind="admin"),)
    return OidcIssuer(**{"issuer": issuer.url, "audience": "x", "rules": rules, "insecure": True, **changes})


def test_a_new_key_is_found_and_an_old_one_forgotten(issuer: Issuer) -> None:
    clock = Ticking()
    keys = IssuerKeys(settings(issuer), clock=clock)
    assert [key.kid for key in keys.keys("first")] == ["first"]
    issuer.keys = [Signer("EdDSA", "second")]
    assert [key.kid for key in keys.keys("second")] == ["first"]  # asked a moment ago
    clock.now += 31
    assert [key.kid for key in keys.keys("second")] == ["second"]
    issuer.documents["/keys"] = {"keys": []}
    clock.now += 700
    assert [key.kid for key in keys.keys("second")] == ["second"]  # the issuer is out of order: what is known serves on
    clock.now += 86_400
    with pytest.raises(Unsigned):
        keys.keys("second")


@pytest.mark.parametrize(
    "change",
    [
        {"insecure": False},
        {"jwks_uri": "http://localhost:9/keys"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
def test_keys_are_fetched_from_the_issuers_own_hosts_only(issuer: Issuer, change: dict[str, Any]) -> None:
    with pytest.raises(Unsigned):
        IssuerKeys(settings(issuer, **change)).keys("first")
    assert issuer.asked == []


def test_a_discovery_document_that_leads_elsewhere_is_not_followed(issuer: Issuer) -> None:
    path = "/.well-known/openid-configuration"
    wrong: list[Any] = [
        {"issuer": "http://another", "jwks_uri": f"{issuer.url}/keys"},
        {"issuer": issuer.url, "jwks_uri": f"http://localhost:{issuer.url.rsplit(':', 1)[1]}/keys"},
        {"issuer": issuer.url},
        [],
    ]
    for document in wrong:
        issuer.documents[path] = document
        with pytest.raises(Unsigned):
            IssuerKeys(settings(issuer)).keys("first")
    assert set(issuer.asked) == {path}
    allowed = settings(issuer, hosts=("localhost",), jwks_uri=f"http://localhost:{issuer.url.rsplit(':', 1)[1]}/keys")
    assert [key.kid for key in IssuerKeys(allowed).keys("first")] == ["first"]
