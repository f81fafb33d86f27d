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

	// builtinPage bounds what the client holds of a list at once: pages are
	// decoded from memory.
	builtinPage = 500
	// customPage bounds what the API server has to answer within its request
	// timeout of a minute, by default; the client decodes as it reads.
	customPage = 10000

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
	var buf bytes.Buffer
	token := ""
	for {
		next, err := c.page(ctx, r, path, token, &buf)
		if err != nil {
			return err
		}
		c.progress(r.Source, r.Len())
		if next == "" {
			return r.Err()
		}
		if next == token {
			return fmt.Errorf("%w: the list has a page that leads to itself", errBadAnswer)
		}
		token = next
	}
}

// page reads one page of a list and returns the token of the next one.
func (c *Client) page(ctx context.Context, r *Resource, path, token string, buf *bytes.Buffer) (string, error) {
	media, limit := mediaProtobuf, builtinPage
	if r.Custom {
		media, limit = mediaJSON, customPage
	}
	params := map[string]string{"limit": strconv.Itoa(limit)}
	if token != "" {
		params["continue"] = token
	}
	body, err := c.get(ctx, path, media, params)
	if err != nil {
		return "", err
	}
	defer body.Close()
	if r.Custom {
		return c.jsonPage(body, r)
	}
	buf.Reset()
	if _, err := buf.ReadFrom(body); err != nil {
		return "", err
	}
	return protoPage(buf.Bytes(), r)
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
	const every = 2000 // items between two reports of progress
	members, hasItems, err := object.Walk(object.NewDecoder(body), func(_ object.Members, raw []byte) error {
		r.Put(r.Len(), raw)
		if r.Len()%every == 0 {
			c.progress(r.Source, r.Len())
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if kind := members.Text("kind"); !hasItems || !strings.HasSuffix(kind, "List") {
		return "", fmt.Errorf("%w: it is of kind %.40q, not a list", errBadAnswer, kind)
	}
	var meta object.ListMeta
	if raw, ok := members["metadata"]; ok {
		err = object.Decode(raw, &meta)
	}
	return meta.Continue, err
}

// protoPage decodes a page of a built-in list. All lists of Kubernetes are
// alike: field 1 is the metadata, field 2 repeats the items. Decoding them one
// by one keeps one typed object in memory, not a page of them.
func protoPage(page []byte, r *Resource) (token string, err error) {
	envelope, ok := bytes.CutPrefix(page, []byte("k8s\x00"))
	if !ok {
		return "", fmt.Errorf("%w: it is not protobuf", errBadAnswer)
	}
	var typeMeta, list []byte
	err = fields(envelope, func(number protowire.Number, value []byte) error {
		switch number {
		case 1:
			typeMeta = value
		case 2:
			list = value
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	kind := ""
	err = fields(typeMeta, func(number protowire.Number, value []byte) error {
		if number == 2 {
			kind = string(value)
		}
		return nil
	})
	if err != nil || kind != r.Kind+"List" {
		return "", errors.Join(fmt.Errorf("%w: it is of kind %.40q, not %sList", errBadAnswer, kind, r.Kind), err)
	}
	var meta metav1.ListMeta
	err = fields(list, func(number protowire.Number, value []byte) error {
		switch number {
		case 1:
			return meta.Unmarshal(value)
		case 2:
			return r.rows.putProto(value)
		}
		return nil
	})
	return meta.Continue, err
}

// fields calls each for every field of a message that is itself a message or text.
func fields(message []byte, each func(number protowire.Number, value []byte) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return fmt.Errorf("protobuf: %w", protowire.ParseError(n))
		}
		message = message[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
				return fmt.Errorf("protobuf: %w", protowire.ParseError(n))
			}
			message = message[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(message)
		if n < 0 {
			return fmt.Errorf("protobuf: %w", protowire.ParseError(n))
		}
		if err := each(number, value); err != nil {
			return err
		}
		message = message[n:]
	}
	return nil
}
