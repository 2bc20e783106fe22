"""The manifest for a cluster names commands, settings and secrets that exist."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import ledger_server
import pytest
from commands_kit import whole_program
from rig import HereRig

from veracore_sync.cli.serve_webhooks import RECEIVER_SECRETS
from veracore_sync.config import load
from veracore_sync.domain.errors import ConfigError
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

yaml = pytest.importorskip("yaml")
PAGE = Path(__file__).parents[2] / "docs" / "kubernetes.yaml"


def documents(kind: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(PAGE.read_text()) if one["kind"] == kind]


def pods() -> list[dict[str, Any]]:
    jobs = [one["spec"]["jobTemplate"]["spec"] for one in documents("CronJob")]
    lasting = [one["spec"] for one in documents("Deployment")]
    return [one["template"]["spec"] for one in (*jobs, *lasting)]


def test_the_configuration_and_the_secrets_are_understood(tmp_path: Path) -> None:
    (settings,) = documents("ConfigMap")
    secrets, of_the_listener = documents("Secret")
    path = tmp_path / "config.toml"
    path.write_text(settings["data"]["config.toml"])
    environ = {**secrets["stringData"], "VERACORE_SYNC_CONFIG": str(path)}
    loaded = load(None, environ)
    given = loaded.settings
    for secret in (
        given.vendure.password,
        given.veracore.client_secret,
        given.ledger.password,
    ):
        assert secret.get_secret_value() == "SET-ME"
    assert given.ledger.url
    environ = {**of_the_listener["stringData"], "VERACORE_SYNC_CONFIG": str(path)}
    # Everybody knows what stands in the file, so nothing listens before it is replaced.
    with pytest.raises(ConfigError, match=r"webhooks\.secret .* is shorter than"):
        load(None, environ, secrets_used=RECEIVER_SECRETS)
    environ["VERACORE_WEBHOOK_SECRET"] = "x" * 24
    load(None, environ, secrets_used=RECEIVER_SECRETS)
    assert "password" not in str(tomllib.loads(path.read_text()))


def test_each_pod_runs_a_command_that_exists() -> None:
    typed = [pod["containers"][0]["args"] for pod in pods()]
    for words in typed:
        command: Any = whole_program()
        for word in (one for one in words if not one.startswith("--")):
            command = command.commands[word]
    assert {words[0] for words in typed} == {
        "sync-orders",
        "sync-inventory",
        "sync-tracking",
        "sync-returns",
        "reconcile",
        "deliver",
        "ledger",
        "serve-webhooks",
    }


class Pod(HereRig):
    """Runs a command with the environment of a pod alone."""

    @property
    def environment(self) -> dict[str, str]:
        return self.env


def test_each_job_does_its_work_with_what_its_pod_has(tmp_path: Path) -> None:
    (settings,) = documents("ConfigMap")
    secrets = {one["metadata"]["name"]: one["stringData"] for one in documents("Secret")}
    path = tmp_path / "config.toml"
    place = ledger_server.new_place()
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG")
        order = shop.state.place_order([("MUG", 1)])
        text = settings["data"]["config.toml"]
        for given, ours in {
            '"veracore-sync"': f'"{shop.username}"',
            "https://shop.example/admin-api": shop.admin_url,
            "https://wms.veracore.com/veracore/webservices/oms.asmx": sandbox.url,
            "WEB-SERVICE-USER": "sandbox",
            "COMPANY": "SANDBOX",
            "postgresql://veracore@db.example/veracore"
            "?sslmode=verify-full&sslrootcert=system": place.url,
            '"shop1"': f'"{place.schema}"',
        }.items():
            assert given in text
            text = text.replace(given, ours)
        path.write_text(text + "\n[orders]\nnot_before = 2020-01-01T00:00:00Z\n")
        pod = Pod(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        here = {
            "VENDURE_PASSWORD": shop.password,
            "VERACORE_SYNC_LEDGER__PASSWORD": "",
            "VERACORE_SYNC_CONFIG": str(path),
        }
        ends = {}
        for job in documents("CronJob"):
            spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            (container,) = spec["containers"]
            words = container["args"]
            given = [secrets[one["secretRef"]["name"]] for one in container["envFrom"]]
            pod.env = {name: "sandbox" for one in given for name in one} | here
            ends[" ".join(words)] = pod.run(*words).code
        assert order.code in pod.placed()
    assert ends == {
        "sync-orders": 0,
        # A person looks at the first.
        "sync-inventory": 3,
        "sync-tracking": 0,
        "sync-returns": 0,
        "reconcile": 0,
        # Suspended, until a hook is set.
        "deliver": 78,
        "ledger prune": 0,
    }


def test_no_pod_runs_as_root_or_writes_into_its_image() -> None:
    for pod in pods():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["enableServiceLinks"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["env"] == [
            {"name": "VERACORE_SYNC_CONFIG", "value": "/etc/veracore-sync/config.toml"}
        ]
        assert {one["name"] for one in pod["volumes"]} == {
            one["name"] for one in container["volumeMounts"]
        }


def test_a_run_has_the_time_that_its_settings_give_it(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(documents("ConfigMap")[0]["data"]["config.toml"])
    given = load(path, {}).settings
    for job in documents("CronJob"):
        spec = job["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        section = getattr(given, job["metadata"]["name"].rpartition("-")[2], None)
        if section is not None:
            longest = (section.max_run_minutes + 1) * 60
            assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > longest
            times, *rest = spec["schedule"].split()
            starts = 60 // int(times[2:]) if times.startswith("*/") else len(times.split(","))
            lasts = {("*", "*", "*", "*"): 60, ("0", "*", "*", "0"): 7 * 24 * 60}[tuple(rest)]
            assert lasts // starts == section.interval_minutes
