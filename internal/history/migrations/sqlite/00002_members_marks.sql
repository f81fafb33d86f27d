-- +goose Up

-- One row per run and hub: whether the run saw all of the hub's users. The
-- runs of version 1 have none.
CREATE TABLE views (
    run_seq BIGINT NOT NULL REFERENCES runs (seq) ON DELETE CASCADE,
    hub     TEXT   NOT NULL,
    users   BIGINT,          -- how many there were; NULL where it did not see them
    why     TEXT   NOT NULL, -- why it did not
    PRIMARY KEY (run_seq, hub)
);

-- One row per hub: how its members are remembered, and since when. Runs are
-- kept by id too, as their own rows may be forgotten before.
CREATE TABLE rosters (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster       TEXT   NOT NULL,
    hub           TEXT   NOT NULL,
    naming        TEXT   NOT NULL, -- plain, or hashed: and a fingerprint of the key
    begun_seq     BIGINT NOT NULL, -- the first run of this roster
    whole_seq     BIGINT NOT NULL, -- the first run of which no member is forgotten
    last_seq      BIGINT NOT NULL, -- the last run that saw all users
    last_run      TEXT   NOT NULL,
    last_at       BIGINT NOT NULL,
    reference_seq BIGINT,          -- the last good one, which users are compared with
    reference_run TEXT,
    reference_at  BIGINT,
    UNIQUE (cluster, hub)
);

-- One row per span in which a user was there, under one id: a hub that does
-- not change writes nothing. The primary key is the table, so that each name
-- is stored once; names compare by their bytes.
CREATE TABLE members (
    roster    BIGINT NOT NULL REFERENCES rosters (id) ON DELETE CASCADE,
    name      TEXT   NOT NULL, -- as the roster's naming says
    since_seq BIGINT NOT NULL, -- the first run that saw them
    until_seq BIGINT,          -- the first run that saw all users without them; NULL while they are there
    until_at  BIGINT,          -- when that was
    user_id   BIGINT NOT NULL, -- users.id, 0 where it is not known
    created   BIGINT,
    PRIMARY KEY (roster, name, since_seq)
) WITHOUT ROWID;
CREATE INDEX members_ended ON members (roster, until_at) WHERE until_at IS NOT NULL;

-- What is normal for a text; as baselines is for a number.
CREATE TABLE marks (
    cluster    TEXT   NOT NULL,
    hub        TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    value      TEXT,            -- NULL while no good run has seen it
    since      BIGINT NOT NULL, -- first and last good run that saw that value
    until      BIGINT NOT NULL,
    last_value TEXT   NOT NULL, -- of the last run that saw any, good or not
    last_at    BIGINT NOT NULL,
    PRIMARY KEY (cluster, hub, name)
);

-- Which series and marks a check's verdicts have: what accepting it moves.
CREATE TABLE measures (
    cluster  TEXT NOT NULL,
    hub      TEXT NOT NULL,
    check_id TEXT NOT NULL,
    name     TEXT NOT NULL,
    PRIMARY KEY (cluster, hub, check_id, name)
);
INSERT INTO measures (cluster, hub, check_id, name)
    SELECT cluster, hub, 'hub-user-count-drift', name FROM baselines WHERE name = 'users';

-- last_seq is the run of last_value. Values of runs before since_seq are from
-- before the last acceptance.
ALTER TABLE baselines ADD COLUMN last_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE baselines ADD COLUMN since_seq BIGINT NOT NULL DEFAULT 0;
UPDATE baselines SET
    last_seq = coalesce((SELECT max(s.run_seq) FROM series s JOIN runs r ON r.seq = s.run_seq
        WHERE r.cluster = baselines.cluster AND s.hub = baselines.hub AND s.name = baselines.name AND r.started_at = baselines.last_at), 0),
    since_seq = coalesce((SELECT max(r.seq) FROM runs r JOIN acceptances a ON a.cluster = r.cluster AND r.started_at <= a.accepted_at
        WHERE a.cluster = baselines.cluster AND a.hub = baselines.hub AND a.check_id = 'hub-user-count-drift'), 0);

-- +goose Down
ALTER TABLE baselines DROP COLUMN since_seq;
ALTER TABLE baselines DROP COLUMN last_seq;
DROP TABLE measures;
DROP TABLE marks;
DROP TABLE members;
DROP TABLE rosters;
DROP TABLE views;
