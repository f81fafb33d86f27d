package backup

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// cloudSQL are the backups that Google's Cloud SQL makes of an instance.
type cloudSQL struct {
	runs              *sqladmin.BackupRunsService
	project, instance string
	counted           func(int)
	release           func()
}

func newCloudSQL(ctx context.Context, o Options) (Location, error) {
	client, done, err := googleClient(ctx, o.CredentialsFile, sqladmin.CloudPlatformScope)
	if err != nil {
		return nil, unanswered(ctx, err, "cannot look for backups of Cloud SQL's "+o.CloudSQL)
	}
	return sqlInstance(ctx, o, client, done, "")
}

func sqlInstance(ctx context.Context, o Options, client *http.Client, done func(), endpoint string) (Location, error) {
	options := []option.ClientOption{option.WithHTTPClient(client)}
	if endpoint != "" {
		options = append(options, option.WithEndpoint(endpoint))
	}
	service, err := sqladmin.NewService(ctx, options...)
	if err != nil {
		return nil, source.Failed(facts.CauseUnreadable, err, "cannot look for backups of Cloud SQL's %s", o.CloudSQL)
	}
	project, instance, _ := strings.Cut(o.CloudSQL, "/")
	return &cloudSQL{service.BackupRuns, project, instance, o.Counted, done}, nil
}

func (c *cloudSQL) Close() error {
	c.release()
	return nil
}

// Open fails: nobody but Cloud SQL can read its backups.
func (c *cloudSQL) Open(_ context.Context, b facts.BackupCopy) (io.ReadCloser, error) {
	return nil, source.Failed(facts.CauseUnreadable, nil, "cannot read %s: Cloud SQL's backups can only be restored there", quoted(b, c.project+"/"+c.instance))
}

func (c *cloudSQL) List(ctx context.Context) ([]facts.BackupCopy, error) {
	what := fmt.Sprintf("cannot look for backups of Cloud SQL's %s/%s", c.project, c.instance)
	var found newest
	for token := ""; ; {
		call := c.runs.List(c.project, c.instance).Context(ctx).MaxResults(500)
		if token != "" {
			call = call.PageToken(token)
		}
		var page *sqladmin.BackupRunsListResponse
		err := repeated(ctx, func() (err error) {
			page, err = call.Do()
			return err
		})
		if err != nil {
			return nil, c.failed(ctx, err, what)
		}
		for _, run := range page.Items {
			if b, ok := ofRun(run); ok {
				found.add(b)
			}
		}
		if page.NextPageToken == "" {
			break
		}
		if page.NextPageToken == token {
			return nil, source.Failed(facts.CauseUnreadable, nil, "%s: the server gives the same page again and again", what)
		}
		token = page.NextPageToken
	}
	found.cut()
	c.counted(found.all)
	return found.copies, nil
}

func (c *cloudSQL) failed(ctx context.Context, err error, what string) error {
	a, ok := googleAnswer(err)
	if !ok || ctx.Err() != nil {
		return unanswered(ctx, err, what)
	}
	switch {
	case a.login:
		return source.Failed(facts.CauseForbidden, a, "%s: the login is not accepted; renew it, and see that this machine's clock is right", what)
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return source.Failed(facts.CauseForbidden, a, "%s: the login may not; give it cloudsql.backupRuns.list (role Cloud SQL Viewer), and see that the Cloud SQL Admin API is on in its project", what)
	case a.status == http.StatusNotFound:
		return source.Failed(facts.CauseMissing, a, "%s: there is no such instance; cloudSQL is PROJECT/INSTANCE", what)
	case a.status == http.StatusTooManyRequests || a.status >= http.StatusInternalServerError:
		return source.Failed(facts.CauseUnreachable, a, "%s: the server is busy or broken; the next run will try again", what)
	}
	return source.Failed(facts.CauseUnreadable, a, "%s", what)
}

// ofRun is a backup run as a copy, of the time at which it began; ok is false
// where the run left none and none was due.
func ofRun(r *sqladmin.BackupRun) (b facts.BackupCopy, ok bool) {
	b = facts.BackupCopy{Name: fmt.Sprintf("backup run %d", r.Id), SizeBytes: r.MaxChargeableBytes,
		Time: timeOf(cmp.Or(r.StartTime, r.EnqueuedTime, r.WindowStartTime, r.EndTime))}
	switch r.Status {
	case "SUCCESSFUL":
		b.Ready = true
	case "ENQUEUED", "RUNNING":
	case "SKIPPED", "DELETION_PENDING", "DELETED":
		return b, false
	default: // FAILED, OVERDUE, DELETION_FAILED
		b.Error = "Cloud SQL says " + r.Status
		if r.Error != nil && r.Error.Message != "" {
			b.Error += ": " + r.Error.Message
		}
	}
	return b, true
}

// timeOf is zero for a time that cannot be read.
func timeOf(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}
