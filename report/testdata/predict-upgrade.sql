-- Names the claim with the files in the state of each server that would not mount it; for KubeSpawner 7 and later.
-- Read it, stop the hub, copy its database, run this, start the hub with KubeSpawner 7, and run audit predict again.

-- Hub datahub: 13 of 23 servers would not find their home after the upgrade to chart 4.4.0 (KubeSpawner 7.0.0); 6 of them would not today either.
-- other: user jolab would mount claim-jolab, the files are in no claim
--   no statement: decide by hand
-- empty: user eli@example.org would mount claim-eli-example-org---5157fbbd, the files are in claim-eli-40example-2eorg
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-eli-40example-2eorg') WHERE id = 14;
-- empty: user finn@example.org would mount claim-finn-example-org---a9b3cf28, the files are in claim-finn-40example-2eorg
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-finn-40example-2eorg') WHERE id = 15;
-- empty: user gia@example.org would mount claim-gia-example-org---0ac681bc, the files are in claim-gia-40example-2eorg
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-gia-40example-2eorg') WHERE id = 16;
-- empty: user lou-lou would mount claim-lou-lou, the files are in claim-lou-2dlou
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-lou-2dlou') WHERE id = 20;
-- empty: user cem's server lab would mount claim-cem--lab, the files are in claim-cemlab
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-cemlab') WHERE id = 11;
-- empty: user jo's server lab would mount claim-jo--lab, the files are in claim-jolab
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-jolab') WHERE id = 21;
-- empty: user kim's server exp-1 would mount claim-kim--exp-1, the files are in claim-kimexp-2d1
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-kimexp-2d1') WHERE id = 23;
-- empty: user old-timer would mount claim-old-timer, the files are in claim-old-timer-3
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-old-timer-3') WHERE id = 3;
-- empty: user max would mount claim-max, the files are in claim-max-4
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-max-4') WHERE id = 4;
-- empty: user mia-wong would mount claim-mia-wong, the files are in claim-mia-wong-6
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-mia-wong-6') WHERE id = 6;
-- empty: user mia.wong would mount claim-mia-wong---b87471d3, the files are in claim-mia-wong-7
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-mia-wong-7') WHERE id = 7;
-- empty: user bea's server lab would mount claim-bea--lab, the files are in claim-bea-lab
UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'claim-bea-lab') WHERE id = 9;
