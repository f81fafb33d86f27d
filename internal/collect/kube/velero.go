package kube

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

// velero is the API group of Velero.
const velero = "velero.io"

// veleroMeta is metadata with the names by which Velero ties its objects
// together.
type veleroMeta struct {
	object.Meta
	Labels struct {
		Backup   object.Text `json:"velero.io/backup-name"` // cut short above 63 bytes
		Schedule object.Text `json:"velero.io/schedule-name"`
		ClaimUID object.Text `json:"velero.io/pvc-uid"`
	} `json:"labels"`
	Annotations struct {
		Claim  object.Text `json:"velero.io/pvc-name"`
		Policy object.Text `json:"velero.io/global-backup-volume-policy-configmap"`
	} `json:"annotations"`
	Owners []struct {
		Kind object.Text `json:"kind"`
		Name object.Text `json:"name"`
	} `json:"ownerReferences"`
}

// backup is the name of the Backup that an object is a part of.
func (m *veleroMeta) backup() string {
	for i := range m.Owners {
		if m.Owners[i].Kind == "Backup" {
			return string(m.Owners[i].Name)
		}
	}
	return string(m.Labels.Backup)
}

// backupSpec is what a Backup is to cover, and a Schedule's template.
type backupSpec struct {
	IncludedNamespaces       []object.Text `json:"includedNamespaces"`
	ExcludedNamespaces       []object.Text `json:"excludedNamespaces"`
	IncludedResources        []object.Text `json:"includedResources"`
	ExcludedResources        []object.Text `json:"excludedResources"`
	IncludedInNamespaces     []object.Text `json:"includedNamespaceScopedResources"`
	ExcludedInNamespaces     []object.Text `json:"excludedNamespaceScopedResources"`
	LabelSelector            selector      `json:"labelSelector"`
	OrLabelSelectors         []selector    `json:"orLabelSelectors"`
	ResourcePolicy           named         `json:"resourcePolicy"`
	SnapshotVolumes          *object.Flag  `json:"snapshotVolumes"`
	SnapshotMoveData         object.Flag   `json:"snapshotMoveData"`
	DefaultVolumesToFsBackup object.Flag   `json:"defaultVolumesToFsBackup"`
	DefaultVolumesToRestic   object.Flag   `json:"defaultVolumesToRestic"` // before 1.10
	StorageLocation          object.Text   `json:"storageLocation"`
	TTL                      object.Text   `json:"ttl"`
}

// selector is a label selector, of which only counts whether it selects.
type selector struct {
	Labels      map[string]object.Text `json:"matchLabels"`
	Expressions []struct {
		Key object.Text `json:"key"`
	} `json:"matchExpressions"`
}

func (s *selector) selects() bool { return len(s.Labels) > 0 || len(s.Expressions) > 0 }

type named struct {
	Name object.Text `json:"name"`
}

func (s *backupSpec) scope() facts.VeleroScope {
	return facts.VeleroScope{
		Namespaces: texts(s.IncludedNamespaces), Excluded: texts(s.ExcludedNamespaces),
		Selected: s.LabelSelector.selects() || s.ResourcePolicy.Name != "" ||
			slices.ContainsFunc(s.OrLabelSelectors, func(one selector) bool { return one.selects() }),
		Claims: s.claims(), FileSystem: s.fileSystem(), MoveData: bool(s.SnapshotMoveData),
	}
}

func (s *backupSpec) fileSystem() bool {
	return bool(s.DefaultVolumesToFsBackup || s.DefaultVolumesToRestic)
}

// claims tells whether the data of claims is covered: Velero comes to snapshots
// by the claims, and to volumes that it backs up by file by the pods.
func (s *backupSpec) claims() bool {
	snapshots := s.SnapshotVolumes == nil || bool(*s.SnapshotVolumes)
	return snapshots && s.reaches("persistentvolumeclaims", "persistentvolumeclaim", "pvc") ||
		s.fileSystem() && s.reaches("pods", "pod", "po")
}

// reaches tells whether a resource, by any of its names, is among those that are
// included and not among those left out.
func (s *backupSpec) reaches(names ...string) bool {
	in := func(list []object.Text) bool {
		return slices.ContainsFunc(list, func(one object.Text) bool {
			return one == "*" || slices.Contains(names, strings.ToLower(string(one)))
		})
	}
	included := slices.Concat(s.IncludedResources, s.IncludedInNamespaces)
	return (len(included) == 0 || in(included)) && !in(s.ExcludedResources) && !in(s.ExcludedInNamespaces)
}

type veleroBackupObject struct {
	Metadata veleroMeta `json:"metadata"`
	Spec     backupSpec `json:"spec"`
	Status   struct {
		Phase            object.Text   `json:"phase"`
		Expiration       object.Time   `json:"expiration"`
		Started          object.Time   `json:"startTimestamp"`
		Completed        object.Time   `json:"completionTimestamp"`
		Errors           object.Number `json:"errors"`
		Warnings         object.Number `json:"warnings"`
		FailureReason    object.Text   `json:"failureReason"`
		ValidationErrors []object.Text `json:"validationErrors"`
		Snapshots        object.Number `json:"volumeSnapshotsCompleted"`
		CSISnapshots     object.Number `json:"csiVolumeSnapshotsCompleted"`
	} `json:"status"`
}

func veleroBackup(o *veleroBackupObject) facts.VeleroBackup {
	b := facts.VeleroBackup{
		Namespace: Intern(o.Metadata.Namespace), Name: Intern(o.Metadata.Name), Schedule: Intern(string(o.Metadata.Labels.Schedule)),
		Phase:   Intern(cmp.Or(string(o.Status.Phase), "New")),
		Created: o.Metadata.CreationTimestamp.Time, Started: o.Status.Started.Time, Completed: o.Status.Completed.Time,
		Expires: o.Status.Expiration.Time, Location: Intern(string(o.Spec.StorageLocation)), Scope: o.Spec.scope(),
		Errors: int(o.Status.Errors), Warnings: int(o.Status.Warnings), FailureReason: reason(o.Status.FailureReason, o.Status.ValidationErrors),
		VolumeSnapshots: int(o.Status.Snapshots), CSISnapshots: int(o.Status.CSISnapshots), NativeSnapshots: int(o.Status.Snapshots),
	}
	b.Scope.Selected = b.Scope.Selected || o.Metadata.Annotations.Policy != ""
	return b
}

// reason is why something failed, in Velero's words.
func reason(failure object.Text, validation []object.Text) string {
	return cmp.Or(string(failure), strings.Join(texts(validation), "; "))
}

type veleroScheduleObject struct {
	Metadata veleroMeta `json:"metadata"`
	Spec     struct {
		Template backupSpec  `json:"template"`
		Cron     object.Text `json:"schedule"`
		Paused   object.Flag `json:"paused"`
	} `json:"spec"`
	Status struct {
		Phase            object.Text   `json:"phase"`
		LastBackup       object.Time   `json:"lastBackup"`
		LastSkipped      object.Time   `json:"lastSkipped"`
		ValidationErrors []object.Text `json:"validationErrors"`
	} `json:"status"`
}

func veleroSchedule(o *veleroScheduleObject) facts.VeleroSchedule {
	// A TTL that is none cannot be stored; Velero then takes its default, as for 0.
	ttl, _ := time.ParseDuration(string(o.Spec.Template.TTL))
	return facts.VeleroSchedule{
		Namespace: Intern(o.Metadata.Namespace), Name: Intern(o.Metadata.Name), Created: o.Metadata.CreationTimestamp.Time,
		Cron: string(o.Spec.Cron), Paused: bool(o.Spec.Paused), Phase: cmp.Or(string(o.Status.Phase), "New"),
		Error: reason("", o.Status.ValidationErrors), LastBackup: o.Status.LastBackup.Time, LastSkipped: o.Status.LastSkipped.Time,
		TTL: ttl, Location: Intern(string(o.Spec.Template.StorageLocation)), Scope: o.Spec.Template.scope(),
	}
}

type veleroLocationObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		Provider object.Text `json:"provider"`
		Default  object.Flag `json:"default"`
		Access   object.Text `json:"accessMode"`
		Storage  struct {
			Bucket object.Text `json:"bucket"`
			Prefix object.Text `json:"prefix"`
		} `json:"objectStorage"`
		Config struct {
			S3URL          object.Text `json:"s3Url"`
			StorageAccount object.Text `json:"storageAccount"`
		} `json:"config"`
	} `json:"spec"`
	Status struct {
		Phase     object.Text `json:"phase"`
		Message   object.Text `json:"message"`
		Synced    object.Time `json:"lastSyncedTime"`
		Validated object.Time `json:"lastValidationTime"`
	} `json:"status"`
}

func veleroLocation(o *veleroLocationObject) facts.VeleroLocation {
	return facts.VeleroLocation{
		Namespace: Intern(o.Metadata.Namespace), Name: Intern(o.Metadata.Name), Provider: string(o.Spec.Provider), URL: o.url(),
		Default: bool(o.Spec.Default), ReadOnly: o.Spec.Access == "ReadOnly", Phase: string(o.Status.Phase), Error: string(o.Status.Message),
		LastSyncedAt: o.Status.Synced.Time, LastValidated: o.Status.Validated.Time,
	}
}

// url is the bucket as others spell it, with what else tells one store from
// another as query parameters.
func (o *veleroLocationObject) url() string {
	scheme := strings.TrimPrefix(string(o.Spec.Provider), velero+"/")
	if known := map[string]string{"aws": "s3", "gcp": "gs", "azure": "azblob"}[scheme]; known != "" {
		scheme = known
	}
	u := scheme + "://" + string(o.Spec.Storage.Bucket)
	if prefix := strings.Trim(string(o.Spec.Storage.Prefix), "/"); prefix != "" {
		u += "/" + prefix
	}
	switch {
	case o.Spec.Config.S3URL != "":
		u += "?endpoint=" + withoutLogin(string(o.Spec.Config.S3URL))
	case o.Spec.Config.StorageAccount != "":
		u += "?storage_account=" + string(o.Spec.Config.StorageAccount)
	}
	return u
}

// withoutLogin takes the user and password out of a URL.
func withoutLogin(u string) string {
	scheme, rest, found := strings.Cut(u, "://")
	if !found {
		return u
	}
	// By the last @, as a password may have one, or a slash.
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

type veleroRestoreObject struct {
	Metadata veleroMeta `json:"metadata"`
	Spec     struct {
		Backup     object.Text   `json:"backupName"`
		Schedule   object.Text   `json:"scheduleName"`
		Namespaces []object.Text `json:"includedNamespaces"`
	} `json:"spec"`
	Status struct {
		Phase     object.Text   `json:"phase"`
		Completed object.Time   `json:"completionTimestamp"`
		Errors    object.Number `json:"errors"`
	} `json:"status"`
}

func veleroRestore(o *veleroRestoreObject) facts.VeleroRestore {
	return facts.VeleroRestore{
		Namespace: Intern(o.Metadata.Namespace), Name: Intern(o.Metadata.Name), Backup: Intern(string(o.Spec.Backup)), Schedule: Intern(string(o.Spec.Schedule)),
		Phase: cmp.Or(string(o.Status.Phase), "New"), Completed: o.Status.Completed.Time, Namespaces: texts(o.Spec.Namespaces), Errors: int(o.Status.Errors),
	}
}

func texts(list []object.Text) []string {
	var out []string
	for _, t := range list {
		out = append(out, Intern(string(t)))
	}
	return out
}
