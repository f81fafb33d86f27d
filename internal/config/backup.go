package config

import (
	"cmp"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/objecturl"
	"hubaudit/internal/schedule"
)

const (
	minCopyBytes     = 1 << 20
	defaultCopyBytes = 4 << 30
)

var (
	// objectName is that of a claim or CronJob.
	objectName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	// sqlInstance is a project, which may be of a domain, and an instance.
	sqlInstance = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]*[a-z0-9]/[a-z][a-z0-9-]*$`)
)

// place is one of the keys that say where copies lie.
type place struct{ key, kind, value string }

func (b *Backup) places() []place {
	files := facts.BackupFiles
	if objecturl.Is(b.Files) {
		files = facts.BackupObjects
	}
	all := []place{{"files", files, b.Files}, {"volumeSnapshots", facts.BackupSnapshots, b.VolumeSnapshots}, {"longhorn", facts.BackupLonghorn, b.Longhorn},
		{"velero", facts.BackupVelero, b.Velero}, {"k8up", facts.BackupK8up, b.K8up}, {"cloudSQL", facts.BackupCloudSQL, b.CloudSQL}}
	return slices.DeleteFunc(all, func(p place) bool { return p.value == "" })
}

// Place tells where the copies lie: a kind of the facts, and the glob, URL,
// claim, instance or CronJob.
func (b *Backup) Place() (kind, where string) {
	for _, p := range b.places() {
		return p.kind, p.value
	}
	return facts.BackupCronJob, b.CronJob
}

// opened tells whether copies of that kind can be opened and tested.
func (b *Backup) opened() bool {
	kind, _ := b.Place()
	return kind == facts.BackupFiles || kind == facts.BackupObjects
}

func (b *Backup) setDefaults() {
	setDefault(&b.Verify, facts.VerifyOpen)
	setDefault(&b.MaxBytes, defaultCopyBytes)
}

func (v *validator) backup(b *Backup, path string) {
	if !hubName.MatchString(b.Name) {
		v.errorf(path+".name", "%q is not a name: use up to 63 letters, digits and . _ -", b.Name)
	}
	v.place(b, path)
	v.login(b, path)
	v.schedule(b, path)
	v.verify(b, path)
}

func (v *validator) place(b *Backup, path string) {
	places := b.places()
	if len(places) > 1 || len(places) == 0 && b.CronJob == "" {
		v.errorf(path, "set one of files (a glob or URL), volumeSnapshots, longhorn, velero and k8up (a claim), and cloudSQL (an instance); or cronJob alone")
	}
	if b.CronJob != "" && !objectName.MatchString(b.CronJob) {
		v.errorf(path+".cronJob", "%q is not the name of a CronJob in the hub's namespace", b.CronJob)
	}
	for _, p := range places {
		switch key := path + "." + p.key; {
		case p.key == "files":
			v.files(b.Files, key)
		case p.key == "cloudSQL" && !sqlInstance.MatchString(p.value):
			v.errorf(key, "%q is not PROJECT/INSTANCE, such as my-project/hub-db", p.value)
		case p.key != "cloudSQL" && !objectName.MatchString(p.value):
			v.errorf(key, "%q is not the name of a claim in the hub's namespace, such as hub-db-dir", p.value)
		}
	}
}

func (v *validator) files(files, key string) {
	if objecturl.Looks(files) {
		if _, err := objecturl.Parse(files); err != nil { // the value may hold a login in the wrong place
			v.errorf(key, "%v", err)
		}
		return
	}
	if _, err := filepath.Match(files, ""); err != nil {
		v.errorf(key, "%q is not a glob: %v", files, err)
	}
}

func (v *validator) login(b *Backup, path string) {
	kind, where := b.Place()
	if b.CredentialsFile == "" {
		return
	}
	if kind != facts.BackupObjects && kind != facts.BackupCloudSQL {
		v.errorf(path+".credentialsFile", "is of no use: only object storage and Cloud SQL take a login from a file")
	}
	if u, err := objecturl.Parse(where); err == nil && u.Set("anonymous") {
		v.errorf(path+".credentialsFile", "the URL says anonymous: take out one of the two")
	}
}

func (v *validator) schedule(b *Backup, path string) {
	if b.MaxAge < 0 {
		v.errorf(path+".maxAge", "must not be negative")
	}
	if b.TimeZone != "" {
		if _, err := time.LoadLocation(b.TimeZone); err != nil || b.TimeZone == "Local" {
			v.errorf(path+".timeZone", "%q is not a time zone, such as Europe/Zurich", b.TimeZone)
			return
		}
	}
	switch _, err := schedule.Parse(b.Schedule, b.TimeZone); {
	case b.Schedule == "" && b.TimeZone != "":
		v.errorf(path+".timeZone", "is of no use without schedule: a CronJob has its own")
	case b.Schedule == "":
	case err != nil:
		v.errorf(path+".schedule", "%q is not a cron schedule such as \"0 3 * * *\": %v", b.Schedule, err)
	case b.TimeZone != "" && strings.Contains(b.Schedule, "TZ="):
		v.errorf(path+".timeZone", "the schedule names a time zone itself: take out one of the two")
	}
}

func (v *validator) verify(b *Backup, path string) {
	switch b.Verify {
	case facts.VerifyNone, facts.VerifyOpen, facts.VerifyRestore:
		if b.Verify != facts.VerifyNone && v.config.isSet(path+".verify") && !b.opened() {
			v.errorf(path+".verify", "is of no use: only copies in files and object storage can be opened")
		}
	default:
		v.errorf(path+".verify", "%q is neither none, open nor restore", b.Verify)
	}
	if b.MaxBytes < minCopyBytes {
		v.errorf(path+".maxBytes", "must be at least %d: smaller copies are no copies of a hub's database", minCopyBytes)
	}
	if b.Scratch+b.ScratchPassword+b.ScratchPasswordFile != "" {
		v.scratch(b, path)
	}
}

// scratch looks at the server in which a copy is restored: whatever is in that
// database is overwritten.
func (v *validator) scratch(b *Backup, path string) {
	key := path + ".scratch"
	v.oneOf(key+"Password", b.ScratchPassword, b.ScratchPasswordFile)
	u, ok := serverURL(b.Scratch)
	switch {
	case b.Scratch == "":
		v.errorf(path, "there is a scratchPassword and no scratch")
	case b.Verify != facts.VerifyRestore:
		v.errorf(key, "is only used to restore: write verify: restore, or take it out")
	case !ok || database(u) == "":
		v.errorf(key, "must be the db_url of an empty database on a PostgreSQL or MySQL server, such as postgresql://audit@scratch-db/scratch")
	case urlPassword(b.Scratch) != "" && b.ScratchPassword+b.ScratchPasswordFile != "":
		v.errorf(key, "the password is both in scratch and in scratchPassword: take it out of the URL")
	case v.isLive(u):
		v.errorf(key, "is a hub's own database, which a restore would overwrite: name an empty one, best on a server of its own")
	}
}

// isLive tells whether a server's database is that of one of the hubs.
func (v *validator) isLive(scratch *url.URL) bool {
	return slices.ContainsFunc(v.config.Hubs, func(h Hub) bool {
		u, ok := serverURL(h.Database)
		return ok && engine(u) == engine(scratch) && address(u) == address(scratch) && database(u) == database(scratch)
	})
}

// serverURL reads the db_url of a database server; ok is false for any other.
func serverURL(dbURL string) (u *url.URL, ok bool) {
	u, err := url.Parse(strings.TrimSpace(dbURL))
	return u, err == nil && engine(u) != ""
}

func engine(u *url.URL) string {
	name, _, _ := strings.Cut(strings.ToLower(u.Scheme), "+")
	return map[string]string{"postgresql": "postgresql", "postgres": "postgresql", "mysql": "mysql", "mariadb": "mysql"}[name]
}

func database(u *url.URL) string { return strings.Trim(u.Path, "/") }

func address(u *url.URL) string {
	ports := map[string]string{"postgresql": "5432", "mysql": "3306"}
	host := cmp.Or(u.Hostname(), u.Query().Get("host"), u.Query().Get("unix_socket"), "localhost")
	return strings.ToLower(host) + ":" + cmp.Or(u.Port(), u.Query().Get("port"), ports[engine(u)])
}
