"""Why ``sync-inventory`` left variants as they are: each kind with its reason, in one place."""

from __future__ import annotations

from veracore_sync.jobs.inventory.alerts import CHECK
from veracore_sync.jobs.inventory.plan import Guard
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.reasons import HERE, MOST_NAMED, Why
from veracore_sync.ports.stock_staging import StagingStore

_UNKNOWN = (
    "create the offer at VeraCore, or name the SKU in skus.aliases or skus.exclude; "
    "`veracore-sync doctor` checks the SKUs"
)
SKIPPED = {
    "unknown": Why("skipped", "not in VeraCore's stock", _UNKNOWN),
    "ambiguous": Why(
        "only lowered",
        "several variants have the SKU, or VeraCore spells it in two ways",
        "give each variant a SKU of its own",
    ),
    "missing": Why(
        "skipped",
        "missing from VeraCore's stock this time; after three complete reads it is zero",
        "nothing to do: the next run reads it again",
    ),
    "untracked": Why(
        "skipped",
        "the shop does not track its stock (trackInventory)",
        "switch it on in the shop if the SKU is to be kept in step",
    ),
    "excluded": Why("skipped", "named in skus.exclude"),
    "blank": Why("skipped", "it has no SKU", "give it one in the shop"),
    "unread": Why("skipped", "the shop gives no usable answer about it", "every run tries again"),
    "disabled": Why(
        "skipped", "it is disabled, and another variant has its SKU", "give it another SKU"
    ),
}
"""By the kind of a staged variant that is not written as it would be."""


def explain_skipped(report: InventoryReport, book: StagingStore) -> None:
    """Give each variant that was left alone its reason."""
    for kind, why in SKIPPED.items():
        names = [name for name in book.names(kind, MOST_NAMED) if name]
        report.reasons.add_all(why, names, book.count_variants(kind))
    for sku, message in report.refused.items():
        todo = f"every run tries again; `veracore-sync sync-inventory --sku {HERE}` at once"
        report.reasons.add(Why("refused by the shop", message, todo), sku)
    for name, message in report.unreadable.items():
        report.reasons.add(Why("cannot be read", message, "every run tries again"), name)


def explain_guard(report: InventoryReport, found: Guard | None) -> None:
    """Say which guard withheld what, and how to go on."""
    if found is None:
        return
    todo = CHECK
    if report.plan is not None:
        todo = "if the plan is right: `veracore-sync sync-inventory --allow-mass-change`"
    if found.name == "empty":
        todo = "`veracore-sync doctor` checks the account and its permissions"
    what = f"withheld by the guard {found.name!r}"
    names = [one.sku for one in report.plan.withheld[:MOST_NAMED]] if report.plan else []
    count = report.withheld
    if not count:
        report.reasons.add(Why("everything withheld", found.cause, todo), count=report.processed)
        return
    report.reasons.add_all(Why(what, found.cause, todo), names, count)
