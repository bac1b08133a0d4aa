"""A deployment's keys in a hardware module: the whole story, rotations, moving, destroying."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pkcs11
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from consent_service.audit.origins import Origins
from consent_service.audit.receipt import verify_receipt
from consent_service.cli import cli
from consent_service.errors import Misconfigured
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.changes import KINDS
from consent_service.persistence.keys.document import USES, KeyFile
from consent_service.persistence.keys.material import references_in
from consent_service.persistence.keys.module import ModuleUnavailable
from consent_service.persistence.keys.open_module import module_at
from consent_service.persistence.keys.sealing import KeyRing
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.keys.writing import destroy_unused, name_in_module, unused
from consent_service.persistence.rotation.index import IndexRotation
from consent_service.persistence.rotation.wrapping import WrappingRotation
from consent_service.persistence.verification.log_reader import verify_database
from consent_service.signing.keys import KeySet
from tests.deployment import NOW, Deployment, deploy, deploy_with
from tests.service_process import deploy_in_real_time, running_service
from tests.softhsm import SoftToken

ALMA = "0103174321"


@dataclass
class Inside:
    """A deployment with a family, whose keys are or come to be in a token."""

    service: Deployment
    token: SoftToken
    asked: dict[str, Any]

    @property
    def file(self) -> KeyFile:
        settings = self.service.settings
        return KeyFile(settings.keys_file, module_at(settings.key_module))

    @property
    def references(self) -> set[str]:
        return set(references_in(self.file.content()))

    def settle(self) -> None:
        self.service.parts.live_keys.refresh()

    def rotate(self, kind: str, home: changes.Home | None = None) -> None:
        """Rotate one kind, and let the old key's time be over."""
        file, clock = self.file, self.service.clock
        if kind in USES:
            changes.rotate_signing_key(file, kind, clock.now, home=home)
            clock.forward(days=2)
            changes.prune(file, clock.now)
            self.settle()
            destroy_unused(file)
        else:
            rotation = WrappingRotation if kind == "kek" else IndexRotation
            engine = self.service.parts.units.engine
            rotation(engine, file, self.settle, lambda _: None, home).run()

    def check(self) -> bytes:
        """Everything works; a receipt of now."""
        service = self.service
        self.settle()
        # Access tokens end with the key that signed them.
        service.tokens.clear()
        answer = service.disclose()
        assert answer.status_code == 201, answer.json
        found = service.post("/v1/consents/search", {"child": {"cpr": ALMA}})
        assert [one["id"] for one in found.json["items"]] == [self.asked["id"]]
        service.parts.grow()
        receipt = service.get(f"/v1/consents/{self.asked['id']}/receipt")
        parts = service.parts
        report = verify_database(
            parts.units.engine,
            parts.units.ring,
            parts.index,
            parts.keys.published,
            parts.settings.log_origin,
            parts.context.clock(),
        )
        assert not report.findings
        with parts.units.reading() as uow:
            link = self.asked["signatories"][0]["signing_url"].rsplit("/", 1)[-1]
            assert uow.links.find(link) is not None
        self.verify(receipt.data)
        return receipt.data

    def verify(self, receipt: bytes) -> None:
        """With nothing but what is published."""
        jwks = self.service.client().get("/.well-known/jwks.json").json
        origin = self.service.client().get("/.well-known/consent-log.json").json["origin"]
        report = verify_receipt(
            receipt,
            KeySet.from_jwks(jwks),
            Origins.named(origin),
            self.service.clock.now + timedelta(hours=1),
        )
        assert report.exit_code == 0, [one.detail for one in report.statements]

    def assert_all_inside(self) -> None:
        """The file has no secret, and the token shows none."""
        content = self.file.content()
        secrets = [
            *content["key_encryption"],
            *content["index"].values(),
            content["secret"],
            *(kept["seed"] for kept in content["signing"] if kept["seed"] is not None),
        ]
        assert all(set(secret) == {"pkcs11"} for secret in secrets)
        for reference in self.references:
            (found,) = self.token.objects(reference)
            assert found[pkcs11.Attribute.SENSITIVE]
            assert not found[pkcs11.Attribute.EXTRACTABLE]
            with pytest.raises(pkcs11.AttributeSensitive):
                found[pkcs11.Attribute.VALUE]


def furnished(service: Deployment, token: SoftToken) -> Inside:
    return Inside(service, token, service.furnish().in_force())


@pytest.fixture
def inside(sqlite_url: str, tmp_path: Path, soft_token: SoftToken) -> Iterator[Inside]:
    service = deploy(sqlite_url, tmp_path, key_module=soft_token.settings)
    yield furnished(service, soft_token)
    service.close()


@pytest.fixture
def file(tmp_path: Path, soft_token: SoftToken) -> KeyFile:
    """A key file with all keys in the token."""
    file = KeyFile(tmp_path / "keys.json", module_at(soft_token.settings))
    changes.create(file, NOW, KINDS)
    return file


# -- the whole story ------------------------------------------------------------------------------


def test_the_story_with_every_key_in_the_token(
    database_url: str, tmp_path: Path, soft_token: SoftToken
) -> None:
    service = deploy(database_url, tmp_path, key_module=soft_token.settings)
    try:
        inside = furnished(service, soft_token)
        inside.check()
        inside.assert_all_inside()
    finally:
        service.close()


def test_processes_share_the_token(sqlite_url: str, tmp_path: Path, soft_token: SoftToken) -> None:
    deployment = deploy_in_real_time(sqlite_url, tmp_path, key_module=soft_token.settings)
    deployment.in_force()
    environment = soft_token.environment
    with running_service(deployment, tmp_path, workers=2, environment=environment) as service:

        def disclose(_: int) -> int:
            client = service.client()
            try:
                return client.post("/v1/disclosures", deployment.disclosure_body()).status
            finally:
                client.close()

        with ThreadPoolExecutor(8) as callers:
            assert set(callers.map(disclose, range(24))) == {201}
        # A third process changes the keys under them; none of their requests fails.
        changed = subprocess.run(
            [
                *(sys.executable, "-m", "consent_service.cli", "keys", "rotate", "promise"),
                *(str(deployment.settings.keys_file), "--lead-seconds", "0"),
            ],
            env=service.settings_in_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert changed.returncode == 0, changed.stderr
        with ThreadPoolExecutor(8) as callers:
            assert set(callers.map(disclose, range(24))) == {201}
    deployment.close()


# -- rotations ------------------------------------------------------------------------------------


def test_every_kind_is_rotated_within_the_token(inside: Inside) -> None:
    before, receipt = inside.references, inside.check()
    for kind in ("kek", "index", *USES):
        inside.rotate(kind)
        assert unused(inside.file) == []
    inside.check()
    inside.verify(receipt)
    inside.assert_all_inside()
    kept = before & inside.references
    assert len(kept) == 1  # the key of links and sessions
    assert not any(inside.token.objects(reference) for reference in before - kept)


def test_what_is_destroyed_opens_nothing(inside: Inside) -> None:
    old, document = inside.file.read().key_encryption, inside.file.path.read_text()
    engine = inside.service.parts.units.engine
    with engine.connect() as connection:
        wrapped = connection.execute(sa.select(data_key.c.id, data_key.c.wrapped)).all()
    inside.rotate("kek")
    for row in wrapped:
        with pytest.raises(ModuleUnavailable):
            KeyRing(old).unwrap(row.id, row.wrapped)
    # Not even a copy of the file from before leads to it.
    inside.file.path.write_text(document)
    with pytest.raises(Misconfigured, match=r"lacks key [0-9a-f]{32} of the key file"):
        inside.file.read()


def test_a_deployment_moves_into_the_token_by_its_rotations(
    sqlite_url: str, tmp_path: Path, soft_token: SoftToken
) -> None:
    service = deploy(sqlite_url, tmp_path)
    inside = furnished(service, soft_token)
    receipt = inside.check()
    service.close()
    settings = replace(service.settings, key_module=soft_token.settings)
    inside.service = deploy_with(settings, service.clock)
    for kind in ("kek", "index", *USES):
        inside.rotate(kind, "module")
    changes.move_secret(inside.file)
    inside.check()
    inside.verify(receipt)
    inside.assert_all_inside()
    with pytest.raises(Misconfigured, match="in the module already"):
        changes.move_secret(inside.file)
    inside.rotate("seal", "file")
    assert isinstance(inside.file.content()["signing"][-1]["seed"], str)
    inside.service.close()


def test_some_kinds_may_stay_in_the_file(
    tmp_path: Path, soft_token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in soft_token.environment.items():
        monkeypatch.setenv(name, value)
    path = str(tmp_path / "keys.json")
    wrong = CliRunner().invoke(cli, ["keys", "init", path, "--in-module", "kek,sael"])
    assert wrong.exit_code == 2
    assert "sael" in wrong.output
    made = CliRunner().invoke(cli, ["keys", "init", path, "--in-module", "kek,seal"])
    assert made.exit_code == 0, made.output
    content = json.loads(Path(path).read_text())
    assert len(list(references_in(content))) == 2
    assert isinstance(content["index"]["a"], str)
    file = KeyFile(Path(path), module_at(soft_token.settings))
    assert file.read().signing["seal"].sign(b"x")
    assert not file.read().signing["seal"].is_in_process
    assert file.read().signing["log"].is_in_process


# -- what is interrupted --------------------------------------------------------------------------


def test_a_crash_leaves_nothing_in_the_token_that_prune_does_not_find(
    file: KeyFile, soft_token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Killed between making a key and naming it in the file, and between naming it no more and
    # destroying it.
    made = name_in_module(file)
    file.module.make_private_half(made)
    changes.rotate_signing_key(file, "log", NOW)
    changes.prune(file, NOW + timedelta(days=2))
    (dropped,) = set(unused(file)) - {made}
    assert soft_token.objects(made)
    assert soft_token.objects(dropped)
    for name, value in soft_token.environment.items():
        monkeypatch.setenv(name, value)
    pruned = CliRunner().invoke(cli, ["keys", "prune", str(file.path), "--settle-seconds", "0"])
    assert "Destroyed 2 keys in the hardware module." in pruned.output
    assert not soft_token.objects(made)
    assert not soft_token.objects(dropped)
    file.read()


def test_a_key_in_use_is_never_destroyed(file: KeyFile, soft_token: SoftToken) -> None:
    content = file.content()
    file.path.write_text(json.dumps(content | {"unused": list(references_in(content))}))
    destroy_unused(file)
    file.read()


def test_where_the_token_makes_no_keys_nothing_is_left(
    tmp_path: Path, soft_token: SoftToken
) -> None:
    module = module_at(soft_token.settings)
    before = len(list(soft_token.session().get_objects()))

    class Half:
        """Makes keys, and no private halves."""

        def __getattr__(self, name: str) -> Any:
            if name == "make_private_half":
                raise Misconfigured("no such mechanism")
            return getattr(module, name)

    file = KeyFile(tmp_path / "keys.json", Half())
    with pytest.raises(Misconfigured):
        changes.create(file, NOW, KINDS)
    assert not file.path.exists()
    assert len(list(soft_token.session().get_objects())) == before
