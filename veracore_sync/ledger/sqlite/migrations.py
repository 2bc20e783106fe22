"""The ledger's schema as ordered migrations: those from the thirteenth on.

The rules for a new one are in `first_migrations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils import Database as Utils

from veracore_sync.ledger.sqlite.first_migrations import migrations, run_statements

if TYPE_CHECKING:
    from veracore_sync.ledger.sqlite.database import SqliteDatabase

_IDENTITY = """
ALTER TABLE orders ADD COLUMN shop_code TEXT;
CREATE INDEX orders_by_shop_code ON orders (shop_code) WHERE shop_code IS NOT NULL;
CREATE INDEX attempts_by_id ON attempts (veracore_id COLLATE NOCASE)
"""


@migrations()
def m013_identity(db: Utils) -> None:
    """The code that an order had until the shop gave it to another; which order had an id."""
    run_statements(db.conn, _IDENTITY)


_CANCELLATIONS = """
CREATE TABLE cancellations (
    code TEXT PRIMARY KEY REFERENCES orders (code) ON DELETE CASCADE,
    veracore_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('wanted', 'asking', 'unknown', 'cancelled', 'too_late',
        'refused')),
    wanted_by TEXT NOT NULL CHECK (wanted_by IN ('person', 'shop')),
    asked INTEGER NOT NULL DEFAULT 0,
    looks INTEGER NOT NULL DEFAULT 0,
    message TEXT,
    wanted_at TEXT NOT NULL,
    asked_at TEXT,
    seen_at TEXT,
    seen_tick TEXT,
    left_at TEXT,
    next_attempt_at TEXT,
    updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cancellations_open ON cancellations (state) WHERE state <> 'cancelled';
ALTER TABLE orders ADD COLUMN shop_cancelled_at TEXT
"""


@migrations()
def m014_cancellations(db: Utils) -> None:
    """Cancellations after the hand-over, and when the shop was seen to have cancelled an order."""
    run_statements(db.conn, _CANCELLATIONS)


_ACCEPTED = """
ALTER TABLE alerts ADD COLUMN difference TEXT;
CREATE TABLE accepted (
    key TEXT NOT NULL,
    difference TEXT NOT NULL,
    kind TEXT NOT NULL,
    code TEXT,
    reason TEXT NOT NULL,
    accepted_at TEXT NOT NULL,
    PRIMARY KEY (key, difference)
) STRICT, WITHOUT ROWID;
CREATE INDEX accepted_by_order ON accepted (code)
"""


@migrations()
def m015_accepted(db: Utils) -> None:
    """What an alert is about, and the differences that a person has accepted, with a reason."""
    run_statements(db.conn, _ACCEPTED)


_RETURNS = """
CREATE TABLE receipts (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    details TEXT NOT NULL,
    veracore_id TEXT NOT NULL,
    slip TEXT NOT NULL,
    product TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    disposition TEXT NOT NULL,
    day TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    note TEXT NOT NULL CHECK (note IN ('none', 'wanted', 'asked', 'written', 'dropped')),
    tries INTEGER NOT NULL DEFAULT 0,
    asked_at TEXT,
    asked_tick TEXT
) STRICT;
CREATE INDEX receipts_by_key ON receipts (key);
CREATE INDEX receipts_by_day ON receipts (day);
CREATE INDEX receipts_with_open_notes ON receipts (tries, id) WHERE note IN ('wanted', 'asked')
"""


@migrations()
def m016_returns(db: Utils) -> None:
    """Receipts of goods that came back, each once, and the notes about them."""
    run_statements(db.conn, _RETURNS)


@migrations()
def m017_warnings(db: Utils) -> None:
    """What the order as sent last could not say, as a JSON list of sentences."""
    run_statements(db.conn, "ALTER TABLE orders ADD COLUMN warnings TEXT")


@migrations()
def m018_finished(db: Utils) -> None:
    """Whether VeraCore had completed an order when it was looked up last."""
    run_statements(db.conn, "ALTER TABLE tracked ADD COLUMN complete INTEGER NOT NULL DEFAULT 0")


_OF_MANY = """
CREATE INDEX orders_by_acceptance ON orders (last_successful_sync DESC, code)
    WHERE state IN ('synced', 'shipped') AND veracore_id IS NOT NULL;
CREATE INDEX tracked_of_nobody ON tracked (first_seen_at) WHERE code IS NULL
"""


@migrations()
def m019_of_many(db: Utils) -> None:
    """A run finds the newest order, and shipments of nobody, among a million."""
    run_statements(db.conn, _OF_MANY)


_AUDIT = """
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    way TEXT NOT NULL CHECK (way IN ('page', 'api')),
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT,
    outcome TEXT,
    ended_at TEXT
) STRICT;
CREATE INDEX audit_by_time ON audit (at)
"""


@migrations()
def m020_audit(db: Utils) -> None:
    """Who acted through the Admin API or its page, on what, from where."""
    run_statements(db.conn, _AUDIT)


_DIFFERENCES = """
CREATE TABLE differences (
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    detail TEXT NOT NULL,
    ledger TEXT NOT NULL,
    shop TEXT NOT NULL,
    warehouse TEXT NOT NULL,
    since TEXT,
    veracore_id TEXT NOT NULL,
    repair TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    ended_at TEXT,
    accepted_at TEXT,
    accepted_mark TEXT,
    reason TEXT,
    PRIMARY KEY (type, name, detail)
) STRICT, WITHOUT ROWID;
CREATE INDEX differences_standing ON differences (name) WHERE ended_at IS NULL;
CREATE INDEX differences_ended ON differences (ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE agreed (
    code TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    fingerprint TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agreed_by_age ON agreed (at)
"""


@migrations()
def m021_differences(db: Utils) -> None:
    """What ledger, shop and warehouse disagree about, and of which orders all agreed."""
    run_statements(db.conn, _DIFFERENCES)


_COSTS = """
ALTER TABLE orders ADD COLUMN paid_at TEXT;
ALTER TABLE slips ADD COLUMN left_at TEXT;
ALTER TABLE slips ADD COLUMN freight TEXT;
ALTER TABLE slips ADD COLUMN charges TEXT;
UPDATE slips SET left_at = (SELECT max(json_extract(value, '$[3]')) FROM json_each(packages)
    WHERE NOT json_extract(value, '$[4]'));
CREATE INDEX orders_by_day ON orders (coalesce(placed_at, created_at), state);
CREATE INDEX held_by_sent ON held (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX slips_by_departure ON slips (left_at) WHERE left_at IS NOT NULL
"""


@migrations()
def m022_costs(db: Utils) -> None:
    """When an order was paid, when a slip's packages left, and what they cost."""
    run_statements(db.conn, _COSTS)


_HISTORY = """
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL,
    at TEXT NOT NULL,
    event TEXT NOT NULL,
    message TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_order ON history (code);
CREATE INDEX history_by_time ON history (at)
"""


@migrations()
def m023_history(db: Utils) -> None:
    """What happened to an order and is said by no other row any more."""
    run_statements(db.conn, _HISTORY)


_STOCK_BASELINE = """
CREATE TABLE stock_parts (
    part TEXT PRIMARY KEY,
    basis TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE stock_variants (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stock_variants_by_key ON stock_variants (key);
CREATE TABLE stock_orders (
    id TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    variants TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE stock_suspects (
    id TEXT PRIMARY KEY,
    mark TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stock_skus_missing ON stock_skus (key) WHERE missing > 0
"""


@migrations()
def m024_stock_baseline(db: Utils) -> None:
    """What the shop's levels were right for, so that a run reads only what changed since."""
    run_statements(db.conn, _STOCK_BASELINE)


def migrate(database: SqliteDatabase) -> None:
    """Apply the missing migrations in one transaction."""
    with database.transaction() as connection:
        migrations.apply(Utils(connection))
