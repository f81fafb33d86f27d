-- Times are UTC in whole seconds since 1970, except in leases, which are in
-- milliseconds. A time that is absent is NULL.

-- +goose Up

-- One row per recorded run. seq is the order of recording; id is what people see.
CREATE TABLE runs (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    cluster     TEXT    NOT NULL,
    started_at  BIGINT  NOT NULL,
    duration_ns BIGINT  NOT NULL,
    version     TEXT    NOT NULL,
    summary     TEXT    NOT NULL, -- JSON: verdicts by outcome and severity
    incidents   TEXT    NOT NULL  -- JSON: the incidents as this run left them
);
CREATE INDEX runs_by_cluster ON runs (cluster, started_at);

-- Verdicts, findings and sources of a run, compressed. Apart from runs so that
-- listing runs does not read them.
CREATE TABLE documents (
    run_seq    BIGINT NOT NULL PRIMARY KEY REFERENCES runs (seq) ON DELETE CASCADE,
    cluster    TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    body       BLOB   NOT NULL
);
CREATE INDEX documents_by_age ON documents (cluster, started_at);
CREATE INDEX documents_by_size ON documents (cluster, run_seq, bytes);

-- Every measured value, for graphs.
CREATE TABLE series (
    run_seq BIGINT  NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    hub     TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    value   DOUBLE PRECISION NOT NULL,
    good    INTEGER NOT NULL, -- 1: the run was good enough to move the baseline
    PRIMARY KEY (run_seq, hub, name)
);

-- What is normal for a series: the values that the baseline is the median of.
CREATE TABLE baselines (
    cluster    TEXT   NOT NULL,
    hub        TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    points     TEXT   NOT NULL, -- JSON, oldest first
    last_value DOUBLE PRECISION NOT NULL, -- of the last run that measured it, good or not
    last_at    BIGINT NOT NULL,
    PRIMARY KEY (cluster, hub, name)
);

CREATE TABLE sources (
    cluster     TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    status      TEXT    NOT NULL, -- in the last run
    items       BIGINT  NOT NULL, -- in the last run
    last_ok     BIGINT,
    last_items  BIGINT  NOT NULL,
    failed_runs BIGINT  NOT NULL,
    PRIMARY KEY (cluster, name)
);

CREATE TABLE incidents (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster     TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    hub         TEXT    NOT NULL,
    check_id    TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    severity    TEXT    NOT NULL,
    summary     TEXT    NOT NULL,
    findings    BIGINT  NOT NULL,
    opened_at   BIGINT  NOT NULL,
    resolved_at BIGINT,
    reason      TEXT    NOT NULL
);
CREATE UNIQUE INDEX incidents_one_open ON incidents (cluster, fingerprint) WHERE resolved_at IS NULL;

CREATE TABLE deliveries (
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
CREATE INDEX deliveries_by_incident ON deliveries (incident, receiver);

CREATE TABLE acceptances (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster     TEXT    NOT NULL,
    hub         TEXT    NOT NULL,
    check_id    TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    by_whom     TEXT    NOT NULL,
    accepted_at BIGINT  NOT NULL,
    effect      TEXT    NOT NULL
);

CREATE TABLE leases (
    cluster    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    holder     TEXT   NOT NULL,
    token      TEXT   NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (cluster, name)
);

-- +goose Down
DROP TABLE leases;
DROP TABLE acceptances;
DROP TABLE deliveries;
DROP TABLE incidents;
DROP TABLE sources;
DROP TABLE baselines;
DROP TABLE series;
DROP TABLE documents;
DROP TABLE runs;
