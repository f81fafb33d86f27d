package backup

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"

	"hubaudit/internal/objecturl"
)

// gcsStore is a bucket of Google Cloud Storage, by its JSON API: the client
// library above that API brings gRPC and doubles the audit's size at rest.
type gcsStore struct {
	objects *storage.ObjectsService
	bucket  string
	release func()
}

func openGCS(ctx context.Context, u objecturl.URL, credentialsFile string) (store, error) {
	s := &gcsStore{bucket: u.Bucket}
	var client *http.Client
	if u.Set("anonymous") {
		transport := plainTransport()
		client, s.release = &http.Client{Transport: transport}, transport.CloseIdleConnections
	} else {
		var err error
		if client, s.release, err = googleClient(ctx, credentialsFile, storage.DevstorageReadOnlyScope); err != nil {
			return nil, err
		}
	}
	client.Transport = asStored{client.Transport}
	options := []option.ClientOption{option.WithHTTPClient(client)}
	if endpoint := u.Options["endpoint"]; endpoint != "" {
		options = append(options, option.WithEndpoint(strings.TrimRight(endpoint, "/")+"/storage/v1/"))
	}
	service, err := storage.NewService(ctx, options...)
	if err != nil {
		return nil, err
	}
	s.objects = service.Objects
	return s, nil
}

// asStored asks for objects as they are stored: for a client that does not take
// gzip the server unpacks them. The library sets no such header.
type asStored struct{ http.RoundTripper }

func (a asStored) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Query().Get("alt") == "media" {
		r = r.Clone(r.Context())
		r.Header.Set("Accept-Encoding", "gzip")
	}
	return a.RoundTripper.RoundTrip(r)
}

func (s *gcsStore) page(ctx context.Context, prefix, token string, deep bool) ([]object, string, error) {
	call := s.objects.List(s.bucket).Context(ctx).Prefix(prefix).Fields("nextPageToken", "items(name,size,updated)")
	if !deep {
		call = call.Delimiter("/")
	}
	if token != "" {
		call = call.PageToken(token)
	}
	var out *storage.Objects
	err := repeated(ctx, func() (err error) {
		out, err = call.Do()
		return err
	})
	if err != nil {
		return nil, "", err
	}
	page := make([]object, len(out.Items))
	for i, o := range out.Items {
		updated, err := time.Parse(time.RFC3339, o.Updated)
		if err != nil {
			return nil, "", fmt.Errorf("the server's listing has an object without a time: %w", err)
		}
		page[i] = object{o.Name, int64(o.Size), updated}
	}
	return page, out.NextPageToken, nil
}

func (s *gcsStore) get(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	call := s.objects.Get(s.bucket, key).Context(ctx)
	var resp *http.Response
	err := repeated(ctx, func() (err error) {
		resp, err = call.Download()
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	size := resp.ContentLength
	if stored, err := strconv.ParseInt(resp.Header.Get("X-Goog-Stored-Content-Length"), 10, 64); err == nil {
		size = stored
	}
	return resp.Body, size, nil
}

func (s *gcsStore) close() { s.release() }
