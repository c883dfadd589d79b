"""The tables of the sandbox's books, in one SQLite file."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    due INTEGER,
    body TEXT NOT NULL,
    UNIQUE (gateway, id)
) STRICT;
CREATE INDEX IF NOT EXISTS object_kind ON object (gateway, kind, sequence);
CREATE INDEX IF NOT EXISTS object_intent ON object (gateway, kind, json_extract(body, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS object_charge ON object (gateway, kind, json_extract(body, '$.charge'));
CREATE INDEX IF NOT EXISTS object_due ON object (gateway, due) WHERE due IS NOT NULL;

CREATE TABLE IF NOT EXISTS tie (
    gateway TEXT NOT NULL,
    child TEXT NOT NULL,
    parent TEXT NOT NULL,
    PRIMARY KEY (gateway, child)
) STRICT;
CREATE INDEX IF NOT EXISTS tie_parent ON tie (gateway, parent);

CREATE TABLE IF NOT EXISTS hidden (
    gateway TEXT NOT NULL,
    id TEXT NOT NULL,
    looks INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (gateway, id)
) STRICT;

CREATE TABLE IF NOT EXISTS answer (
    gateway TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    request TEXT NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (gateway, key)
) STRICT;

CREATE TABLE IF NOT EXISTS call (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    method TEXT NOT NULL,
    route TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    replayed INTEGER NOT NULL,
    key TEXT,
    request TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    object TEXT NOT NULL,
    created INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (gateway, id)
) STRICT;

CREATE TABLE IF NOT EXISTS delivery (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    event TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('due', 'held', 'delivered', 'given_up')),
    due_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_status INTEGER,
    last_error TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due_ms) WHERE state = 'due';
CREATE INDEX IF NOT EXISTS delivery_event ON delivery (gateway, event);
CREATE INDEX IF NOT EXISTS delivery_open ON delivery (gateway, event) WHERE state <> 'delivered';

CREATE TABLE IF NOT EXISTS spoiled (
    delivery INTEGER PRIMARY KEY REFERENCES delivery (sequence),
    how TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS delivery_attempt (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery INTEGER NOT NULL REFERENCES delivery (sequence),
    at_ms INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    status INTEGER,
    error TEXT
) STRICT;

CREATE TABLE IF NOT EXISTS throw (
    gateway TEXT NOT NULL,
    die TEXT NOT NULL,
    thrown INTEGER NOT NULL,
    PRIMARY KEY (gateway, die)
) STRICT;

CREATE TABLE IF NOT EXISTS injected (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    fault TEXT NOT NULL,
    subject TEXT NOT NULL,
    times INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS outage (
    gateway TEXT PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS lost (
    gateway TEXT NOT NULL,
    thing TEXT NOT NULL,
    PRIMARY KEY (gateway, thing)
) STRICT;

CREATE TABLE IF NOT EXISTS heard (
    message TEXT NOT NULL,
    digest TEXT NOT NULL,
    times INTEGER NOT NULL,
    timestamp TEXT NOT NULL,
    signature TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (message, digest)
) STRICT;

CREATE TABLE IF NOT EXISTS dial (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    settings TEXT NOT NULL
) STRICT;
"""
