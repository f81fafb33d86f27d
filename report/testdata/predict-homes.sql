-- Names the claim with the files in the state of each server that would not mount it; for KubeSpawner 7 and later.
-- Read it, stop the hub, copy its database, run this, start the hub with KubeSpawner 7, and run audit predict again.

-- Hub datahub: 11 of 23 servers would not find their home after the upgrade to chart 4.4.0 (KubeSpawner 7.0.0); today all would.
-- All home directories are on one claim: there is nothing to write.
