package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"

	"hubaudit/internal/collect/kube/object"
)

const (
	mediaProtobuf = "application/vnd.kubernetes.protobuf"
	mediaJSON     = "application/json"

	// defaultPageSize bounds how long the API server works on one answer, which
	// it breaks off after a minute by default. The client decodes while it
	// reads, so that pages need not be small for its sake, and they should not
	// be: the API server has the first page of a list in memory, but the rest
	// of it only while the list keeps changing. Else it reads, decodes and
	// converts each object from etcd, at several times the cost.
	defaultPageSize = 100_000

	// maxRetries is how often a request is sent again when the server itself
	// asks for that with Retry-After.
	maxRetries = 30
)

// errBadAnswer is an answer that is not what an API server gives.
var errBadAnswer = errors.New("the answer is not that of a Kubernetes API server")

// path is where a version of a resource is listed, in all namespaces if
// namespace is empty.
func (r *Resource) path(version, namespace string) string {
	root := "/apis/" + r.Group + "/" + version
	if r.Group == "" {
		root = "/api/" + version
	}
	if namespace != "" {
		root += "/namespaces/" + namespace
	}
	return root + "/" + r.Plural
}

// fill reads a whole list into r, beginning again when it breaks off.
func (c *Client) fill(ctx context.Context, r *Resource, version, namespace string) error {
	path := r.path(version, namespace)
	return c.restart(ctx, func() error {
		r.Reset()
		return c.pages(ctx, r, path)
	})
}

// restart calls try until it succeeds, fails for good, or has failed too often.
func (c *Client) restart(ctx context.Context, try func() error) error {
	var last error
	err := wait.ExponentialBackoffWithContext(ctx, c.restarts, func(context.Context) (bool, error) {
		last = try()
		if last != nil && ctx.Err() == nil && passing(last) {
			return false, nil
		}
		return true, last
	})
	if err != nil && ctx.Err() != nil && !errors.Is(last, ctx.Err()) {
		if last == nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w, after: %w", ctx.Err(), last)
	}
	if wait.Interrupted(err) {
		return last
	}
	return err
}

func (c *Client) pages(ctx context.Context, r *Resource, path string) error {
	media, read := mediaProtobuf, c.protoPage
	if r.Custom {
		media, read = mediaJSON, c.jsonPage
	}
	params := map[string]string{"limit": strconv.Itoa(c.pageSize)}
	if r.FieldSelector != "" {
		params["fieldSelector"] = r.FieldSelector
	}
	for {
		body, err := c.get(ctx, path, media, params)
		if err != nil {
			return err
		}
		next, err := read(body, r)
		body.Close()
		if err != nil {
			return err
		}
		c.progress(r.Source, r.Len())
		switch next {
		case "":
			return r.Err()
		case params["continue"]:
			return fmt.Errorf("%w: the list has a page that leads to itself", errBadAnswer)
		}
		params["continue"] = next
	}
}

// get sends a request, again as long as the server asks for that, and returns
// the body of a good answer. client-go's own log lines are dropped: what
// matters of them is in the error.
func (c *Client) get(ctx context.Context, path, media string, params map[string]string) (io.ReadCloser, error) {
	request := c.rest.Get().AbsPath(path).SetHeader("Accept", media).MaxRetries(maxRetries)
	for name, value := range params {
		request.Param(name, value)
	}
	return request.Stream(klog.NewContext(ctx, logr.Discard()))
}

// jsonPage decodes a list of custom resources while it arrives.
func (c *Client) jsonPage(body io.Reader, r *Resource) (token string, err error) {
	dec := object.NewDecoder(body)
	members, hasItems, err := object.Each(dec, func(object.Members) error {
		defer c.every(r)
		return r.putNext(dec)
	})
	if err != nil {
		return "", err
	}
	if kind := members.Text("kind"); !hasItems || !strings.HasSuffix(kind, "List") {
		return "", notAList(kind, "a list")
	}
	var meta object.ListMeta
	if raw, ok := members["metadata"]; ok {
		err = object.Decode(raw, &meta)
	}
	return meta.Continue, err
}

// every reports progress now and then.
func (c *Client) every(r *Resource) {
	const objects = 2000
	if r.Len()%objects == 0 {
		c.progress(r.Source, r.Len())
	}
}

func notAList(kind, want string) error {
	return fmt.Errorf("%w: it is of kind %.40q, not %s", errBadAnswer, kind, want)
}

// protoPage decodes a list of built-in objects while it arrives: one typed
// object is in memory at a time. All lists of Kubernetes are alike: an envelope
// whose field 1 tells the kind and whose field 2 is the list, and in that
// field 1 is the metadata and field 2 repeats the items.
func (c *Client) protoPage(body io.Reader, r *Resource) (token string, err error) {
	magic := make([]byte, len(protoMagic))
	if _, err := io.ReadFull(body, magic); err != nil {
		return "", err
	}
	if string(magic) != protoMagic {
		return "", fmt.Errorf("%w: it is not protobuf", errBadAnswer)
	}
	kind, listed := "", false
	err = eachField(body, func(number protowire.Number, value *fieldValue) error {
		switch number {
		case 1:
			raw, err := value.bytes()
			if err == nil {
				kind, err = kindOf(raw)
			}
			return err
		case 2:
			if kind != r.Kind+"List" {
				return notAList(kind, r.Kind+"List")
			}
			listed = true
			token, err = c.protoList(value, r)
			return err
		}
		return nil
	})
	if err == nil && !listed {
		err = truncatedField(io.EOF)
	}
	return token, err
}

func (c *Client) protoList(list io.Reader, r *Resource) (token string, err error) {
	var meta metav1.ListMeta
	err = eachField(list, func(number protowire.Number, value *fieldValue) error {
		if number != 1 && number != 2 {
			return nil
		}
		raw, err := value.bytes()
		switch {
		case err != nil:
			return err
		case number == 1:
			return meta.Unmarshal(raw)
		}
		c.every(r)
		return r.rows.putProto(raw)
	})
	return meta.Continue, err
}

// kindOf reads the kind from an object's type.
func kindOf(typeMeta []byte) (kind string, err error) {
	err = eachField(bytes.NewReader(typeMeta), func(number protowire.Number, value *fieldValue) error {
		raw, err := value.bytes()
		if number == 2 {
			kind = string(raw)
		}
		return err
	})
	return kind, err
}
