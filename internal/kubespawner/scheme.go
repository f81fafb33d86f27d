package kubespawner

import (
	"strconv"
	"strings"
)

// Values of the setting slug_scheme, which has an effect since 7.0.
const (
	SlugsSafe   = "safe"
	SlugsEscape = "escape"
)

// Scheme is all that decides how KubeSpawner names what belongs to a server.
type Scheme struct {
	Version Version // of KubeSpawner
	// Template is pvc_name_template, or another of KubeSpawner's templates.
	Template string
	// Slugs is slug_scheme; "" stands for safe.
	Slugs string
}

// DefaultTemplate is KubeSpawner's own pvc_name_template. The charts up to
// 3.3 set another one: see Chart.
func DefaultTemplate(v Version) string {
	switch {
	case v.AtLeast(7, 0, 0):
		return "claim-{user_server}"
	case v.AtLeast(0, 12, 0):
		return "claim-{username}--{servername}"
	case v.AtLeast(0, 7, 0):
		return "claim-{username}{servername}"
	case v.AtLeast(0, 6, 0):
		return "claim-{username}"
	}
	return "claim-{username}-{userid}"
}

// Historic are the schemes by which claims were ever named under a default
// template of KubeSpawner or of the chart, oldest first, each once.
func Historic() []Scheme {
	return []Scheme{
		{Version: Version{Minor: 5}, Template: "claim-{username}-{userid}"},
		{Version: Version{Minor: 6}, Template: "claim-{username}"},
		{Version: Version{Minor: 7}, Template: "claim-{username}{servername}"},
		{Version: Version{Minor: 9}, Template: "claim-{username}{servername}"},
		{Version: Version{Minor: 11}, Template: "claim-{username}{servername}"},
		{Version: Version{Minor: 12}, Template: "claim-{username}--{servername}"},
		{Version: Version{Minor: 14}, Template: "claim-{username}{servername}"}, // charts 0.10 to 3.3
		{Version: Version{Major: 7}, Template: "claim-{user_server}"},
	}
}

// Server is one server of one user, with the forms of its names. It keeps
// them once worked out, and so must not be used by several goroutines.
type Server struct {
	User string
	ID   int64  // users.id
	Name string // "" for the default server
	// HubNamespace and Namespace are the hub's and the server's; PodName is its
	// pod's name and ClaimName its claim's. Only templates with these fields
	// need them.
	HubNamespace, Namespace, PodName, ClaimName string

	escUser, escName, safeUser, safeName, pair, lossy string
}

// Namer renders the names of a scheme.
type Namer struct {
	scheme Scheme
	parts  []part
	// strip: hyphens at the end are cut off.
	strip bool
}

// Compile makes a scheme ready to render; a *TemplateError if its template is
// not of Python's form or has a field that this version does not know.
func (s Scheme) Compile() (*Namer, error) {
	parts, err := parseTemplate(s.Template)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if p.field != "" && !s.Version.has(p.field) {
			return nil, &TemplateError{Template: s.Template, Field: "{" + p.field + "}", Why: s.Version.unknownField(p.field)}
		}
	}
	strip := s.Version.AtLeast(0, 12, 0) && !(s.Version.AtLeast(6, 1, 0) && strings.HasSuffix(s.Template, "-"))
	return &Namer{scheme: s, parts: parts, strip: strip}, nil
}

// Scheme is what the namer was compiled from.
func (n *Namer) Scheme() Scheme { return n.scheme }

// Name renders the template for a server.
func (n *Namer) Name(s *Server) string { return string(n.Append(nil, s)) }

// Append appends the rendered template to b.
func (n *Namer) Append(b []byte, s *Server) []byte {
	start := len(b)
	for _, p := range n.parts {
		if p.field == "" {
			b = append(b, p.text...)
		} else {
			b = append(b, p.cut(n.value(p.field, s))...)
		}
	}
	if n.strip {
		for len(b) > start && b[len(b)-1] == '-' {
			b = b[:len(b)-1]
		}
	}
	return b
}

func (n *Namer) value(field string, s *Server) string {
	safe := n.scheme.Version.AtLeast(7, 0, 0) && n.scheme.Slugs != SlugsEscape
	switch field {
	case "userid":
		return strconv.FormatInt(s.ID, 10)
	case "unescaped_username":
		return s.User
	case "unescaped_servername":
		return n.unescapedServername(s)
	case "legacy_escape_username":
		return s.lossyUser()
	case "username":
		return n.username(s, safe)
	case "servername":
		return n.servername(s, safe)
	case "user_server":
		if safe {
			return s.safePair()
		}
		return s.escapedPair()
	case "safe_username":
		return s.safe()
	case "safe_servername":
		return s.safeServer()
	case "safe_user_server":
		return s.safePair()
	case "escaped_username":
		return s.escaped()
	case "escaped_servername":
		return s.escapedServer()
	case "escaped_user_server":
		return s.escaped() + "--" + s.escapedServer()
	case "hubnamespace":
		if s.HubNamespace == "default" {
			return "user"
		}
		return s.HubNamespace
	case "namespace":
		return s.Namespace
	case "pod_name":
		return s.PodName
	case "pvc_name":
		return s.ClaimName
	}
	panic("field " + field + " was not refused")
}

func (n *Namer) username(s *Server, safe bool) string {
	switch {
	case safe:
		return s.safe()
	case !n.scheme.Version.AtLeast(0, 6, 0):
		return s.lossyUser()
	}
	return s.escaped()
}

// servername is the field {servername}, which meant something else in nearly
// every version before 0.12.
func (n *Namer) servername(s *Server, safe bool) string {
	v := n.scheme.Version
	switch {
	case s.Name == "":
		return ""
	case safe:
		return s.safeServer()
	case v.AtLeast(0, 12, 0):
		return s.escapedServer()
	case v.AtLeast(0, 11, 0):
		return "-" + s.escapedServer()
	case v.AtLeast(0, 9, 0):
		return Escape("-" + s.Name)
	}
	return "-" + s.Name
}

// unescapedServername has had the hyphen that came with the name until 0.12.
func (n *Namer) unescapedServername(s *Server) string {
	if s.Name == "" || n.scheme.Version.AtLeast(0, 12, 0) {
		return s.Name
	}
	return "-" + s.Name
}

func (s *Server) escaped() string {
	if s.escUser == "" {
		s.escUser = Escape(s.User)
	}
	return s.escUser
}

func (s *Server) escapedServer() string {
	if s.escName == "" && s.Name != "" {
		s.escName = Escape(s.Name)
	}
	return s.escName
}

func (s *Server) safe() string {
	if s.safeUser == "" {
		s.safeUser = Safe(s.User)
	}
	return s.safeUser
}

func (s *Server) safeServer() string {
	if s.safeName == "" && s.Name != "" {
		s.safeName = Safe(s.Name)
	}
	return s.safeName
}

func (s *Server) safePair() string {
	if s.pair == "" {
		s.pair = safePair(s.User, s.Name, s.safe(), s.safeServer())
	}
	return s.pair
}

func (s *Server) escapedPair() string {
	if s.Name == "" {
		return s.escaped()
	}
	return s.escaped() + "--" + s.escapedServer()
}

func (s *Server) lossyUser() string {
	if s.lossy == "" {
		s.lossy = Lossy(s.User)
	}
	return s.lossy
}
