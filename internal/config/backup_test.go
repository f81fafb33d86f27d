package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hubaudit/internal/facts"
)

// backup is a configuration with one backup.
func backup(keys string) string {
	return "hubs:\n  - name: a\n    database: postgresql://hub@db.example.org/jupyterhub\n    backups:\n      - {name: n, " + keys + "}"
}

func TestBackups(t *testing.T) {
	for keys, want := range map[string][2]string{
		"files: /backups/*.gz": {facts.BackupFiles, "/backups/*.gz"},
		"files: \"s3://b-1/hub/*.gz?region=eu-central-1\", credentialsFile: c": {facts.BackupObjects, "s3://b-1/hub/*.gz?region=eu-central-1"},
		"files: \"gs://b-1/*\", cronJob: dump":                                 {facts.BackupObjects, "gs://b-1/*"},
		"volumeSnapshots: hub-db-dir":                                          {facts.BackupSnapshots, "hub-db-dir"},
		"longhorn: hub-db-dir":                                                 {facts.BackupLonghorn, "hub-db-dir"},
		"velero: hub-db-dir, verify: none":                                     {facts.BackupVelero, "hub-db-dir"},
		"k8up: hub-db-dir":                                                     {facts.BackupK8up, "hub-db-dir"},
		"cloudSQL: \"example.org:my-project/hub-db\", credentialsFile: c":      {facts.BackupCloudSQL, "example.org:my-project/hub-db"},
		"cronJob: dump":                                                        {facts.BackupCronJob, "dump"},
		"files: x, schedule: \"0 3 * * *\", timeZone: Europe/Zurich":           {facts.BackupFiles, "x"},
		"files: x, schedule: \"CRON_TZ=Europe/Zurich 0 3 * * *\"":              {facts.BackupFiles, "x"},
		"files: x, schedule: \"@daily\"":                                       {facts.BackupFiles, "x"},
		"files: x, verify: restore":                                            {facts.BackupFiles, "x"},
		"files: x, verify: restore, scratch: \"postgresql://audit@db.example.org/scratch\", scratchPasswordFile: p": {facts.BackupFiles, "x"},
		"files: x, verify: restore, scratch: \"mysql://audit:${S}@db.example.org/jupyterhub\"":                      {facts.BackupFiles, "x"},
	} {
		c, err := parse(backup(keys), map[string]string{"S": "s3cr3t"})
		if err != nil {
			t.Errorf("%s: %v", keys, err)
			continue
		}
		b := c.Hubs[0].Backups[0]
		if kind, where := b.Place(); kind != want[0] || where != want[1] || b.MaxBytes != 4<<30 || !strings.Contains(keys, "verify") && b.Verify != facts.VerifyOpen {
			t.Errorf("%s: read as %+v", keys, b)
		}
	}
}

func TestBackupMistakes(t *testing.T) {
	for keys, want := range map[string]string{
		"schedule: \"0 3 * * *\"":                                                                 "hubaudit.yaml:5: hubs[0].backups[0]: set one of files",
		"files: x, cloudSQL: my-project/db":                                                       "set one of files",
		"files: \"db-[\"":                                                                         "is not a glob",
		"files: \"s3://bucket\"":                                                                  "hubaudit.yaml:5: hubs[0].backups[0].files: it must name the copies by a glob",
		"files: \"s3://k:s3cr3t@bucket/x\"":                                                       "files: it must not hold a login",
		"files: \"s3://bucket/x?secret_key=s3cr3t\"":                                              "files: it has an option that is not known",
		"files: \"https://s3cr3t@bucket/x\"":                                                      "files: what stands before the :// is no object storage",
		"volumeSnapshots: hub/db":                                                                 `volumeSnapshots: "hub/db" is not the name of a claim`,
		"cloudSQL: hub-db":                                                                        "is not PROJECT/INSTANCE",
		"cronJob: A_B":                                                                            "is not the name of a CronJob",
		"files: x, schedule: daily-ish":                                                           "is not a cron schedule",
		"files: x, schedule: \"0 3 * *\"":                                                         "is not a cron schedule",
		"files: x, schedule: \"TZ=Nowhere 0 3 * * *\"":                                            "is not a cron schedule",
		"files: x, timeZone: Europe/Zurich":                                                       "timeZone: is of no use without schedule",
		"files: x, schedule: \"@daily\", timeZone: Zürich":                                        `timeZone: "Zürich" is not a time zone`,
		"files: x, schedule: \"@daily\", timeZone: Local":                                         `timeZone: "Local" is not a time zone`,
		"files: x, schedule: \"CRON_TZ=UTC 0 3 * * *\", timeZone: Europe/Zurich":                  "timeZone: the schedule names a time zone itself",
		"files: x, maxAge: -1h":                                                                   "maxAge: must not be negative",
		"files: x, verify: maybe":                                                                 "neither none, open nor restore",
		"longhorn: hub-db-dir, verify: open":                                                      "verify: is of no use",
		"files: x, maxBytes: 1000":                                                                "maxBytes: must be at least 1048576",
		"files: x, credentialsFile: c":                                                            "credentialsFile: is of no use",
		"files: \"gs://bucket/x?anonymous=true\", credentialsFile: c":                             "the URL says anonymous",
		"files: x, scratch: \"postgresql://a@h/scratch\"":                                         "scratch: is only used to restore",
		"files: x, verify: restore, scratchPasswordFile: p":                                       "there is a scratchPassword and no scratch",
		"files: x, verify: restore, scratch: \"sqlite:///x\"":                                     "must be the db_url of an empty database",
		"files: x, verify: restore, scratch: \"postgresql://a@h\"":                                "must be the db_url of an empty database",
		"files: x, verify: restore, scratch: \"postgresql://a:s3cr3t@h/x\"":                       "a password does not belong into the configuration",
		"files: x, verify: restore, scratch: \"postgresql://a@h/x\", scratchPassword: s3cr3t":     "a secret does not belong into the configuration",
		"files: x, verify: restore, scratch: \"postgresql://a:${S}@h/x\", scratchPasswordFile: p": "the password is both in scratch and in scratchPassword",
		"files: x, verify: restore, scratch: \"postgresql://a@h/x\", scratchPassword: \"${S}\", scratchPasswordFile: p": "set this or hubs[0].backups[0].scratchPasswordFile, not both",
		"files: x, verify: restore, scratch: \"postgresql+psycopg2://other@DB.example.org:5432/jupyterhub\"":            "is a hub's own database",
		"files: x, verify: restore, scratch: \"postgresql://other@/jupyterhub?host=db.example.org\"":                    "is a hub's own database",
	} {
		_, err := parse(backup(keys), map[string]string{"S": "s3cr3t"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: error is %v, want %q", keys, err, want)
		}
	}
}

func TestCredentialsFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"none": "hubs[0].backups[0].credentialsFile: open ", "empty": "is empty"} {
		c, err := Parse(filepath.Join(dir, "hubaudit.yaml"), []byte(backup("files: \"s3://bucket/x\", credentialsFile: "+file)), known, env(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.CheckFiles(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}
