package longhorn

import (
	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

type shardGroupObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		DataChunks   object.Number `json:"dataChunks"`
		ParityChunks object.Number `json:"parityChunks"`
	} `json:"spec"`
	Status struct {
		State       object.Text   `json:"state"`
		FailedCount object.Number `json:"failedCount"`
		// WIBDirtyRegion is how many regions the write intent bitmap has marked.
		WIBDirtyRegion object.Number `json:"wibDirtyRegion"`
	} `json:"status"`
}

func shardGroup(o *shardGroupObject) facts.LHShardGroup {
	return facts.LHShardGroup{
		Name: o.Metadata.Name, DataChunks: int(o.Spec.DataChunks), ParityChunks: int(o.Spec.ParityChunks),
		State: intern(o.Status.State), Failed: int(o.Status.FailedCount), DirtyRegion: o.Status.WIBDirtyRegion > 0,
	}
}

type shardObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		Group             object.Text   `json:"shardGroupName"`
		Slot              object.Number `json:"slotIndex"`
		NodeID            object.Text   `json:"nodeID"`
		DiskUUID          object.Text   `json:"diskUUID"`
		EvictionRequested object.Flag   `json:"evictionRequested"`
	} `json:"spec"`
	Status struct {
		State object.Text `json:"state"`
	} `json:"status"`
}

func shard(o *shardObject) facts.LHShard {
	return facts.LHShard{
		Name: o.Metadata.Name, Group: intern(o.Spec.Group), Deleting: o.Metadata.DeletionTimestamp.Time,
		Slot: int(o.Spec.Slot), NodeID: intern(o.Spec.NodeID), DiskID: intern(o.Spec.DiskUUID),
		EvictionRequested: bool(o.Spec.EvictionRequested), State: intern(o.Status.State),
	}
}
