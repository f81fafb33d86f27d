package objecturl

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]URL{
		"s3://hub-backups/db/jupyterhub-*.gz": {S3, "hub-backups", "db/jupyterhub-*.gz", map[string]string{}},
		"s3://hub-backups/100%/[a-c]*?region=eu-central-1&endpoint=https%3A%2F%2Fminio%3A9000&use_path_style=true": {S3, "hub-backups", "100%/[a-c]*",
			map[string]string{"region": "eu-central-1", "endpoint": "https://minio:9000", "use_path_style": "true"}},
		"s3://b.c/x?endpoint=http://minio.minio.svc:9000&profile=audit&role=arn:aws:iam::123456789012:role/audit": {S3, "b.c", "x",
			map[string]string{"endpoint": "http://minio.minio.svc:9000", "profile": "audit", "role": "arn:aws:iam::123456789012:role/audit"}},
		"gs://hub_backups/*/db.gz?anonymous=true": {GCS, "hub_backups", "*/db.gz", map[string]string{"anonymous": "true"}},
		"azblob://$root/db?storage_account=acct&domain=blob.core.chinacloudapi.cn&protocol=https": {Azure, "$root", "db",
			map[string]string{"storage_account": "acct", "domain": "blob.core.chinacloudapi.cn", "protocol": "https"}},
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if again, err := Parse(got.String()); err != nil || again.Glob != got.Glob || strings.Contains(got.String(), "?") {
			t.Errorf("%s is written as %s: %v", text, got, err)
		}
	}
	if u, err := Parse("s3://b-1/x?anonymous=1"); err != nil || !u.Set("anonymous") || u.Set("fips") {
		t.Errorf("options of %+v: %v", u, err)
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"ftp://bucket/x":                                 "use s3://BUCKET/GLOB, gs://BUCKET/GLOB or azblob://CONTAINER/GLOB",
		"s3://AKIA:s3cr3t@bucket/x":                      "must not hold a login: see credentialsFile",
		"s3:///x":                                        "must be the name of a bucket",
		"s3://bucket":                                    "write s3://bucket/*",
		"s3://bucket/hub/":                               "write s3://bucket/hub/*",
		"s3://bucket/hub/db-[.gz":                        "is not a glob",
		"s3://bucket/hub/[a/b]":                          "is not a glob",
		"s3://bucket//hub/db":                            "two slashes in a row",
		"s3://bucket/x?regoin=s3cr3t":                    "did you mean region?",
		"s3://bucket/x?access_key_id=s3cr3t":             "a login belongs into credentialsFile",
		"s3://bucket/x?region=a&region=s3cr3t":           "the option region is there twice",
		"s3://bucket/x?use_path_style=s3cr3t":            "the option use_path_style must be true or false",
		"s3://bucket/x?endpoint=https://u:s3cr3t@minio/": "the option endpoint must be the address of a server",
		"s3://bucket/x?endpoint=minio:9000":              "the option endpoint must be the address of a server",
		"s3://bucket/x?role=audit":                       "the ARN of a role",
		"s3://bucket/x?anonymous=true&profile=p":         "anonymous excludes profile",
		"s3://bucket/db-?.gz;s3cr3t":                     "write * for a wildcard",
		"gs://bucket/x?region=eu":                        "known are anonymous, endpoint",
		"azblob://c/x":                                   "must be the name of a bucket",
		"azblob://con/x?storage_account=A":               "must be the name of a storage account",
		"azblob://con/x?sas=s3cr3t":                      "a login belongs into credentialsFile",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: error is %v, want %q", text, err, want)
		}
	}
}

func TestIs(t *testing.T) {
	for files, want := range map[string][2]bool{
		"s3://b/x": {true, true}, "gs://b/x": {true, true}, "azblob://b/x": {true, true}, "https://h/x": {false, true},
		"/backups/*.gz": {}, "backups/a:b": {}, "": {},
	} {
		if got := [2]bool{Is(files), Looks(files)}; got != want {
			t.Errorf("%q: %v, want %v", files, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"s3://bucket/a/*?region=x", "gs://b-c/[a", "azblob://c%2F/x?storage_account=", "s3://b@c/x", "s3://bucket/x?endpoint=http://a%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := Parse(text)
		if err == nil && (u.Bucket == "" || u.Glob == "" || !Is(u.String()) || strings.Contains(u.Bucket, "@")) {
			t.Errorf("%q is taken for %+v", text, u)
		}
	})
}
