package longhorn

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

type backupTargetObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		URL          object.Text `json:"backupTargetURL"`
		Credential   object.Text `json:"credentialSecret"`
		PollInterval duration    `json:"pollInterval"`
	} `json:"spec"`
	Status struct {
		Available    object.Flag `json:"available"`
		Conditions   conditions  `json:"conditions"`
		LastSyncedAt object.Time `json:"lastSyncedAt"`
	} `json:"status"`
}

// duration is one as metav1.Duration writes it: 5m0s.
type duration time.Duration

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (d *duration) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var text object.Text
	if err := json.UnmarshalDecode(dec, &text); err != nil || text == "" {
		return err
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%.40q is no length of time", string(text))
	}
	*d = duration(parsed)
	return nil
}

func backupTarget(o *backupTargetObject) facts.LHBackupTarget {
	unavailable := o.Status.Conditions.of("Unavailable")
	t := facts.LHBackupTarget{
		Name: intern(object.Text(o.Metadata.Name)), URL: withoutLogin(string(o.Spec.URL)), Credential: string(o.Spec.Credential),
		PollInterval: time.Duration(o.Spec.PollInterval), Known: true, Available: bool(o.Status.Available),
		Since: unavailable.Since.Time, LastSyncedAt: o.Status.LastSyncedAt.Time,
	}
	if !t.Available {
		t.Reason = brief(string(cmp.Or(unavailable.Message, unavailable.Reason)))
	}
	return t
}

// withoutLogin is a URL without a password and without its query, in which mount
// options may hold one. What stands before the @ of an s3 URL is the bucket.
func withoutLogin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		scheme, _, _ := strings.Cut(text, ":")
		return scheme + ":…" // set, but not as Longhorn would take it
	}
	if _, has := u.User.Password(); has {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
	return u.String()
}

// Settings of the one backup target, before 1.8.
const (
	settingTarget       = "backup-target"
	settingCredential   = "backup-target-credential-secret"
	settingPollInterval = "backupstore-poll-interval" // in seconds
)

// targetsOf makes a target of the settings, which tell where backups go and not
// whether they get there; nil without such settings.
func targetsOf(settings map[string]string) []facts.LHBackupTarget {
	address, ok := settings[settingTarget]
	if !ok {
		return nil
	}
	seconds, err := strconv.Atoi(settings[settingPollInterval])
	if err != nil {
		seconds = 0
	}
	return []facts.LHBackupTarget{{Name: defaultTarget, URL: withoutLogin(address), Credential: settings[settingCredential],
		PollInterval: time.Duration(seconds) * time.Second}}
}

type recurringJobObject struct {
	Metadata object.Meta `json:"metadata"`
	Spec     struct {
		Groups []object.Text `json:"groups"`
		Task   object.Text   `json:"task"`
		Cron   object.Text   `json:"cron"`
		Retain object.Number `json:"retain"`
	} `json:"spec"`
	Status struct {
		Executions object.Number `json:"executionCount"` // since 1.7
	} `json:"status"`
}

func recurringJob(o *recurringJobObject) facts.LHRecurringJob {
	return facts.LHRecurringJob{
		Name: o.Metadata.Name, Created: o.Metadata.CreationTimestamp.Time, Task: string(o.Spec.Task), Cron: string(o.Spec.Cron),
		Groups: slices.Compact(tags(o.Spec.Groups)), Retain: int(o.Spec.Retain), Executions: int(o.Status.Executions),
	}
}

// jobLabels are the recurring jobs and groups of them that a volume's labels
// enable.
type jobLabels struct{ Jobs, Groups []string }

const (
	jobLabel   = "recurring-job.longhorn.io/"
	groupLabel = "recurring-job-group.longhorn.io/"
	// sourceLabel is no job: it says that a claim's labels count for its volume.
	sourceLabel = jobLabel + "source"
)

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (l *jobLabels) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*l = jobLabels{}
	if dec.PeekKind() != '{' {
		var none *struct{}
		return json.UnmarshalDecode(dec, &none) // null, or an error
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		if err := l.label(dec); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	l.Jobs, l.Groups = sorted(l.Jobs), sorted(l.Groups)
	return err
}

func (l *jobLabels) label(dec *jsontext.Decoder) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	key := token.String()
	list := &l.Jobs
	name, found := strings.CutPrefix(key, jobLabel)
	if !found {
		name, found = strings.CutPrefix(key, groupLabel)
		list = &l.Groups
	}
	if !found || key == sourceLabel {
		return dec.SkipValue()
	}
	var value object.Text
	if err := json.UnmarshalDecode(dec, &value); err != nil {
		return err
	}
	if value == "enabled" {
		*list = append(*list, intern(object.Text(name)))
	}
	return nil
}

func sorted(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}
