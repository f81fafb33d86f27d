package backup

import (
	"context"
	"io"
	"path"
	"strings"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
	"hubaudit/internal/objecturl"
)

// object is one object as a listing tells it.
type object struct {
	key      string
	size     int64
	modified time.Time
}

// store is a bucket of some cloud. Its errors are the client library's.
type store interface {
	// page lists objects whose keys begin with the prefix, from a token on that an
	// earlier page gave, "" for the first. Without deep those are left out that have
	// a slash after the prefix. next is "" after the last page.
	page(ctx context.Context, prefix, token string, deep bool) (objects []object, next string, err error)
	// get reads an object's bytes as they are stored; size is -1 if it is not told.
	get(ctx context.Context, key string) (body io.ReadCloser, size int64, err error)
	close()
}

// objects are copies in object storage.
type objects struct {
	url     objecturl.URL
	store   store
	counted func(int)
	// base is what of the keys is the same for all, with the slash behind it, and
	// prefix what the glob says literally; pattern are the glob's elements.
	base, prefix string
	pattern      []string
}

// looked is how many objects are looked at: more begin with the prefix only
// where it is too short.
const looked = 200_000

func newObjects(ctx context.Context, o Options) (Location, error) {
	u, err := objecturl.Parse(o.Files)
	if err != nil {
		return nil, source.Failed(facts.CauseUnreadable, err, "cannot look for backups in object storage")
	}
	open := map[string]func(context.Context, objecturl.URL, string) (store, error){objecturl.S3: openS3, objecturl.GCS: openGCS, objecturl.Azure: openAzure}
	s, err := open[u.Scheme](ctx, u, o.CredentialsFile)
	if err != nil {
		return nil, loginFailed(ctx, err, u)
	}
	return inStore(u, s, o.Counted), nil
}

func inStore(u objecturl.URL, s store, counted func(int)) *objects {
	l := &objects{url: u, store: s, counted: counted, prefix: u.Glob, pattern: strings.Split(u.Glob, "/")}
	if i := strings.IndexAny(u.Glob, meta); i >= 0 {
		l.prefix = u.Glob[:i]
	}
	l.base = l.prefix[:strings.LastIndex(l.prefix, "/")+1]
	return l
}

func (l *objects) Close() error {
	l.store.close()
	return nil
}

func (l *objects) List(ctx context.Context) ([]facts.BackupCopy, error) {
	deep := strings.Contains(l.url.Glob[len(l.prefix):], "/")
	var found newest
	for token, seen := "", 0; ; {
		page, next, err := l.store.page(ctx, l.prefix, token, deep)
		if err != nil {
			return nil, l.failed(ctx, err, listing, "cannot look for backups "+l.url.String())
		}
		for _, o := range page {
			if c, ok := l.inspect(o); ok {
				found.add(c)
			}
		}
		if seen += len(page); seen > looked {
			return nil, source.Failed(facts.CauseUnreadable, nil, "cannot look for backups %s: more than %d objects begin with %q; write more of what the copies' names have in common before the first wildcard", l.url, looked, l.prefix)
		}
		if next == "" {
			break
		}
		if next == token {
			return nil, source.Failed(facts.CauseUnreadable, nil, "cannot look for backups %s: the server gives the same page again and again", l.url)
		}
		token = next
	}
	found.cut()
	l.counted(found.all)
	return found.copies, nil
}

// inspect looks at one object; ok is false where it is no copy.
func (l *objects) inspect(o object) (c facts.BackupCopy, ok bool) {
	elements := strings.Split(o.key, "/")
	if len(elements) != len(l.pattern) || elements[len(elements)-1] == "" { // consoles show a folder by an object with a slash at its end
		return c, false
	}
	for i, element := range elements {
		hidden := strings.HasPrefix(element, ".") && !strings.HasPrefix(l.pattern[i], ".")
		if ok, err := path.Match(l.pattern[i], element); err != nil || !ok || hidden {
			return c, false
		}
	}
	return judge(strings.TrimPrefix(o.key, l.base), o.size, o.modified)
}

func (l *objects) Open(ctx context.Context, c facts.BackupCopy) (io.ReadCloser, error) {
	what := quoted(c, l.url.String())
	failed := func(err error) error { return l.failed(ctx, err, opening, "cannot read "+what) }
	body, size, err := l.store.get(ctx, l.base+c.Name)
	if err != nil {
		return nil, failed(err)
	}
	return newWhole(body, what, size, c.SizeBytes, failed)
}
