-- +goose Up

-- 1: no verdict was unknown and no source failed. Of older runs only the
-- verdicts are known here.
ALTER TABLE runs ADD COLUMN complete INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET complete = CASE WHEN json_extract(summary, '$.unknown') = 0 THEN 1 ELSE 0 END;

-- An incident whose state is pending is none yet; its opened_at is its
-- failing_since. Of older ones only the first failure is known.
ALTER TABLE incidents ADD COLUMN failing_since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE incidents ADD COLUMN failing_runs BIGINT NOT NULL DEFAULT 1;
ALTER TABLE incidents ADD COLUMN clean_runs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE incidents ADD COLUMN reopened BIGINT NOT NULL DEFAULT 0;
ALTER TABLE incidents ADD COLUMN silence TEXT NOT NULL DEFAULT '';
ALTER TABLE incidents ADD COLUMN explained_by TEXT NOT NULL DEFAULT '';
ALTER TABLE incidents ADD COLUMN because TEXT NOT NULL DEFAULT '';
UPDATE incidents SET failing_since = opened_at, clean_runs = CASE WHEN state = 'resolved' AND outcome = 'pass' THEN 1 ELSE 0 END;
CREATE INDEX incidents_resolved ON incidents (cluster, resolved_at) WHERE resolved_at IS NOT NULL;

-- The outbox: a message is queued while its sent_at is NULL, and stays when it
-- was sent. For one incident and receiver, the ids are the order of sending.
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    incident    BIGINT  NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    fingerprint TEXT    NOT NULL,
    receiver    TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    run_id      TEXT    NOT NULL, -- whose verdict it tells; empty before version 4
    severity    TEXT    NOT NULL,
    findings    BIGINT  NOT NULL,
    summary     TEXT    NOT NULL,
    queued_at   BIGINT  NOT NULL,
    not_before  BIGINT,           -- NULL: at once
    handed_at   BIGINT,           -- given to a sender who has not said yet how it went: the receiver may have it
    unsure      TEXT    NOT NULL DEFAULT '', -- other severities with which it was given to one, a space after each
    sent_at     BIGINT,
    ref         TEXT    NOT NULL,
    tries       BIGINT  NOT NULL,
    error       TEXT    NOT NULL, -- of the last try
    refused     INTEGER NOT NULL  -- 1: the last try was understood and refused
);
INSERT INTO outbox (id, incident, fingerprint, receiver, kind, reason, run_id, severity, findings, summary, queued_at, sent_at, ref, tries, error, refused)
    SELECT id, incident, fingerprint, receiver, kind, '', '', severity, findings, '', sent_at, sent_at, ref, 0, '', 0 FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE outbox RENAME TO deliveries;
CREATE INDEX deliveries_by_incident ON deliveries (incident, receiver);
-- At most one message that says that an incident is open waits for a receiver,
-- and one that says that it is over.
CREATE UNIQUE INDEX deliveries_queued ON deliveries (receiver, incident, (CASE WHEN kind = 'resolved' THEN 1 ELSE 0 END)) WHERE sent_at IS NULL;

CREATE TABLE silences (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster    TEXT   NOT NULL,
    check_glob TEXT   NOT NULL,
    hub_glob   TEXT   NOT NULL,
    subject    TEXT   NOT NULL, -- a glob too
    reason     TEXT   NOT NULL,
    by_whom    TEXT   NOT NULL,
    made_at    BIGINT NOT NULL,
    until_at   BIGINT NOT NULL,
    ended_at   BIGINT, -- when somebody ended it before that
    matched_at BIGINT  -- the last run in which it covered a finding
);
CREATE INDEX silences_by_cluster ON silences (cluster, until_at);

-- +goose Down
DROP TABLE silences;
CREATE TABLE told (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    incident    BIGINT  NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    fingerprint TEXT    NOT NULL,
    receiver    TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    severity    TEXT    NOT NULL,
    sent_at     BIGINT  NOT NULL,
    ref         TEXT    NOT NULL,
    findings    BIGINT  NOT NULL
);
INSERT INTO told (id, incident, fingerprint, receiver, kind, severity, sent_at, ref, findings)
    SELECT id, incident, fingerprint, receiver, kind, severity, sent_at, ref, findings FROM deliveries WHERE sent_at IS NOT NULL;
DROP TABLE deliveries;
ALTER TABLE told RENAME TO deliveries;
CREATE INDEX deliveries_by_incident ON deliveries (incident, receiver);
DROP INDEX incidents_resolved;
DELETE FROM incidents WHERE state = 'pending';
ALTER TABLE incidents DROP COLUMN because;
ALTER TABLE incidents DROP COLUMN explained_by;
ALTER TABLE incidents DROP COLUMN silence;
ALTER TABLE incidents DROP COLUMN reopened;
ALTER TABLE incidents DROP COLUMN clean_runs;
ALTER TABLE incidents DROP COLUMN failing_runs;
ALTER TABLE incidents DROP COLUMN failing_since;
ALTER TABLE runs DROP COLUMN complete;
