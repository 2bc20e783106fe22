PRAGMA user_version = 8;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'veracore-sync','m001_orders','2026-11-28 06:50:27.176473+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'veracore-sync','m002_upstreams','2026-11-28 06:50:27.176677+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'veracore-sync','m003_stock','2026-11-28 06:50:27.176837+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'veracore-sync','m005_inbox','2026-11-28 06:50:27.177084+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'veracore-sync','m006_outbox','2026-11-28 06:50:27.177331+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'veracore-sync','m007_shipments','2026-11-28 06:50:27.177549+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'veracore-sync','m008_forgetting','2026-11-28 06:50:27.177631+00:00');
CREATE TABLE alerts (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    code TEXT,
    message TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    resolved_at TEXT
) STRICT;
INSERT INTO "alerts" VALUES('stock.unknown:','stock.unknown',NULL,'1 are not in VeraCore''s stock and were left alone: GHOST','2026-11-28T06:50:30.238Z',NULL);
INSERT INTO "alerts" VALUES('order.cancelled:TF2AHX3JQJTJYLKF','order.cancelled','TF2AHX3JQJTJYLKF','it was cancelled at VeraCore after it was placed','2026-11-28T06:50:32.369Z',NULL);
INSERT INTO "alerts" VALUES('order.parked:NY1NUB8LF5GDKHAC','order.parked','NY1NUB8LF5GDKHAC','VeraCore refused it (Invalid Product ID): a SKU of it (GHOST) is unknown there: create the offer at VeraCore, correct the SKU in the shop, or map it in skus.aliases','2026-11-28T06:50:36.336Z',NULL);
INSERT INTO "alerts" VALUES('order.conflict:F85HGKRWGAFTVT6Z','order.conflict','F85HGKRWGAFTVT6Z','VeraCore holds another order under the id F85HGKRWGAFTVT6Z: its reference is ''100234''','2026-11-28T06:50:41.589Z',NULL);
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
INSERT INTO "attempts" VALUES('0TH34NV9Z3VD29FS',1,'0TH34NV9Z3VD29FS','84029b000edcfa1cb93ec9b48e94202c','[["HAT", 1]]','2026-11-28T06:50:43.294Z','2026-11-28T06:50:43.307Z','in doubt','[Errno 104] Connection reset by peer');
INSERT INTO "attempts" VALUES('0Y647TX0E387MB6H',1,'0Y647TX0E387MB6H','89b98a31b90bddb6c81496fb6ca64ffc','[["MUG", 2], ["TEE", 1]]','2026-11-28T06:50:27.770Z','2026-11-28T06:50:27.816Z','accepted',NULL);
INSERT INTO "attempts" VALUES('3ELXYGV8TJ0QDUN0',1,'3ELXYGV8TJ0QDUN0','c768a34900885ba7ef3dba0c92ff7ade','[["MUG", 2], ["TEE", 1]]','2026-11-28T06:50:27.734Z','2026-11-28T06:50:27.744Z','accepted',NULL);
INSERT INTO "attempts" VALUES('3RVXUWXJDP9TUWLY',1,'3RVXUWXJDP9TUWLY','7dab21cfb0dfb232b7054d69a3027634','[["MUG", 2], ["TEE", 1]]','2026-11-28T06:50:27.750Z','2026-11-28T06:50:27.790Z','accepted',NULL);
INSERT INTO "attempts" VALUES('F85HGKRWGAFTVT6Z',1,'F85HGKRWGAFTVT6Z','fed4668dcf8fbc634171a2256ad0c828','[["HAT", 3]]','2026-11-28T06:50:41.577Z','2026-11-28T06:50:41.581Z','in doubt','Order ID F85HGKRWGAFTVT6Z already exists');
INSERT INTO "attempts" VALUES('MU8Q37TBT34P1KWJ',1,'MU8Q37TBT34P1KWJ','e6c601009167ba9ab069d5d7bfaf813d','[["MUG", 2], ["TEE", 1]]','2026-11-28T06:50:27.751Z','2026-11-28T06:50:27.799Z','accepted',NULL);
INSERT INTO "attempts" VALUES('NY1NUB8LF5GDKHAC',1,'NY1NUB8LF5GDKHAC','18e672442d50e1d8f64b65302a33140c','[["GHOST", 1]]','2026-11-28T06:50:36.330Z','2026-11-28T06:50:36.334Z','refused','VeraCore refused it (Invalid Product ID): a SKU of it (GHOST) is unknown there: create the offer at VeraCore, correct the SKU in the shop, or map it in skus.aliases');
INSERT INTO "attempts" VALUES('PJYXW1RPNQWMCJ7K',1,'PJYXW1RPNQWMCJ7K','6cb197f1c03cd39ca644386e7750f333','[["TEE", 1]]','2026-11-28T06:50:44.384Z',NULL,NULL,NULL);
INSERT INTO "attempts" VALUES('TF2AHX3JQJTJYLKF',1,'TF2AHX3JQJTJYLKF','8b8af659e402160cc0f62d2a20709cf4','[["MUG", 2], ["TEE", 1]]','2026-11-28T06:50:27.746Z','2026-11-28T06:50:27.788Z','accepted',NULL);
INSERT INTO "attempts" VALUES('URE8HDSAGKWH9RM8',1,'URE8HDSAGKWH9RM8','c5979d17c2983873f2bd6f0ea4e4889e','[["MUG", 2], ["TEE", 1]]','2026-11-28T06:50:27.662Z','2026-11-28T06:50:27.738Z','accepted',NULL);
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
INSERT INTO "breakers" VALUES('veracore','orders','closed',0,NULL,NULL,NULL);
CREATE TABLE budgets (
    upstream TEXT PRIMARY KEY,
    tokens REAL NOT NULL,
    factor REAL NOT NULL,
    filled_at TEXT NOT NULL,
    closed_until TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE deliveries (
    hook TEXT NOT NULL,
    seq INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    tries INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT,
    done_at TEXT,
    error TEXT,
    PRIMARY KEY (hook, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO "deliveries" VALUES('command',1,1,'2026-11-28T06:51:26.738Z',NULL,'exit code 1');
INSERT INTO "deliveries" VALUES('command',2,1,'2026-11-28T06:51:21.636Z',NULL,'exit code 1');
INSERT INTO "deliveries" VALUES('command',3,1,'2026-11-28T06:51:22.869Z',NULL,'exit code 1');
INSERT INTO "deliveries" VALUES('command',4,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',5,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',6,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',7,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',8,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',9,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',10,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',11,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',12,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',13,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',14,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',15,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',16,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',17,0,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('command',18,0,NULL,NULL,NULL);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    code TEXT,
    at TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
INSERT INTO "events" VALUES(1,'evt_ce8161518b1b65a13f27dab8','order.synced','URE8HDSAGKWH9RM8','2026-11-28T06:50:27.738Z','{"vendureOrderCode": "URE8HDSAGKWH9RM8", "veracoreOrderId": "URE8HDSAGKWH9RM8", "adopted": false}');
INSERT INTO "events" VALUES(2,'evt_eec1454d69baad2ecbf74665','order.synced','3ELXYGV8TJ0QDUN0','2026-11-28T06:50:27.744Z','{"vendureOrderCode": "3ELXYGV8TJ0QDUN0", "veracoreOrderId": "3ELXYGV8TJ0QDUN0", "adopted": false}');
INSERT INTO "events" VALUES(3,'evt_a972e0a8464a69b829ef3fd6','order.synced','TF2AHX3JQJTJYLKF','2026-11-28T06:50:27.788Z','{"vendureOrderCode": "TF2AHX3JQJTJYLKF", "veracoreOrderId": "TF2AHX3JQJTJYLKF", "adopted": false}');
INSERT INTO "events" VALUES(4,'evt_b45ed4db84b5da9b6d5430e6','order.synced','3RVXUWXJDP9TUWLY','2026-11-28T06:50:27.791Z','{"vendureOrderCode": "3RVXUWXJDP9TUWLY", "veracoreOrderId": "3RVXUWXJDP9TUWLY", "adopted": false}');
INSERT INTO "events" VALUES(5,'evt_547a4adb27854e409953c264','order.synced','MU8Q37TBT34P1KWJ','2026-11-28T06:50:27.799Z','{"vendureOrderCode": "MU8Q37TBT34P1KWJ", "veracoreOrderId": "MU8Q37TBT34P1KWJ", "adopted": false}');
INSERT INTO "events" VALUES(6,'evt_5adc8d9f07f72d3b2cf02080','order.synced','0Y647TX0E387MB6H','2026-11-28T06:50:27.816Z','{"vendureOrderCode": "0Y647TX0E387MB6H", "veracoreOrderId": "0Y647TX0E387MB6H", "adopted": false}');
INSERT INTO "events" VALUES(7,'evt_0c77c10dc1aeb6250688c8f7','stock.unknown',NULL,'2026-11-28T06:50:30.238Z','{"vendureOrderCode": null, "message": "1 are not in VeraCore''s stock and were left alone: GHOST", "openedAt": "2026-11-28T06:50:30.238Z"}');
INSERT INTO "events" VALUES(8,'evt_472a16e446c1d9fb2cffa35a','alert.opened',NULL,'2026-11-28T06:50:30.238Z','{"kind": "stock.unknown", "vendureOrderCode": null, "message": "1 are not in VeraCore''s stock and were left alone: GHOST", "openedAt": "2026-11-28T06:50:30.238Z"}');
INSERT INTO "events" VALUES(9,'evt_123684dfe238fdbd5494dbfc','tracking.updated','3ELXYGV8TJ0QDUN0','2026-11-28T06:50:32.227Z','{"vendureOrderCode": "3ELXYGV8TJ0QDUN0", "veracoreOrderId": "3ELXYGV8TJ0QDUN0", "slip": "604002", "carrier": "UPS", "service": "Ground", "trackingCode": "1Z2", "packages": [{"carrier": "UPS", "service": "Ground", "tracking": "1Z2", "url": null}], "fulfillmentId": "1", "lines": [{"sku": "MUG", "quantity": 1}]}');
INSERT INTO "events" VALUES(10,'evt_2158a7541afe1242a72778f3','order.partially_shipped','3ELXYGV8TJ0QDUN0','2026-11-28T06:50:32.247Z','{"vendureOrderCode": "3ELXYGV8TJ0QDUN0", "veracoreOrderId": "3ELXYGV8TJ0QDUN0"}');
INSERT INTO "events" VALUES(11,'evt_30bed3e81f2cbc00875a18ee','tracking.updated','URE8HDSAGKWH9RM8','2026-11-28T06:50:32.307Z','{"vendureOrderCode": "URE8HDSAGKWH9RM8", "veracoreOrderId": "URE8HDSAGKWH9RM8", "slip": "604001", "carrier": "UPS", "service": "Ground", "trackingCode": "1Z1", "packages": [{"carrier": "UPS", "service": "Ground", "tracking": "1Z1", "url": null}], "fulfillmentId": "2", "lines": [{"sku": "MUG", "quantity": 2}, {"sku": "TEE", "quantity": 1}]}');
INSERT INTO "events" VALUES(12,'evt_19c57c639d8fd7f63d02b9c5','order.shipped','URE8HDSAGKWH9RM8','2026-11-28T06:50:32.316Z','{"vendureOrderCode": "URE8HDSAGKWH9RM8", "veracoreOrderId": "URE8HDSAGKWH9RM8"}');
INSERT INTO "events" VALUES(13,'evt_daa4ddb5808f1a4a78a222cd','order.cancelled','TF2AHX3JQJTJYLKF','2026-11-28T06:50:32.369Z','{"vendureOrderCode": "TF2AHX3JQJTJYLKF", "message": "it was cancelled at VeraCore after it was placed", "openedAt": "2026-11-28T06:50:32.369Z"}');
INSERT INTO "events" VALUES(14,'evt_a97c89bcb04fdea97dc99a69','alert.opened','TF2AHX3JQJTJYLKF','2026-11-28T06:50:32.369Z','{"kind": "order.cancelled", "vendureOrderCode": "TF2AHX3JQJTJYLKF", "message": "it was cancelled at VeraCore after it was placed", "openedAt": "2026-11-28T06:50:32.369Z"}');
INSERT INTO "events" VALUES(15,'evt_c38ff3b1de97a68c91f479cb','order.parked','NY1NUB8LF5GDKHAC','2026-11-28T06:50:36.336Z','{"vendureOrderCode": "NY1NUB8LF5GDKHAC", "message": "VeraCore refused it (Invalid Product ID): a SKU of it (GHOST) is unknown there: create the offer at VeraCore, correct the SKU in the shop, or map it in skus.aliases", "openedAt": "2026-11-28T06:50:36.336Z"}');
INSERT INTO "events" VALUES(16,'evt_dd313bd51736cb4551771e0a','alert.opened','NY1NUB8LF5GDKHAC','2026-11-28T06:50:36.336Z','{"kind": "order.parked", "vendureOrderCode": "NY1NUB8LF5GDKHAC", "message": "VeraCore refused it (Invalid Product ID): a SKU of it (GHOST) is unknown there: create the offer at VeraCore, correct the SKU in the shop, or map it in skus.aliases", "openedAt": "2026-11-28T06:50:36.336Z"}');
INSERT INTO "events" VALUES(17,'evt_6a84eba96578a278cb6def70','order.conflict','F85HGKRWGAFTVT6Z','2026-11-28T06:50:41.590Z','{"vendureOrderCode": "F85HGKRWGAFTVT6Z", "message": "VeraCore holds another order under the id F85HGKRWGAFTVT6Z: its reference is ''100234''", "openedAt": "2026-11-28T06:50:41.589Z"}');
INSERT INTO "events" VALUES(18,'evt_8b30d0c4bea918305255547e','alert.opened','F85HGKRWGAFTVT6Z','2026-11-28T06:50:41.590Z','{"kind": "order.conflict", "vendureOrderCode": "F85HGKRWGAFTVT6Z", "message": "VeraCore holds another order under the id F85HGKRWGAFTVT6Z: its reference is ''100234''", "openedAt": "2026-11-28T06:50:41.589Z"}');
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
INSERT INTO "hints" VALUES('inventory','MUG',1,0,'2026-11-28T06:50:44.449Z','2026-11-28T06:50:44.449Z',0,NULL,NULL,NULL);
INSERT INTO "hints" VALUES('order','3ELXYGV8TJ0QDUN0',1,0,'2026-11-28T06:50:44.449Z','2026-11-28T06:50:44.449Z',0,NULL,NULL,NULL);
CREATE TABLE hooks (
    hook TEXT PRIMARY KEY,
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since TEXT,
    next_attempt_at TEXT,
    error TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO "hooks" VALUES('command',1,'2026-11-28T06:50:27.879Z','2026-11-28T06:51:26.416Z','exit code 1');
CREATE TABLE inbox (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    received_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "inbox" VALUES('msg_1','inventory','2026-11-28T06:50:44.449Z');
INSERT INTO "inbox" VALUES('msg_2','order','2026-11-28T06:50:44.449Z');
CREATE TABLE job_locks (
    job TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    pid INTEGER NOT NULL,
    since TEXT NOT NULL
) STRICT;
INSERT INTO "job_locks" VALUES('inventory','sync-inventory',19389,'2026-11-28T06:50:29.933Z');
INSERT INTO "job_locks" VALUES('tracking','sync-tracking',19720,'2026-11-28T06:50:35.203Z');
INSERT INTO "job_locks" VALUES('stock','sync-tracking',19720,'2026-11-28T06:50:35.459Z');
INSERT INTO "job_locks" VALUES('deliver','deliver',20316,'2026-11-28T06:50:43.333Z');
INSERT INTO "job_locks" VALUES('orders','sync-orders',20420,'2026-11-28T06:50:44.090Z');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('created_at','2026-11-28T06:50:27.206Z');
INSERT INTO "meta" VALUES('hash_key','a0e73162647cc97aae726ec2eaeb30fe');
INSERT INTO "meta" VALUES('identity.shop','http://127.0.0.1:36245/admin-api default');
INSERT INTO "meta" VALUES('identity.warehouse','oms http://127.0.0.1:37183 sandbox');
INSERT INTO "meta" VALUES('lookup.proved','ba6694bc814660b25a31a2cb0b41291f6cf18487dcd746441ec4c33cf9be1e83');
INSERT INTO "meta" VALUES('net.checked_at','2026-11-28T06:50:44.332Z');
INSERT INTO "meta" VALUES('net.deep_at','2026-11-28T06:50:27.577Z');
INSERT INTO "meta" VALUES('probe_id','JI330TZ6PSQ4Z4CT6415');
INSERT INTO "meta" VALUES('stock.mass_change_allowed','1');
INSERT INTO "meta" VALUES('tracking.complete_at','2026-11-28T06:50:34.004Z');
INSERT INTO "meta" VALUES('watch.updated_at','2026-11-28T06:50:42.484Z');
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
INSERT INTO "orders" VALUES('URE8HDSAGKWH9RM8','1','URE8HDSAGKWH9RM8','shipped','',NULL,NULL,0,1,481001,'28d872be390a8feb4685a74b0aca37fb','a98b9e5bccef6ce1',1,'2026-11-28T06:50:25.421Z','2026-11-28T06:50:24.421Z','2026-11-28T06:50:27.662Z',NULL,NULL,'2026-11-28T06:50:27.662Z','2026-11-28T06:50:27.738Z',NULL,'2026-11-28T06:50:27.598Z','2026-11-28T06:50:32.316Z');
INSERT INTO "orders" VALUES('3ELXYGV8TJ0QDUN0','2','3ELXYGV8TJ0QDUN0','synced','',NULL,NULL,0,1,481002,'39cc51f429e4e219b77d44ced321cbda','a98b9e5bccef6ce1',1,'2026-11-28T06:50:25.421Z','2026-11-28T06:50:24.421Z','2026-11-28T06:50:27.734Z',NULL,NULL,'2026-11-28T06:50:27.734Z','2026-11-28T06:50:27.744Z',NULL,'2026-11-28T06:50:27.598Z','2026-11-28T06:50:27.744Z');
INSERT INTO "orders" VALUES('TF2AHX3JQJTJYLKF','3','TF2AHX3JQJTJYLKF','cancelled','','conflict','it was cancelled at VeraCore after it was placed',0,1,481003,'3c04c692d4df8baa0de412dba3037450','a98b9e5bccef6ce1',1,'2026-11-28T06:50:25.430Z','2026-11-28T06:50:24.430Z','2026-11-28T06:50:27.746Z',NULL,NULL,'2026-11-28T06:50:27.746Z','2026-11-28T06:50:27.788Z',NULL,'2026-11-28T06:50:27.598Z','2026-11-28T06:50:32.369Z');
INSERT INTO "orders" VALUES('3RVXUWXJDP9TUWLY','4','3RVXUWXJDP9TUWLY','synced','',NULL,NULL,0,1,481004,'93f195b421d17a58a6296c32af17cc5e','a98b9e5bccef6ce1',1,'2026-11-28T06:50:25.431Z','2026-11-28T06:50:24.431Z','2026-11-28T06:50:27.750Z',NULL,NULL,'2026-11-28T06:50:27.750Z','2026-11-28T06:50:27.791Z',NULL,'2026-11-28T06:50:27.598Z','2026-11-28T06:50:27.791Z');
INSERT INTO "orders" VALUES('MU8Q37TBT34P1KWJ','5','MU8Q37TBT34P1KWJ','synced','',NULL,NULL,0,1,481005,'f53581715ae59d95bcbbe82906f846a7','a98b9e5bccef6ce1',1,'2026-11-28T06:50:25.431Z','2026-11-28T06:50:24.431Z','2026-11-28T06:50:27.751Z',NULL,NULL,'2026-11-28T06:50:27.751Z','2026-11-28T06:50:27.799Z',NULL,'2026-11-28T06:50:27.598Z','2026-11-28T06:50:27.799Z');
INSERT INTO "orders" VALUES('0Y647TX0E387MB6H','6','0Y647TX0E387MB6H','synced','',NULL,NULL,0,1,481006,'39aff5af31ea086c35556e23538d8c32','a98b9e5bccef6ce1',1,'2026-11-28T06:50:25.431Z','2026-11-28T06:50:24.431Z','2026-11-28T06:50:27.770Z',NULL,NULL,'2026-11-28T06:50:27.770Z','2026-11-28T06:50:27.816Z',NULL,'2026-11-28T06:50:27.598Z','2026-11-28T06:50:27.816Z');
INSERT INTO "orders" VALUES('NY1NUB8LF5GDKHAC','7','NY1NUB8LF5GDKHAC','parked','refused','validation','VeraCore refused it (Invalid Product ID): a SKU of it (GHOST) is unknown there: create the offer at VeraCore, correct the SKU in the shop, or map it in skus.aliases',0,1,NULL,'4f48449356491373a162f900821ee51a','a98b9e5bccef6ce1',0,'2026-11-28T06:50:35.489Z','2026-11-28T06:50:34.489Z','2026-11-28T06:50:36.330Z',NULL,NULL,'2026-11-28T06:50:36.330Z',NULL,'2026-11-28T07:52:01.195Z','2026-11-28T06:50:36.320Z','2026-11-28T06:50:36.334Z');
INSERT INTO "orders" VALUES('YB9CYMMQDEN06B8M','8',NULL,'skipped','state','validation','it is Cancelled in the shop, and not by us',0,0,NULL,NULL,'a98b9e5bccef6ce1',0,'2026-11-28T06:50:36.696Z',NULL,'2026-11-28T06:50:39.729Z',NULL,NULL,NULL,NULL,NULL,'2026-11-28T06:50:37.617Z','2026-11-28T06:50:39.729Z');
INSERT INTO "orders" VALUES('F85HGKRWGAFTVT6Z','9','F85HGKRWGAFTVT6Z','conflict','duplicate','conflict','VeraCore holds another order under the id F85HGKRWGAFTVT6Z: its reference is ''100234''',0,1,NULL,'668a25843458f9d9cb57316eb1dc72e9','a98b9e5bccef6ce1',0,'2026-11-28T06:50:40.257Z','2026-11-28T06:50:39.257Z','2026-11-28T06:50:41.577Z','2026-11-28T06:50:41.581Z',NULL,'2026-11-28T06:50:41.577Z',NULL,NULL,'2026-11-28T06:50:41.564Z','2026-11-28T06:50:41.589Z');
INSERT INTO "orders" VALUES('0TH34NV9Z3VD29FS','10','0TH34NV9Z3VD29FS','in_doubt','lost','unavailable','[Errno 104] Connection reset by peer',0,1,NULL,'aa82ed27e0b445dcce19bd851ed364f7','a98b9e5bccef6ce1',0,'2026-11-28T06:50:41.990Z','2026-11-28T06:50:40.990Z','2026-11-28T06:50:43.320Z','2026-11-28T06:50:43.307Z','2026-11-28T06:50:43.320Z','2026-11-28T06:50:43.294Z',NULL,'2026-11-28T06:53:43.309Z','2026-11-28T06:50:43.284Z','2026-11-28T06:50:43.320Z');
INSERT INTO "orders" VALUES('PJYXW1RPNQWMCJ7K','11','PJYXW1RPNQWMCJ7K','sending','',NULL,NULL,0,1,NULL,'93883c149a99060636fed669c733acb7','a98b9e5bccef6ce1',0,'2026-11-28T06:50:43.484Z','2026-11-28T06:50:42.484Z','2026-11-28T06:50:44.384Z',NULL,NULL,'2026-11-28T06:50:44.384Z',NULL,NULL,'2026-11-28T06:50:44.342Z','2026-11-28T06:50:44.384Z');
INSERT INTO "orders" VALUES('WAITING','WAITING',NULL,'pending','',NULL,NULL,0,0,NULL,NULL,NULL,0,'2026-11-28T06:50:44.423Z',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-28T06:50:44.424Z','2026-11-28T06:50:44.424Z');
INSERT INTO "orders" VALUES('FAILED','FAILED',NULL,'failed','','internal','it cannot be planned',1,0,NULL,NULL,NULL,0,'2026-11-28T06:50:44.423Z',NULL,'2026-11-28T06:50:44.437Z',NULL,NULL,'2026-11-28T06:50:44.437Z',NULL,'2026-11-28T06:50:44.423Z','2026-11-28T06:50:44.424Z','2026-11-28T06:50:44.437Z');
CREATE TABLE refusals (
    upstream TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    refused_at TEXT NOT NULL,
    tried_at TEXT NOT NULL
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
INSERT INTO "runs" VALUES(1,'sync-orders',19258,'2026-11-28T06:50:27.221Z','2026-11-28T06:50:27.833Z',0,'{"submitted": 6, "adopted": 0, "failed": 0, "parked": 0, "inDoubt": 0, "conflict": 0, "skipped": 0, "pending": 0, "errorClass": null}');
INSERT INTO "runs" VALUES(2,'sync-inventory',19389,'2026-11-28T06:50:29.975Z','2026-11-28T06:50:30.241Z',3,'{"totalProcessed": 4, "updated": 0, "errors": 0, "skipped": 1, "withheld": 0, "guard": null, "errorClass": null}');
INSERT INTO "runs" VALUES(3,'sync-tracking',19533,'2026-11-28T06:50:31.867Z','2026-11-28T06:50:32.391Z',3,'{"ordersChecked": 6, "trackingUpdated": 2, "errors": 0, "errorClass": null}');
INSERT INTO "runs" VALUES(4,'sync-tracking',19624,'2026-11-28T06:50:33.819Z','2026-11-28T06:50:34.089Z',0,'{"ordersChecked": 4, "trackingUpdated": 0, "errors": 0, "errorClass": null}');
INSERT INTO "runs" VALUES(5,'sync-tracking',19720,'2026-11-28T06:50:35.231Z',NULL,NULL,NULL);
INSERT INTO "runs" VALUES(6,'sync-orders',19811,'2026-11-28T06:50:36.174Z','2026-11-28T06:50:36.344Z',3,'{"submitted": 0, "adopted": 0, "failed": 0, "parked": 1, "inDoubt": 0, "conflict": 0, "skipped": 0, "pending": 0, "errorClass": null}');
INSERT INTO "runs" VALUES(7,'sync-orders',19917,'2026-11-28T06:50:37.426Z','2026-11-28T06:50:37.633Z',69,'{"submitted": 0, "adopted": 0, "failed": 0, "parked": 0, "inDoubt": 0, "conflict": 0, "skipped": 0, "pending": 1, "errorClass": "unavailable"}');
INSERT INTO "runs" VALUES(8,'sync-orders',19996,'2026-11-28T06:50:39.475Z','2026-11-28T06:50:39.741Z',0,'{"submitted": 0, "adopted": 0, "failed": 0, "parked": 0, "inDoubt": 0, "conflict": 0, "skipped": 1, "pending": 0, "errorClass": null}');
INSERT INTO "runs" VALUES(9,'sync-orders',20200,'2026-11-28T06:50:41.319Z','2026-11-28T06:50:41.597Z',3,'{"submitted": 0, "adopted": 0, "failed": 0, "parked": 0, "inDoubt": 0, "conflict": 1, "skipped": 0, "pending": 0, "errorClass": null}');
INSERT INTO "runs" VALUES(10,'sync-orders',20316,'2026-11-28T06:50:43.131Z','2026-11-28T06:50:43.329Z',0,'{"submitted": 0, "adopted": 0, "failed": 0, "parked": 0, "inDoubt": 1, "conflict": 0, "skipped": 0, "pending": 0, "errorClass": null}');
INSERT INTO "runs" VALUES(11,'sync-orders',20420,'2026-11-28T06:50:44.114Z',NULL,NULL,NULL);
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
INSERT INTO "slips" VALUES('3ELXYGV8TJ0QDUN0','604002','3ELXYGV8TJ0QDUN0','done','[["UPS", "Ground", "1Z2", "2026-11-28T06:50:30.000Z", false]]','2026-11-28T06:50:32.172Z','{"3": 1}','UPS Ground','1Z2','[]','2026-11-28T06:50:32.194Z','1',0,NULL,NULL,'2026-11-28T06:50:32.172Z','2026-11-28T06:50:34.055Z');
INSERT INTO "slips" VALUES('3RVXUWXJDP9TUWLY','604003','3RVXUWXJDP9TUWLY','open','[["UPS", "Ground", "1Z3", "2026-11-28T06:50:32.000Z", false]]','2026-11-28T06:50:34.039Z',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-28T07:50:34.039Z','its packages may still change','2026-11-28T06:50:34.039Z','2026-11-28T06:50:34.040Z');
INSERT INTO "slips" VALUES('MU8Q37TBT34P1KWJ','604004','MU8Q37TBT34P1KWJ','intended','[["UPS", "Ground", "1Z4", "2026-11-28T06:50:34.000Z", false]]','2026-11-28T06:50:35.452Z','{"9": 2, "10": 1}','UPS Ground','1Z4','[]','2026-11-28T06:50:35.471Z',NULL,0,'2026-11-28T06:50:35.471Z',NULL,'2026-11-28T06:50:35.452Z','2026-11-28T06:50:35.471Z');
INSERT INTO "slips" VALUES('URE8HDSAGKWH9RM8','604001','URE8HDSAGKWH9RM8','done','[["UPS", "Ground", "1Z1", "2026-11-28T06:50:30.000Z", false]]','2026-11-28T06:50:32.261Z','{"1": 2, "2": 1}','UPS Ground','1Z1','[]','2026-11-28T06:50:32.283Z','2',0,NULL,NULL,'2026-11-28T06:50:32.261Z','2026-11-28T06:50:32.307Z');
CREATE TABLE stock_processed (
    code TEXT PRIMARY KEY REFERENCES orders (code),
    looked_at TEXT NOT NULL,
    processed_at TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE stock_skus (
    key TEXT PRIMARY KEY,
    sku TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('known', 'unknown', 'ambiguous')),
    missing INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO "stock_skus" VALUES('ghost','GHOST','unknown',0);
INSERT INTO "stock_skus" VALUES('hat','HAT','known',0);
INSERT INTO "stock_skus" VALUES('mug','MUG','known',0);
INSERT INTO "stock_skus" VALUES('tee','TEE','known',0);
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
INSERT INTO "tracked" VALUES('0Y647TX0E387MB6H','0Y647TX0E387MB6H','0Y647TX0E387MB6H','{}',NULL,'2026-11-28T06:50:34.059Z',NULL,'2026-11-28T06:50:32.336Z');
INSERT INTO "tracked" VALUES('3ELXYGV8TJ0QDUN0','3ELXYGV8TJ0QDUN0','3ELXYGV8TJ0QDUN0','{"08f23d9bf3ee35dd": "2026-11-28"}','2026-11-28','2026-11-28T06:50:34.055Z',NULL,'2026-11-28T06:50:32.172Z');
INSERT INTO "tracked" VALUES('3RVXUWXJDP9TUWLY','3RVXUWXJDP9TUWLY','3RVXUWXJDP9TUWLY','{"9e7edc476381ddbe": "2026-11-28"}','2026-11-28','2026-11-28T06:50:34.039Z',NULL,'2026-11-28T06:50:32.348Z');
INSERT INTO "tracked" VALUES('MU8Q37TBT34P1KWJ','MU8Q37TBT34P1KWJ','MU8Q37TBT34P1KWJ','{"b114c2fc21b5d008": "2026-11-28"}','2026-11-28','2026-11-28T06:50:35.452Z',NULL,'2026-11-28T06:50:32.352Z');
INSERT INTO "tracked" VALUES('TF2AHX3JQJTJYLKF','TF2AHX3JQJTJYLKF','TF2AHX3JQJTJYLKF','{}',NULL,'2026-11-28T06:50:32.361Z',NULL,'2026-11-28T06:50:32.361Z');
INSERT INTO "tracked" VALUES('URE8HDSAGKWH9RM8','URE8HDSAGKWH9RM8','URE8HDSAGKWH9RM8','{"29323c99a49f6592": "2026-11-28"}','2026-11-28','2026-11-28T06:50:32.261Z',NULL,'2026-11-28T06:50:32.261Z');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX orders_by_state ON orders (state, next_attempt_at);
CREATE INDEX orders_by_update ON orders (updated_at);
CREATE INDEX runs_by_command ON runs (command, id);
CREATE INDEX alerts_open ON alerts (resolved_at, kind);
CREATE INDEX alerts_by_order ON alerts (code);
CREATE INDEX attempts_by_end ON attempts (ended_at);
CREATE INDEX inbox_by_age ON inbox (received_at);
CREATE INDEX hints_due ON hints (kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX hints_done ON hints (covered_at) WHERE due_at IS NULL;
CREATE INDEX events_by_code ON events (code, seq);
CREATE INDEX events_by_age ON events (at);
CREATE INDEX deliveries_waiting ON deliveries (hook, seq) WHERE done_at IS NULL;
CREATE INDEX tracked_by_day ON tracked (newest_day) WHERE newest_day IS NOT NULL;
CREATE INDEX slips_open ON slips (next_attempt_at) WHERE state IN ('open', 'intended', 'added');
CREATE INDEX slips_by_code ON slips (code);
CREATE INDEX deliveries_by_event ON deliveries (seq);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',18);
COMMIT;
