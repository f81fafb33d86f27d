package checks

import (
	"strings"
	"testing"

	"hubaudit/internal/text"
)

func TestQuotedErrorShowsNoSecret(t *testing.T) {
	for said, want := range map[string]string{
		"": "",
		"failed to list s3://AKIDEXAMPLE:hunter2@bucket/: denied.":                            "failed to list s3://bucket/: denied",
		"Put \"https://b.s3.test/x?X-Amz-Signature=hunter2&X-Amz-Date=1\": EOF":               `Put "https://b.s3.test/x?(redacted)": EOF`,
		"mount -o username=backup,password=hunter2,vers=3.0: exit 32":                         "mount -o username=backup,password=(redacted),vers=3.0: exit 32",
		"AWS_SECRET_ACCESS_KEY: hunter2 rejected":                                             "AWS_SECRET_ACCESS_KEY: (redacted) rejected",
		"Authorization: Bearer hunter2 refused":                                               "Authorization: (redacted) refused",
		"the key AKIAIOSFODNN7EXAMPLE does not exist":                                         "the key (redacted) does not exist",
		"two\nlines \x1b[31m of it":                                                           `two\nlines \x1b[31m of it`,
		`{"token":"hunter2"}`:                                                                 `{"token":(redacted)}`,
		"rpc error: code = Internal desc = failed lookup: secret longhorn-system/s not found": "rpc error: code = Internal desc = failed lookup: secret longhorn-system/s not found",
	} {
		if got := quotedError(said); got != want {
			t.Errorf("quotedError(%q)\n got %s\nwant %s", said, got, want)
		}
	}
}

func TestErrorKindGathersOneCause(t *testing.T) {
	a := errorKind("proxyServer=10.42.1.5:8501: failed to back up pvc-1f2e to backup-77: rpc error: code = Internal")
	b := errorKind("proxyServer=10.42.9.7:8501: failed to back up pvc-a3d9 to backup-12: rpc error: code = Internal")
	other := errorKind("proxyServer=10.42.9.7:8501: failed to back up pvc-a3d9 to backup-12: no space left on device")
	if a != b || a == other {
		t.Errorf("%q\n%q\n%q", a, b, other)
	}
}

func TestErrorKeepsItsCause(t *testing.T) {
	const end = `RequestError: send request failed caused by: Put "https://s3.test/x": dial tcp 203.0.113.7:443: i/o timeout`
	long := "proxyServer=10.42.1.5:8501 destination=10.42.1.5:10010: failed to back up nightly-4f1c to backup-77: rpc error: code = Internal desc = failed to create backup: " + end
	if got := quotedError(long); !strings.HasPrefix(got, "proxyServer=10.42.1.5") || !strings.HasSuffix(got, "dial tcp 203.0.113.7:443: i/o timeout") {
		t.Errorf("quoted as %q", got)
	}
	for said, want := range map[string]string{long: "… " + end, "snapshot is gone": "snapshot is gone", strings.Repeat("x", 300): strings.Repeat("x", 300)} {
		if got := causeOf(said); got != want {
			t.Errorf("causeOf(%q)\n got %s\nwant %s", said, got, want)
		}
	}
	// What was cut where it was read is of the same cause, wherever that was.
	if a, b := errorKind(long), errorKind(long[:80]+" … "+long[len(long)-160:]); a != b {
		t.Errorf("%q\n%q", a, b)
	}
}

func FuzzQuotedError(f *testing.F) {
	for _, seed := range []string{"password=hunter2", "s3://a:hunter2@b", "\n\x00", "secret: ", strings.Repeat("x1", 500)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := quotedError(s)
		if strings.ContainsAny(got, "\n\r\x1b") || strings.HasSuffix(got, ".") || text.Width(got) > errorColumns {
			t.Errorf("%q is quoted as %q", s, got)
		}
		if got := quotedError("login password=hunter2 " + s); strings.Contains(strings.TrimSuffix(got, quotedError(s)), "hunter2") {
			t.Errorf("%q shows a secret", got)
		}
		_ = errorKind(s)
	})
}
