-- Names the claim with the files in the state of each server that would not mount it; for KubeSpawner 7 and later.
-- Read it, stop the hub, copy its database, run this, start the hub with KubeSpawner 7, and run audit predict again.

-- Hub datahub: All 11 servers find their home at their next start.
