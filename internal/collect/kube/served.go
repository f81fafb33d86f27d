package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// maxDiscovery bounds a document of the API's discovery.
const maxDiscovery = 16 << 20

// Served tells what the API serves of one group: the versions of each
// resource by plural name. It is empty where the group is not served.
type Served struct {
	Group    string
	Versions map[string][]string
}

// Served asks the API what it serves of a group. Only its discovery can tell
// that something is absent: the answer to a list at a wrong path is the same
// 404 as that of any web server.
func (c *Client) Served(ctx context.Context, group string) (Served, error) {
	served := Served{Group: group}
	err := c.restart(ctx, func() error {
		served.Versions = map[string][]string{}
		return c.discover(ctx, served)
	})
	if err != nil {
		return Served{}, explain(err, "ask the API server what it serves",
			`the ClusterRole "system:discovery", which Kubernetes binds to everyone who is logged in`)
	}
	return served, nil
}

func (c *Client) discover(ctx context.Context, into Served) error {
	var groups metav1.APIGroupList
	if err := c.document(ctx, "/apis", &groups, func() bool { return groups.Kind == "APIGroupList" }); err != nil {
		return err
	}
	i := slices.IndexFunc(groups.Groups, func(g metav1.APIGroup) bool { return g.Name == into.Group })
	if i < 0 {
		return nil
	}
	for _, v := range groups.Groups[i].Versions {
		var list metav1.APIResourceList
		if err := c.document(ctx, "/apis/"+v.GroupVersion, &list, func() bool { return list.Kind == "APIResourceList" }); err != nil {
			return err
		}
		for _, r := range list.APIResources {
			into.Versions[r.Name] = append(into.Versions[r.Name], v.Version)
		}
	}
	return nil
}

// document reads a small JSON document and has it recognised.
func (c *Client) document(ctx context.Context, path string, into any, recognised func() bool) error {
	body, err := c.get(ctx, path, mediaJSON, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, maxDiscovery))
	if err != nil {
		return err
	}
	if err := object.Decode(raw, into); err != nil || !recognised() {
		return errors.Join(fmt.Errorf("%w: unknown document at %s", errBadAnswer, path), err)
	}
	return nil
}

// Version is the version at which r can be read. The error says that r is
// absent, or served only in a form that is not known here.
func (s Served) Version(r *Resource) (string, error) {
	served := s.Versions[r.Plural]
	for _, version := range r.Versions {
		if slices.Contains(served, version) {
			return version, nil
		}
	}
	if len(served) > 0 {
		return "", source.Failed(facts.CauseUnreadable, nil, "the cluster serves %s only as %s, and this version of audit knows %s: use a newer one",
			r.Name(), strings.Join(served, ", "), strings.Join(r.Versions, ", "))
	}
	return "", source.Absent("the cluster has no %s", r.Name())
}
