package kubespawner

import (
	"path"
	"slices"
	"strings"
)

// Directory is a rendered sub-path as a path relative to the volume's root
// without a slash at either end; "" is the root.
func Directory(rendered string) string { return strings.Trim(path.Clean("/"+rendered), "/") }

// HomesIn is the directory in which a sub-path's template has the servers'
// directories, relative to the volume's root: its leading elements that are the
// same for all servers of a hub. It is false for a template that gives all of
// them one directory, or is not of Python's form.
func HomesIn(template, hubNamespace string) (string, bool) {
	elements := strings.Split(template, "/")
	first := slices.IndexFunc(elements, func(e string) bool {
		fields, err := Fields(e)
		return err != nil || slices.ContainsFunc(fields, func(f string) bool { return f != "hubnamespace" && f != "namespace" })
	})
	if _, err := Fields(template); err != nil || first < 0 {
		return "", false
	}
	n, err := Scheme{Version: Version{Major: 7}, Template: strings.Join(elements[:first], "/")}.Compile()
	if err != nil {
		return "", false
	}
	return Directory(n.Name(&Server{HubNamespace: hubNamespace, Namespace: hubNamespace})), true
}
