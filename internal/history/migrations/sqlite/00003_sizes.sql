-- +goose Up

-- One row per home and measure: how much it held when it was last found in
-- order and differed by much from what was here. A hub that stays about as it
-- is writes nothing. The primary key is the table.
CREATE TABLE sizes (
    cluster        TEXT   NOT NULL,
    hub            TEXT   NOT NULL,
    claim          TEXT   NOT NULL, -- its UID
    measure        TEXT   NOT NULL, -- who measured: longhorn, kubelet
    bytes          BIGINT,          -- NULL while no run found it in order
    inodes         BIGINT NOT NULL, -- 0 where they were not measured
    at             BIGINT,          -- the run that saw these
    emptied_bytes  BIGINT,          -- what was left of it in the first run that found it emptied
    emptied_inodes BIGINT,
    emptied_at     BIGINT,          -- that run; NULL while it is in order, or accepted
    gone_at        BIGINT,          -- the first run without the claim; NULL while it is there
    PRIMARY KEY (cluster, hub, claim, measure)
) WITHOUT ROWID;
CREATE INDEX sizes_gone ON sizes (cluster, gone_at) WHERE gone_at IS NOT NULL;
CREATE INDEX sizes_emptied ON sizes (cluster, hub) WHERE emptied_at IS NOT NULL;

-- +goose Down
DROP TABLE sizes;
