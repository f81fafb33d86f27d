// Package objecturl reads the URLs by which copies in object storage are
// configured: s3://BUCKET/GLOB?region=eu-central-1, gs://, azblob://.
package objecturl

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hubaudit/internal/text"
)

// Schemes of object storage.
const (
	S3    = "s3"
	GCS   = "gs"
	Azure = "azblob"
)

// URL is where copies lie in object storage. It never holds a secret.
type URL struct {
	Scheme string
	// Bucket is the bucket's name, or the Azure container's.
	Bucket string
	// Glob is the pattern of keys, of which every element is one of path.Match. It is
	// taken as it is written: a percent sign stands for itself.
	Glob string
	// Options are the parameters, each with one value that is of its kind.
	Options map[string]string
}

// Is tells whether a backup's files are a URL of object storage and not a path.
func Is(files string) bool {
	scheme, _, ok := strings.Cut(files, "://")
	return ok && options[scheme] != nil
}

// Looks tells whether a backup's files are a URL of whatever kind.
func Looks(files string) bool { return anyScheme.MatchString(files) }

var (
	anyScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
	bucket    = regexp.MustCompile(`^[A-Za-z0-9$][A-Za-z0-9._-]+$`)
	account   = regexp.MustCompile(`^[a-z0-9]+$`)
	region    = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	role      = regexp.MustCompile(`^arn:[a-z-]+:iam::\d+:role/[\w+=,.@/-]+$`)
	domain    = regexp.MustCompile(`^[A-Za-z0-9.-]+(:\d+)?$`)
)

// kind reads an option's value; its error says what is expected, and does not
// quote the value.
type kind func(value string) error

// options are those that each scheme knows. Logins are none of them.
var options = map[string]map[string]kind{
	S3: {"region": like(region, "a region, such as eu-central-1"), "endpoint": endpoint, "use_path_style": boolean, "anonymous": boolean,
		"profile": like(regexp.MustCompile(`^[^\s]+$`), "a profile of the credentials file"), "role": like(role, "the ARN of a role, such as arn:aws:iam::123456789012:role/audit"),
		"fips": boolean, "dualstack": boolean},
	GCS: {"endpoint": endpoint, "anonymous": boolean},
	Azure: {"storage_account": like(account, "the name of a storage account"), "domain": like(domain, "a domain, such as blob.core.windows.net"),
		"protocol": like(regexp.MustCompile(`^https?$`), "https or http"), "anonymous": boolean},
}

// Parse reads a URL. Its errors quote no option's value and no user
// information: either may be a secret that was written into the wrong place.
func Parse(files string) (URL, error) {
	scheme, rest, _ := strings.Cut(files, "://")
	if options[scheme] == nil {
		return URL{}, errors.New("what stands before the :// is no object storage: use s3://BUCKET/GLOB, gs://BUCKET/GLOB or azblob://CONTAINER/GLOB, or a path without ://")
	}
	place, query, _ := strings.Cut(rest, "?")
	u := URL{Scheme: scheme, Options: map[string]string{}}
	u.Bucket, u.Glob, _ = strings.Cut(place, "/")
	elements := strings.Split(u.Glob, "/")
	switch {
	case strings.Contains(u.Bucket, "@"):
		return URL{}, errors.New("it must not hold a login: see credentialsFile")
	case !bucket.MatchString(u.Bucket):
		return URL{}, errors.New("what follows the // must be the name of a bucket")
	case u.Glob == "" || strings.HasSuffix(u.Glob, "/"):
		return URL{}, fmt.Errorf("it must name the copies by a glob: write %s://%s/%s*", scheme, u.Bucket, u.Glob)
	case slices.ContainsFunc(elements, malformed):
		return URL{}, errors.New("what follows the bucket is not a glob such as hub/jupyterhub-*.gz")
	case slices.Contains(elements, ""):
		return URL{}, errors.New("it must not hold two slashes in a row, nor begin the glob with one")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return URL{}, errors.New("what follows the ? are not options such as region=eu-central-1; in the glob write * for a wildcard")
	}
	return u, u.read(values)
}

func malformed(pattern string) bool {
	_, err := path.Match(pattern, "")
	return err != nil
}

func (u URL) read(values url.Values) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		check, ok := options[u.Scheme][name]
		switch {
		case !ok:
			return unknown(u.Scheme, name)
		case len(values[name]) > 1:
			return fmt.Errorf("the option %s is there twice", name)
		}
		if err := check(values[name][0]); err != nil {
			return fmt.Errorf("the option %s %w", name, err)
		}
		u.Options[name] = values[name][0]
	}
	if u.Set("anonymous") && (u.Options["profile"] != "" || u.Options["role"] != "") {
		return errors.New("the option anonymous excludes profile and role")
	}
	return nil
}

// unknown says what an option should have been, without quoting it.
func unknown(scheme, name string) error {
	known := slices.Sorted(maps.Keys(options[scheme]))
	if near := text.Nearest(name, known); near != "" {
		return fmt.Errorf("it has an option that is not known; did you mean %s?", near)
	}
	return fmt.Errorf("it has an option that is not known; known are %s; a login belongs into credentialsFile", strings.Join(known, ", "))
}

// Set tells whether an option is there and true.
func (u URL) Set(option string) bool {
	on, err := strconv.ParseBool(u.Options[option])
	return err == nil && on
}

// String is the URL without its options.
func (u URL) String() string { return u.Scheme + "://" + u.Bucket + "/" + u.Glob }

func boolean(value string) error {
	if _, err := strconv.ParseBool(value); err != nil {
		return errors.New("must be true or false")
	}
	return nil
}

func endpoint(value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return errors.New("must be the address of a server, such as https://minio.example.org:9000, without a login")
	}
	return nil
}

func like(pattern *regexp.Regexp, what string) kind {
	return func(value string) error {
		if !pattern.MatchString(value) {
			return errors.New("must be " + what)
		}
		return nil
	}
}
