package longhorn

import (
	"cmp"
	"slices"
	"strings"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

type backupVolumeObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		Volume object.Text `json:"volumeName"`       // since 1.8, its name before
		Target object.Text `json:"backupTargetName"` // since 1.8
	} `json:"spec"`
	Status struct {
		LastBackup   object.Text            `json:"lastBackupName"`
		LastBackupAt object.Time            `json:"lastBackupAt"`
		LastSyncedAt object.Time            `json:"lastSyncedAt"`
		Stored       object.Number          `json:"dataStored"`
		Messages     map[string]object.Text `json:"messages"`
	} `json:"status"`
}

func backupVolume(o *backupVolumeObject) facts.LHBackupVolume {
	name := o.Metadata.Name
	volume := intern(cmp.Or(o.Spec.Volume, object.Text(name)))
	if name == volume {
		name = volume // which is kept once
	}
	return facts.LHBackupVolume{
		Name: name, Volume: volume, Target: intern(cmp.Or(o.Spec.Target, defaultTarget)),
		LastBackup: string(o.Status.LastBackup), LastBackupAt: o.Status.LastBackupAt.Time, LastSyncedAt: o.Status.LastSyncedAt.Time,
		StoredBytes: int64(o.Status.Stored), Error: joined(o.Status.Messages),
	}
}

// joined are messages in the order of their keys.
func joined(messages map[string]object.Text) string {
	keys := make([]string, 0, len(messages))
	for key := range messages {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for i, key := range keys {
		keys[i] = string(messages[key])
	}
	return brief(strings.Join(keys, "; "))
}
