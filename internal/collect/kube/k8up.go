package kube

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

// k8up is the API group of K8up.
const k8up = "k8up.io"

// repository is where restic keeps what K8up backs up.
type repository struct {
	Azure bucket `json:"azure"`
	B2    bucket `json:"b2"`
	GCS   bucket `json:"gcs"`
	S3    bucket `json:"s3"`
	Swift bucket `json:"swift"`
	Local struct {
		Path object.Text `json:"mountPath"`
	} `json:"local"`
	Rest struct {
		URL object.Text `json:"url"`
	} `json:"rest"`
}

// bucket is a place in object storage; each kind has some of these fields.
type bucket struct {
	Endpoint  object.Text `json:"endpoint"`
	Bucket    object.Text `json:"bucket"`
	Container object.Text `json:"container"`
	Path      object.Text `json:"path"`
}

// url is the repository as restic spells it; "" for the operator's default.
func (r *repository) url() string {
	switch {
	case r.Azure.Container != "":
		return "azure:" + string(r.Azure.Container+":"+cmp.Or(r.Azure.Path, "/"))
	case r.B2.Bucket != "":
		return "b2:" + string(r.B2.Bucket+":"+r.B2.Path)
	case r.GCS.Bucket != "":
		return "gs:" + string(r.GCS.Bucket) + ":/"
	case r.Local.Path != "":
		return string(r.Local.Path)
	case r.Rest.URL != "":
		return "rest:" + withoutLogin(string(r.Rest.URL))
	case r.S3.Endpoint != "" || r.S3.Bucket != "":
		return "s3:" + withoutLogin(string(r.S3.Endpoint)) + "/" + string(r.S3.Bucket)
	case r.Swift.Container != "":
		return "swift:" + string(r.Swift.Container+":"+r.Swift.Path)
	}
	return ""
}

// or fills in what is not set from a default, as K8up does.
func (r repository) or(other *repository) repository {
	r.S3.Endpoint, r.S3.Bucket = cmp.Or(r.S3.Endpoint, other.S3.Endpoint), cmp.Or(r.S3.Bucket, other.S3.Bucket)
	if r.url() == "" {
		return *other
	}
	return r
}

type k8upScheduleObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		Backend repository `json:"backend"`
		Backup  struct {
			Cron      object.Text `json:"schedule"`
			Backend   repository  `json:"backend"`
			Selectors []selector  `json:"labelSelectors"`
		} `json:"backup"`
	} `json:"spec"`
	Status struct {
		Effective []struct {
			Type object.Text `json:"jobType"`
			Cron object.Text `json:"generatedSchedule"`
		} `json:"effectiveSchedules"`
	} `json:"status"`
}

func k8upSchedule(o *k8upScheduleObject) facts.K8upSchedule {
	backup := &o.Spec.Backup
	backend := backup.Backend.or(&o.Spec.Backend)
	s := facts.K8upSchedule{Namespace: Intern(o.Metadata.Namespace), Name: Intern(o.Metadata.Name), Cron: Intern(string(backup.Cron)),
		URL:      Intern(backend.url()),
		Selected: slices.ContainsFunc(backup.Selectors, func(one selector) bool { return one.selects() })}
	for _, e := range o.Status.Effective {
		if e.Type == "backup" && e.Cron != "" && strings.HasSuffix(s.Cron, "-random") {
			s.Cron = string(e.Cron)
		}
	}
	return s
}

type k8upSnapshotObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		Date       object.Time   `json:"date"`
		Paths      []object.Text `json:"paths"`
		Repository object.Text   `json:"repository"`
	} `json:"spec"`
}

// ObjectName implements Named.
func (o *k8upSnapshotObject) ObjectName() string { return o.Metadata.Name }

// k8upSnapshots takes in restic's snapshots: one for each claim of the
// namespace, which was mounted in a folder of its name. What a command of a pod
// gave has a path of one element and is of no claim.
type k8upSnapshots struct{ seriesFold }

func (f *k8upSnapshots) add(o *k8upSnapshotObject) {
	for _, p := range o.Spec.Paths {
		folder, claim := path.Split(path.Clean(string(p)))
		if strings.Trim(folder, "/") == "" || claim == "" {
			continue
		}
		f.good(heldKey{namespace: o.Metadata.Namespace, name: claim}, o.Metadata.Name, o.Spec.Date.Time, 0, backupRun{target: withoutLogin(string(o.Spec.Repository))})
	}
}

func (f *k8upSnapshots) facts() []facts.Series {
	all := slices.Grow([]facts.Series(nil), len(f.rows))
	for key, h := range f.rows {
		all = append(all, f.series(facts.SystemK8up, key, h))
	}
	f.reset()
	return all
}

type k8upBackupObject struct {
	Metadata object.Meta `json:"metadata"`
	Status   struct {
		Finished   object.Flag `json:"finished"` // of before the conditions
		Conditions []struct {
			Type    object.Text `json:"type"`
			Status  object.Text `json:"status"`
			Reason  object.Text `json:"reason"`
			Message object.Text `json:"message"`
		} `json:"conditions"`
	} `json:"status"`
}

// k8upBackup is a Backup: succeeded, failed, or neither and not ended.
type k8upBackup struct {
	namespace         string
	attempt           facts.Attempt
	succeeded, failed bool
}

// harmless are the reasons of PreBackupPodReady that are no failure.
var harmless = []object.Text{"Succeeded", "Waiting", "NoPreBackupPodsFound", "Ready"}

func toK8upBackup(o *k8upBackupObject) k8upBackup {
	b := k8upBackup{namespace: Intern(o.Metadata.Namespace), succeeded: bool(o.Status.Finished),
		attempt: facts.Attempt{Name: Intern(o.Metadata.Name), Since: o.Metadata.CreationTimestamp.Time, Phase: "New"}}
	for i := range o.Status.Conditions {
		c := &o.Status.Conditions[i]
		completed := c.Type == "Completed" && c.Status == "True"
		switch {
		case completed && c.Reason == "Succeeded":
			b.succeeded = true
		case completed, c.Type == "PreBackupPodReady" && c.Status == "False" && !slices.Contains(harmless, c.Reason):
			b.failed = true
			b.attempt.Phase, b.attempt.Error = Intern(string(c.Reason)), shortened(string(c.Message))
		case c.Type == "Progressing" && c.Status == "True" && !b.failed:
			b.attempt.Phase = "Progressing"
		}
	}
	b.succeeded = b.succeeded && !b.failed
	return b
}

// k8upRuns tells by namespace of the Backups that decide.
func k8upRuns(all []k8upBackup, k *facts.K8up) {
	if len(all) == 0 {
		return
	}
	k.Failed, k.Running, k.Succeeded = map[string]facts.Attempt{}, map[string]facts.Attempt{}, map[string]time.Time{}
	for _, b := range all {
		since := b.attempt.Since
		switch failed, isFailed := k.Failed[b.namespace]; {
		case b.succeeded:
			if since.After(k.Succeeded[b.namespace]) {
				k.Succeeded[b.namespace] = since
			}
		case b.failed:
			if !isFailed || since.After(failed.Since) {
				k.Failed[b.namespace] = b.attempt
			}
		default:
			if running, is := k.Running[b.namespace]; !is || since.Before(running.Since) {
				k.Running[b.namespace] = b.attempt
			}
		}
	}
	for namespace, failed := range k.Failed {
		if k.Succeeded[namespace].After(failed.Since) {
			delete(k.Failed, namespace)
		}
	}
}
