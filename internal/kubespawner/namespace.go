package kubespawner

import (
	"regexp"
	"strings"
)

// NamespacePattern is a regular expression, to be anchored at both ends, for the
// namespaces that a template of user namespaces gives the users of a hub. It is
// wider than they are where another namespace has a name of that form. A
// *TemplateError if the template is not of Python's form.
func NamespacePattern(template, hubNamespace string) (string, error) {
	parts, err := parseTemplate(template)
	if err != nil {
		return "", err
	}
	n := &Namer{scheme: Scheme{Version: Version{Major: 7}}}
	var b strings.Builder
	for _, p := range parts {
		switch p.field {
		case "":
			b.WriteString(regexp.QuoteMeta(p.text))
		case "hubnamespace":
			b.WriteString(regexp.QuoteMeta(p.cut(n.value(p.field, &Server{HubNamespace: hubNamespace}))))
		default:
			b.WriteString(".*") // a name that is cut off may be empty
		}
	}
	return b.String(), nil
}
