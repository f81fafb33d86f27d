-- Names the claim with the files in the state of each server that would not mount it; for KubeSpawner 7 and later.
-- Read it, stop the hub, copy its database, run this, start the hub with KubeSpawner 7, and run audit predict again.

-- Hub datahub: 11 of 27 servers would not find their home after going back to KubeSpawner 6.2.0; 6 of them would not today either.
-- Under KubeSpawner 6.2.0 no name in a state is heeded: there is nothing to write.
