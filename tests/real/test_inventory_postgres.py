"""What PostgreSQL alone does to the writing of stock: it ends deadlocks, and refuses a row."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from real_kit import make_rig, saleable, stock, sync
from realvendure import RealVendure
from rig import Rig
from vendure_bed import PostgresCluster

from veracore_sync.sandbox.server import Sandbox

SKUS = [f"SKU-{number:06d}" for number in range(1, 41)]
FIRST, LAST = SKUS[0], SKUS[-1]
# Touches the last row, waits until another session waits for it, then wants the first row, which
# that session has. Where both wait, the one that is patient wins.
RIVAL = """
set deadlock_timeout = '60s';
do $$ begin
  update stock_level set "stockAllocated" = "stockAllocated" where "productVariantId" = {last};
  while not exists (select from pg_locks where not granted) loop perform pg_sleep(0.01); end loop;
  update stock_level set "stockAllocated" = "stockAllocated" where "productVariantId" = {first};
end $$"""
AT_WORK = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
REFUSE = """
create function refuse() returns trigger language plpgsql as
  $$ begin raise exception 'this row is not to be changed'; end $$;
create trigger refuse before update on stock_level for each row
  when (new."productVariantId" = {variant}) execute function refuse()"""
RELENT = "drop trigger refuse on stock_level"


class Database:
    """The database below one Vendure server."""

    def __init__(self, cluster: PostgresCluster, vendure: RealVendure) -> None:
        assert vendure.server is not None
        self.cluster, self.name = cluster, vendure.server.database["name"]

    def ask(self, sql: str) -> str:
        return self.cluster.ask(self.name, sql).strip()


@pytest.fixture
def rig(module_vendure_pg: RealVendure, sandbox: Sandbox, tmp_path: Path) -> Rig:
    made = make_rig(module_vendure_pg, sandbox, tmp_path)
    stock(made, dict.fromkeys(SKUS, 50))
    return made


@pytest.fixture
def database(postgres_cluster: PostgresCluster, module_vendure_pg: RealVendure) -> Database:
    return Database(postgres_cluster, module_vendure_pg)


def test_a_deadlock_is_outlived(
    rig: Rig, module_vendure_pg: RealVendure, database: Database
) -> None:
    vendure = module_vendure_pg
    sync(rig, "--allow-mass-change")
    stock(rig, dict.fromkeys(SKUS, 40))
    before = database.cluster.log().count("deadlock detected")
    rows = {"first": vendure.variant_id(FIRST), "last": vendure.variant_id(LAST)}
    with ThreadPoolExecutor(1) as rival:
        done = rival.submit(database.ask, RIVAL.format(**rows))
        while database.ask(AT_WORK) != "1":
            assert not done.done(), done.result()
            time.sleep(0.05)
        told = sync(rig, "--allow-mass-change")
        done.result()
    assert database.cluster.log().count("deadlock detected") > before
    assert (told["updated"], told["errors"]) == (len(SKUS), 0)
    assert {saleable(vendure, sku) for sku in SKUS} == {40}
    assert sync(rig)["updated"] == 0


def test_a_row_that_the_database_refuses_stops_no_other(
    rig: Rig, module_vendure_pg: RealVendure, database: Database
) -> None:
    vendure = module_vendure_pg
    sync(rig, "--allow-mass-change")
    stock(rig, dict.fromkeys(SKUS, 30))
    refused = SKUS[4]
    database.ask(REFUSE.format(variant=vendure.variant_id(refused)))
    told = sync(rig, "--allow-mass-change", code=3)
    assert (told["updated"], told["errors"]) == (len(SKUS) - 1, 1)
    assert {sku: saleable(vendure, sku) for sku in SKUS} == {
        sku: 50 if sku == refused else 30 for sku in SKUS
    }
    database.ask(RELENT)
    assert sync(rig)["updated"] == 1
    assert saleable(vendure, refused) == 30
