package text

// kindWords are what people call kinds of subjects whose names are run together.
var kindWords = map[string]string{"backupstoragelocation": "storage location", "backuptarget": "backup target", "cronjob": "CronJob",
	"engineimage": "engine image", "recurringjob": "recurring job", "storageclass": "StorageClass",
	"volumesnapshot": "VolumeSnapshot", "volumesnapshotclass": "VolumeSnapshotClass"}

// Kind is what people call a kind of subject: "recurring job" for recurringjob.
func Kind(kind string) string {
	if words := kindWords[kind]; words != "" {
		return words
	}
	return kind
}
