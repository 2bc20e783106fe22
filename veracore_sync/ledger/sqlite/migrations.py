"""The ledger's schema as ordered migrations.

A released migration is never changed: ledgers to which it was applied would not get the change.
sqlite-utils records the applied ones by name, so no later name may sort before an earlier one. All
run inside one ``BEGIN IMMEDIATE``, because sqlite-utils' own transactions are not safe when several
processes start on a new file at once.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from sqlite_utils import Database as Utils
from sqlite_utils import Migrations

if TYPE_CHECKING:
    from veracore_sync.ledger.sqlite.database import SqliteDatabase

migrations = Migrations("veracore-sync")

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    code TEXT PRIMARY KEY,
    vendure_id TEXT NOT NULL,
    veracore_id TEXT COLLATE NOCASE UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'in_doubt', 'failed', 'parked',
        'synced', 'shipped', 'cancelled', 'conflict', 'skipped')),
    cause TEXT NOT NULL DEFAULT '',
    error_class TEXT,
    error_message TEXT,
    retry_count INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    sequence INTEGER,
    content_hash TEXT,
    settings_hash TEXT,
    looked_up INTEGER NOT NULL DEFAULT 0,
    placed_at TEXT,
    shop_updated_at TEXT,
    checked_at TEXT,
    doubt_since TEXT,
    absent_at TEXT,
    last_sync_attempt TEXT,
    last_successful_sync TEXT,
    next_attempt_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX orders_by_state ON orders (state, next_attempt_at);
CREATE INDEX orders_by_update ON orders (updated_at);

CREATE TABLE attempts (
    code TEXT NOT NULL REFERENCES orders (code),
    attempt INTEGER NOT NULL,
    veracore_id TEXT NOT NULL,
    payload_hash TEXT NOT NULL,
    lines TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    outcome TEXT,
    message TEXT,
    PRIMARY KEY (code, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    command TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    exit_code INTEGER,
    result TEXT
) STRICT;
CREATE INDEX runs_by_command ON runs (command, id);

CREATE TABLE alerts (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    code TEXT,
    message TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    resolved_at TEXT
) STRICT;
CREATE INDEX alerts_open ON alerts (resolved_at, kind);
CREATE INDEX alerts_by_order ON alerts (code);

CREATE TABLE job_locks (
    job TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    pid INTEGER NOT NULL,
    since TEXT NOT NULL
) STRICT;
"""

_UPSTREAMS = """
CREATE TABLE breakers (
    upstream TEXT NOT NULL,
    family TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
    failures INTEGER NOT NULL DEFAULT 0,
    opened_at TEXT,
    retry_at TEXT,
    owner TEXT,
    PRIMARY KEY (upstream, family)
) STRICT, WITHOUT ROWID;

CREATE TABLE budgets (
    upstream TEXT PRIMARY KEY,
    tokens REAL NOT NULL,
    factor REAL NOT NULL,
    filled_at TEXT NOT NULL,
    closed_until TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE refusals (
    upstream TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    refused_at TEXT NOT NULL,
    tried_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

_STOCK = """
CREATE TABLE stock_skus (
    key TEXT PRIMARY KEY,
    sku TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('known', 'unknown', 'ambiguous')),
    missing INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_processed (
    code TEXT PRIMARY KEY REFERENCES orders (code),
    looked_at TEXT NOT NULL,
    processed_at TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_by_end ON attempts (ended_at);
"""


def run_statements(connection: sqlite3.Connection, script: str) -> None:
    """Run each statement of `script` inside the transaction that is open.

    ``executescript`` would commit it.
    """
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)


@migrations()
def m001_orders(db: Utils) -> None:
    """Orders, attempts, runs, alerts and job locks."""
    run_statements(db.conn, _FIRST)


@migrations()
def m002_upstreams(db: Utils) -> None:
    """Circuit breakers, rate budgets and refused credentials."""
    run_statements(db.conn, _UPSTREAMS)


@migrations()
def m003_stock(db: Utils) -> None:
    """Known and unknown SKUs; orders that were seen processed."""
    run_statements(db.conn, _STOCK)


_INBOX = """
CREATE TABLE inbox (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    received_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_by_age ON inbox (received_at);

CREATE TABLE hints (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    asked INTEGER NOT NULL,
    covered INTEGER NOT NULL DEFAULT 0,
    asked_at TEXT NOT NULL,
    due_at TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    error_class TEXT,
    error_message TEXT,
    covered_at TEXT,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX hints_due ON hints (kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX hints_done ON hints (covered_at) WHERE due_at IS NULL;
"""


@migrations()
def m005_inbox(db: Utils) -> None:
    """Deliveries of the webhook listener, and their hints."""
    run_statements(db.conn, _INBOX)


_OUTBOX = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    code TEXT,
    at TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;

CREATE INDEX events_by_code ON events (code, seq);
CREATE INDEX events_by_age ON events (at);

CREATE TABLE deliveries (
    hook TEXT NOT NULL,
    seq INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    tries INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT,
    done_at TEXT,
    error TEXT,
    PRIMARY KEY (hook, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_waiting ON deliveries (hook, seq) WHERE done_at IS NULL;

CREATE TABLE hooks (
    hook TEXT PRIMARY KEY,
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since TEXT,
    next_attempt_at TEXT,
    error TEXT
) STRICT, WITHOUT ROWID;
"""


@migrations()
def m006_outbox(db: Utils) -> None:
    """Events, and their deliveries to hooks."""
    run_statements(db.conn, _OUTBOX)


_SHIPMENTS = """
CREATE TABLE tracked (
    veracore_id TEXT PRIMARY KEY COLLATE NOCASE,
    code TEXT,
    reference TEXT NOT NULL,
    rows TEXT NOT NULL DEFAULT '{}',
    newest_day TEXT,
    looked_at TEXT,
    asked_at TEXT,
    first_seen_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tracked_by_day ON tracked (newest_day) WHERE newest_day IS NOT NULL;

CREATE TABLE slips (
    veracore_id TEXT NOT NULL COLLATE NOCASE,
    slip TEXT NOT NULL,
    code TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'intended', 'added', 'done', 'covered',
        'handed')),
    packages TEXT NOT NULL,
    since TEXT NOT NULL,
    lines TEXT,
    method TEXT,
    tracking_code TEXT,
    known TEXT,
    intended_at TEXT,
    fulfilment_id TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT,
    reason TEXT,
    first_seen_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (veracore_id, slip)
) STRICT, WITHOUT ROWID;
CREATE INDEX slips_open ON slips (next_attempt_at) WHERE state IN ('open', 'intended', 'added');
CREATE INDEX slips_by_code ON slips (code);
"""


@migrations()
def m007_shipments(db: Utils) -> None:
    """Tracked orders, and slips with their fulfilments."""
    run_statements(db.conn, _SHIPMENTS)


@migrations()
def m008_forgetting(db: Utils) -> None:
    """Without this index, deleting an event scans the deliveries of all events."""
    db.conn.execute("CREATE INDEX deliveries_by_event ON deliveries (seq)")


@migrations()
def m009_lock_files(db: Utils) -> None:
    """The inode of the lock file that a job's holder has locked; another may have its name now."""
    db.conn.execute("ALTER TABLE job_locks ADD COLUMN lock_inode INTEGER")


_HELD = """
CREATE TABLE held (
    code TEXT PRIMARY KEY REFERENCES orders (code) ON DELETE CASCADE,
    lines TEXT,
    cancelled TEXT NOT NULL DEFAULT '[]',
    sent_at TEXT,
    since TEXT NOT NULL,
    looked_at TEXT,
    processed_at TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX held_by_since ON held (since);

INSERT INTO held (code, lines, sent_at, since, looked_at, processed_at)
SELECT a.code, CASE WHEN a.payload_hash = '' AND a.lines = '[]' THEN NULL ELSE a.lines END,
    CASE WHEN a.payload_hash = '' THEN NULL ELSE a.started_at END, a.ended_at,
    p.looked_at, p.processed_at
FROM attempts a JOIN orders o ON o.code = a.code AND o.attempt = a.attempt
LEFT JOIN stock_processed p ON p.code = a.code
WHERE a.outcome = 'accepted' AND a.ended_at IS NOT NULL;

DROP TABLE stock_processed
"""


@migrations()
def m010_held(db: Utils) -> None:
    """What VeraCore holds of each order, and when it was seen processed."""
    run_statements(db.conn, _HELD)


_TICKS = """
ALTER TABLE orders ADD COLUMN absent_tick TEXT;
ALTER TABLE slips ADD COLUMN since_tick TEXT;
ALTER TABLE slips ADD COLUMN intended_tick TEXT
"""


@migrations()
def m011_ticks(db: Utils) -> None:
    """Ticks of the monotonic clock for waits that setting the wall clock must not shorten."""
    run_statements(db.conn, _TICKS)


_CONTENT = """
ALTER TABLE attempts ADD COLUMN facets TEXT;
CREATE TABLE compared (
    code TEXT PRIMARY KEY REFERENCES orders (code) ON DELETE CASCADE,
    compared_at TEXT,
    state TEXT,
    shop_at TEXT,
    seen TEXT,
    base TEXT,
    reported TEXT NOT NULL DEFAULT '{}',
    away_since TEXT,
    accepted_at TEXT
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO compared (code, state, shop_at)
SELECT o.code, json_extract(m.value, '$.state'), json_extract(m.value, '$.at')
FROM meta m JOIN orders o ON m.key = 'watch.judged:' || o.code WHERE json_valid(m.value);

DELETE FROM meta WHERE substr(key, 1, 13) = 'watch.judged:'
"""


@migrations()
def m012_content(db: Utils) -> None:
    """What was sent of each order and what was compared last, to find what the shop changes."""
    run_statements(db.conn, _CONTENT)


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


def migrate(database: SqliteDatabase) -> None:
    """Apply the missing migrations in one transaction."""
    with database.transaction() as connection:
        migrations.apply(Utils(connection))
