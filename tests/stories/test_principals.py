"""Who may come in, and for how long: keys in rotation, tokens, assertions, proofs of possession, auditors."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.services.credentials import create_credential, put_public_keys, revoke_credential
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.signers import Signer
from tests.stories.conftest import apply_small

PATH = "/v1/views/people-view/records"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Filled = Callable[[Kind, str, Callable[[str], None]], str]


@pytest.fixture
def small(database_kind: Kind, filled_url: Filled, tmp_path: Path) -> Iterator[House]:
    with serving(filled_url(database_kind, "small", apply_small), tmp_path / "data") as house:
        yield house


def reported(house: House) -> None:
    rows = [{"region": f"43010110{n}", "period": "2024", "total": n, "men": 0, "women": n} for n in (1, 2)]
    assert house.client(region="430101").post("/v1/submissions", json={"dataset": "people", "rows": rows}).is_success


def identity(key: str) -> str:
    return key.split("_")[1]


def status(house: House, key: str, path: str = "/v1/me") -> int:
    return house.visitor.get(house.url + path, headers={"Authorization": f"Bearer {key}"}).status_code


def asked(
    house: House, path: str = "/oauth/token", headers: dict[str, str] | None = None, **form: str
) -> httpx.Response:
    if path == "/oauth/token":
        form = {"grant_type": "client_credentials", **form}
    return house.visitor.post(house.url + path, data=form, headers=headers or {})


def token_for(house: House, key: str, **more: Any) -> str:
    answer = asked(house, client_id=identity(key), client_secret=key, **more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return str(answer.json()["access_token"])


def claims(token: str, part: int = 1) -> dict[str, Any]:
    text = token.split(".")[part]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


# -- keys ---------------------------------------------------------------------------------------------------------


def test_an_administrator_rotates_a_key_and_both_work_until_the_overlap_ends(small: House) -> None:
    old = small.key(department="ecology")
    admin = small.client(admin=True)
    answer = admin.post(f"/v1/admin/credentials/{identity(old)}/rotate", json={"overlap_hours": 3})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    new = answer.json()["key"]
    assert identity(new) == identity(old)
    assert (status(small, old), status(small, new)) == (200, 200)
    listed = {one["id"]: one for one in admin.get("/v1/admin/credentials").json()["credentials"]}[identity(old)]
    assert listed["former_key_ends_at"] is not None
    assert old not in str(listed)
    small.clock.offset += 3 * 3600 + 1
    assert (status(small, old), status(small, new)) == (401, 200)
    listed = {one["id"]: one for one in admin.get("/v1/admin/credentials").json()["credentials"]}[identity(old)]
    assert listed["former_key_ends_at"] is None
    assert admin.delete(f"/v1/admin/credentials/{identity(old)}").status_code == 204
    assert status(small, new) == 401
    for again in (f"/v1/admin/credentials/{identity(old)}/rotate", "/v1/admin/credentials/nobody/rotate"):
        assert admin.post(again).status_code == 404
    assert admin.post(again, json={"overlap_hours": -1}).status_code == 400
    assert small.client(new).post(again).status_code == 401


def test_revoking_ends_both_keys_of_a_rotation_at_once_and_the_tokens_of_either(small: House) -> None:
    old = small.key(department="ecology")
    new = small.client(old).post("/v1/me/rotate", json={"overlap_hours": 3}).json()["key"]
    presented = [old, new, token_for(small, old), token_for(small, new)]
    assert [status(small, one) for one in presented] == [200] * 4
    revoke_credential(small.registry, identity(old))
    assert [status(small, one) for one in presented] == [401] * 4
    assert asked(small, client_id=identity(old), client_secret=new).status_code == 401


def test_a_holder_renews_its_key_with_the_key_itself_and_nothing_else(small: House) -> None:
    first = small.key(region="430101")
    token = token_for(small, first)
    assert small.client(token).post("/v1/me/rotate").status_code == 403
    answer = small.client(first).post("/v1/me/rotate")
    assert answer.status_code == 200
    second = answer.json()["key"]
    assert (
        small.client(first).post("/v1/me/rotate").status_code == 403
    )  # replaced already: it gives itself no longer life
    assert small.client(second).post("/v1/me/rotate", json={"overlap_hours": 24 * 8}).status_code == 400
    third = small.client(second).post("/v1/me/rotate", json={"overlap_hours": 0}).json()
    assert third["former_key_ends_at"] is None
    assert [status(small, key) for key in (first, second, third["key"])] == [401, 401, 200]


def test_a_token_from_a_key_in_its_overlap_ends_with_that_key(small: House) -> None:
    old = small.key(department="ecology")
    small.client(old).post("/v1/me/rotate", json={"overlap_hours": 1})
    small.clock.offset += 3500
    token = token_for(small, old)
    assert status(small, token) == 200
    small.clock.offset += 101
    assert status(small, token) == 401


def test_a_second_after_its_end_nothing_is_answered_any_more(small: House) -> None:
    reported(small)
    for presenting in ("key", "former key", "token", "bound token"):
        nothing_after_its_end(small, presenting)


def nothing_after_its_end(small: House, presenting: str) -> None:
    end = small.registry.now() + timedelta(minutes=10)
    credential, key = create_credential(
        small.registry, "ends", "department", "ecology", expires=None if presenting == "former key" else end
    )
    signer = Signer()
    if presenting == "former key":
        assert small.client(key).post("/v1/me/rotate", json={"overlap_hours": 1}).is_success
        end = small.registry.now() + timedelta(hours=1)
    presented = key
    if presenting.endswith("token"):
        moment = small.registry.now().timestamp()
        given = signer.proof("POST", f"{small.url}/oauth/token", now=moment)
        proof = {"DPoP": given} if presenting == "bound token" else {}
        presented = asked(small, headers=proof, client_id=credential, client_secret=key).json()["access_token"]

    def get(path: str, **more: Any) -> httpx.Response:
        scheme, headers = "Bearer", dict(more.pop("headers", {}))
        if presenting == "bound token":
            scheme = "DPoP"
            now = small.registry.now().timestamp()
            headers["DPoP"] = signer.proof("GET", small.url + path, presented, now)
        return small.visitor.get(
            small.url + path, headers={"Authorization": f"{scheme} {presented}", **headers}, **more
        )

    first = get(PATH, params={"limit": 1})
    assert first.status_code == 200
    feed = get("/v1/views/people-view/changes").json()

    def answers() -> list[int]:
        return [
            each.status_code
            for each in (
                get("/v1/me"),
                get(PATH, params={"limit": 1}, headers={"If-None-Match": first.headers["ETag"]}),
                get(PATH, params={"limit": 1, "cursor": first.json()["next"]}),
                get(PATH, params={"as_of": first.json()["snapshot"]}),
                get("/v1/views/people-view/changes", params={"since": feed["next"]}),
                get("/v1/views/people-view/changes", params={"since": feed["next"], "wait": 1}),
            )
        ]

    small.clock.set(end - timedelta(seconds=2))
    assert answers()[:-1] == [200, 304, 200, 200, 200]
    small.clock.set(end + timedelta(seconds=1))
    assert answers() == [401] * 6


# -- tokens -------------------------------------------------------------------------------------------------------


def test_a_token_says_nothing_but_ids_and_times_and_others_can_check_it(small: House) -> None:
    key = small.key(department="ecology")
    token = token_for(small, key)
    head, body = claims(token, 0), claims(token)
    assert (head["typ"], head["alg"]) == ("at+jwt", "Ed25519")
    assert body.keys() == {"iss", "aud", "sub", "client_id", "iat", "exp", "jti"}
    assert body["sub"] == body["client_id"] == identity(key)
    assert body["iss"] == body["aud"] == small.url
    assert body["exp"] - body["iat"] == small.registry.settings.token_lifetime_seconds
    metadata = small.visitor.get(f"{small.url}/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == small.url
    keys = small.visitor.get(metadata["jwks_uri"]).json()["keys"]
    assert [one["kid"] for one in keys] == [head["kid"]]
    assert "d" not in keys[0]
    assert status(small, body["jti"]) == 401  # the name within is no token
    other = Signer("Ed25519")
    assert status(small, other.token(body, **head)) == 401
    assert status(small, token[:-8] + ("A" * 8)) == 401
    none = {**head, "alg": "none"}
    assert status(small, other.token(body, **none).rsplit(".", 1)[0] + ".") == 401


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a_client_ends_its_own_token_at_once_and_no_other(
    database_kind: Kind, filled_url: Filled, tmp_path: Path, form: str
) -> None:
    with serving(filled_url(database_kind, "small", apply_small), tmp_path / "data", token_form=form) as house:
        key, stranger = house.key(department="ecology"), house.key(department="water")
        token, kept = token_for(house, key), token_for(house, key)
        assert token.startswith("twt_") == (form == "opaque")

        def call(path: str, by: str, **fields: Any) -> httpx.Response:
            return asked(house, path, client_id=identity(by), client_secret=by, **fields)

        told = call("/oauth/introspect", key, token=token).json()
        assert (told["active"], told["sub"], told["token_type"]) == (True, identity(key), "Bearer")
        assert call("/oauth/introspect", stranger, token=token).json() == {"active": False}
        assert call("/oauth/revoke", stranger, token=token).status_code == 200
        assert status(house, token) == 200
        assert call("/oauth/revoke", key, token=token).status_code == 200
        assert (status(house, token), status(house, kept)) == (401, 200)
        assert call("/oauth/introspect", key, token=token).json() == {"active": False}
        assert call("/oauth/revoke", key, token="nothing of ours").status_code == 200
        assert call("/oauth/revoke", key).json()["error"] == "invalid_request"
        assert asked(house, "/oauth/revoke", token=kept).status_code == 401


def test_a_client_proves_who_it_is_in_one_way_by_basic_or_form(small: House) -> None:
    key = small.key(department="ecology")
    basic = {"Authorization": "Basic " + base64.b64encode(f"{identity(key)}:{key}".encode()).decode()}
    assert asked(small, headers=basic).status_code == 200
    both = asked(small, headers=basic, client_id=identity(key), client_secret=key)
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    wrong = [
        asked(small),
        asked(small, client_id=identity(key), client_secret="x"),
        asked(small, client_id="nobody", client_secret=key),
        asked(small, client_assertion_type=ASSERTION, client_assertion="a.b.c"),
        asked(small, client_assertion_type="x", client_assertion=Signer().assertion(identity(key), small.url)),
    ]
    assert {(one.status_code, one.text) for one in wrong} == {(401, wrong[0].text)}
    assert wrong[0].json()["error"] == "invalid_client"


def test_a_client_with_public_keys_signs_and_shares_no_secret(small: House) -> None:
    signers = [Signer(algorithm, algorithm) for algorithm in ("EdDSA", "Ed25519", "ES256", "RS256", "PS256")]
    client, key = create_credential(small.registry, "signs", "department", "ecology")
    put_public_keys(small.registry, client, {"keys": [signer.jwk for signer in signers]})
    assert status(small, key) == 401
    for signer in signers:
        assertion = signer.assertion(client, f"{small.url}/oauth/token")
        given = asked(small, client_assertion_type=ASSERTION, client_assertion=assertion)
        assert given.status_code == 200, given.text
        assert status(small, given.json()["access_token"]) == 200


def test_an_assertion_is_taken_once_and_only_if_everything_in_it_is_right(small: House) -> None:
    signer, other = Signer(name="one"), Signer(name="one")
    client, _ = create_credential(small.registry, "signs", "department", "ecology")
    admin = small.client(admin=True)
    path = f"/v1/admin/credentials/{client}/public-keys"
    assert admin.put(path, json={"keys": [signer.jwk]}).json()["keys"][0]["kid"] == "one"

    def give(assertion: str, **more: Any) -> int:
        return asked(small, client_assertion_type=ASSERTION, client_assertion=assertion, **more).status_code

    good = signer.assertion(client, [small.url, "https://elsewhere"])
    assert give(good) == 200
    assert give(good) == 401  # seen
    now = int(small.registry.now().timestamp())
    wrong = {
        "another's key": other.assertion(client, small.url),
        "for another": signer.assertion(client, "https://elsewhere"),
        "over": signer.assertion(client, small.url, exp=now - 60),
        "for too long": signer.assertion(client, small.url, exp=now + 7_200),
        "without end": signer.assertion(client, small.url, exp=None),
        "without name": signer.assertion(client, small.url, jti=None),
        "of the future": signer.assertion(client, small.url, iat=now + 3_600),
        "of another": signer.assertion(client, small.url, iss="another"),
        "of nobody": signer.assertion("nobody", small.url),
        "of another type": signer.token({**claims(good), "jti": "n"}, typ="at+jwt"),
        "of another algorithm": signer.token({**claims(good), "jti": "n"}, alg="HS256"),
    }
    assert {name: give(assertion) for name, assertion in wrong.items()} == dict.fromkeys(wrong, 401)
    assert give(signer.assertion(client, small.url), client_id="nobody") == 401
    # Two keys at once, then the new one alone: how a public key is changed.
    later = Signer("ES256", "two")
    assert admin.put(path, json={"keys": [signer.jwk, later.jwk]}).is_success
    assert [give(each.assertion(client, small.url)) for each in (signer, later)] == [200, 200]
    assert admin.put(path, json={"keys": [later.jwk]}).is_success
    assert [give(each.assertion(client, small.url)) for each in (signer, later)] == [401, 200]
    small.clock.offset += 400 * 86_400
    revoke_credential(small.registry, client)
    assert give(later.assertion(client, small.url, now=small.registry.now().timestamp())) == 401


def test_only_public_keys_that_are_strong_enough_are_registered(empty_house: House) -> None:
    admin = empty_house.client(admin=True)
    client = identity(empty_house.key(auditor=True))
    wrong: list[list[Any]] = [
        [],
        [{"kty": "oct", "k": "AAAA"}],
        [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}],
        [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}],
        [{**Signer().jwk, "d": "AA"}],
        [{**Signer().jwk, "use": "enc"}],
        [{"kty": "RSA", "n": "u" * 172, "e": "AQAB"}],  # 1,024 bits
        [Signer().jwk, {}],
    ]
    path = f"/v1/admin/credentials/{client}/public-keys"
    assert [admin.put(path, json={"keys": keys}).status_code for keys in wrong] == [400] * len(wrong)


# -- bound tokens -------------------------------------------------------------------------------------------------


def test_a_bound_token_is_worth_nothing_without_the_key_it_is_bound_to(small: House) -> None:
    client, key = create_credential(small.registry, "bound", "department", "ecology", bound=True)
    holder, thief = Signer("ES256"), Signer("ES256")
    endpoint, me = f"{small.url}/oauth/token", f"{small.url}/v1/me"
    assert status(small, key) == 401  # such a key is good for tokens only
    without = asked(small, client_id=client, client_secret=key)
    assert (without.status_code, without.json()["error"]) == (400, "invalid_dpop_proof")
    proof = holder.proof("POST", endpoint)
    answer = asked(small, headers={"DPoP": proof}, client_id=client, client_secret=key)
    assert answer.json()["token_type"] == "DPoP"
    token = answer.json()["access_token"]
    assert claims(token)["cnf"] == {"jkt": holder.thumbprint}
    assert asked(small, headers={"DPoP": proof}, client_id=client, client_secret=key).status_code == 400  # seen

    def call(proof: str | None, scheme: str = "DPoP", url: str = me, **more: Any) -> int:
        headers = {"Authorization": f"{scheme} {token}", **({"DPoP": proof} if proof is not None else {})}
        return small.visitor.get(url, headers=headers, **more).status_code

    good = holder.proof("GET", me, token)
    assert call(good) == 200
    now = small.registry.now().timestamp()
    private = {**holder.jwk, "d": "AA"}
    wrong = {
        "seen before": good,
        "none": None,
        "nonsense": "x",
        "of another key": thief.proof("GET", me, token),
        "of another method": holder.proof("POST", me, token),
        "of another address": holder.proof("GET", f"{small.url}/v1/views", token),
        "of another host": holder.proof("GET", "https://elsewhere/v1/me", token),
        "of no token": holder.proof("GET", me),
        "of another token": holder.proof("GET", me, token + "x"),
        "too old": holder.proof("GET", me, token, now - 300),
        "to come": holder.proof("GET", me, token, now + 300),
        "of another type": holder.proof("GET", me, token, typ="JWT"),
        "with a private key": holder.proof("GET", me, token, jwk=private),
        "that lends its key": thief.proof("GET", me, token, jwk=holder.jwk),
    }
    assert {name: call(proof) for name, proof in wrong.items()} == dict.fromkeys(wrong, 401)
    assert call(holder.proof("GET", me, token), scheme="Bearer") == 401
    query = holder.proof("GET", f"{small.url}/v1/regions", token)
    assert call(query, url=f"{small.url}/v1/regions", params={"level": "township"}) == 200
    plain = token_for(small, small.key(department="ecology"))
    headers = {"Authorization": f"DPoP {plain}", "DPoP": holder.proof("GET", me, plain)}
    assert small.visitor.get(me, headers=headers).status_code == 401


# -- auditors -----------------------------------------------------------------------------------------------------


def test_an_auditor_reads_the_audit_and_no_data(small: House) -> None:
    reported(small)
    made = small.client(admin=True).post("/v1/admin/credentials", json={"name": "审计", "auditor": True})
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    auditor = small.client(made.json()["key"])
    me = auditor.get("/v1/me").json()
    assert (me["kind"], me["department"], me["region"], me["agreements"]) == ("auditor", None, None, [])
    assert auditor.get("/v1/admin/audit").status_code == 200
    assert auditor.get("/v1/views").json() == {"views": []}
    assert auditor.get("/v1/submissions").json()["submissions"] == []
    for path in ("people", "wells", "cases"):
        assert auditor.get(f"/v1/datasets/{path}/records").status_code == 403
        assert auditor.get(f"/v1/datasets/{path}/template").status_code in {400, 403}
    for path in ("", "/records", "/schema", "/changes", "/explain"):
        assert auditor.get(f"/v1/views/people-view{path}").status_code in {400, 404}
    for path in ("views/people-view", "agreements", "credentials", "departments"):
        assert auditor.get(f"/v1/admin/{path}").status_code == 403
    rows = [{"region": "430101101", "period": "2025", "total": 1}]
    assert auditor.post("/v1/submissions", json={"dataset": "people", "rows": rows}).status_code == 403
    assert small.client(department="ecology").get("/v1/admin/audit").status_code == 403
