package hubapi

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/collect/web"
	"hubaudit/internal/facts"
)

// user is one of the hub's, without ids.
type user struct {
	facts.User
	servers []server // by name
	// serversShown is false where the token may not see this user's servers.
	serversShown bool
}

type server struct {
	facts.Spawner
	active, stateShown bool
}

// page is one answer of the list of users.
type page struct {
	users []user
	// paged: the answer says where in the list it is; the numbers are the hub's.
	paged                bool
	offset, limit, total int
}

// userModel and serverModel are the parts of the hub's models that are kept.
type userModel struct {
	Name         *string                 `json:"name"`
	Admin        bool                    `json:"admin"`
	Created      string                  `json:"created"`
	LastActivity string                  `json:"last_activity"`
	Servers      *map[string]serverModel `json:"servers"`
}

type serverModel struct {
	Started      string         `json:"started"`
	LastActivity string         `json:"last_activity"`
	Pending      jsontext.Value `json:"pending"`
	Ready        bool           `json:"ready"`
	State        jsontext.Value `json:"state"`
}

// lenient accepts what Python's writer produces of hostile names.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// into decodes a whole small answer.
func into(v any) func(io.Reader) error {
	return func(r io.Reader) error { return json.UnmarshalRead(r, v, lenient) }
}

// maxUsers bounds what one answer may make the audit remember.
const maxUsers = 1_000_000

// decodePage reads an answer as it comes: an object with items and their place
// in the list, or from a hub that does not page, or was not asked to, an array.
func decodePage(r io.Reader) (page, error) {
	dec := jsontext.NewDecoder(r, lenient)
	var p page
	switch kind := dec.PeekKind(); kind {
	case '[':
		if err := p.items(dec); err != nil {
			return page{}, err
		}
	case '{':
		if err := p.object(dec); err != nil {
			return page{}, err
		}
	default:
		if _, err := dec.ReadValue(); err != nil {
			return page{}, err
		}
		return page{}, errors.New("it is neither a list of users nor a page of one")
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return page{}, errors.New("something follows the list of users")
	}
	return p, nil
}

func (p *page) object(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	listed := false
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		switch name.String() {
		case "items":
			listed, err = true, p.items(dec)
		case "_pagination":
			err = p.place(dec)
		default:
			err = dec.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if !listed || !p.paged {
		return errors.New("it is not a page of users: there is no items or no _pagination in it")
	}
	return nil
}

func (p *page) place(dec *jsontext.Decoder) error {
	var at struct {
		Offset *int `json:"offset"`
		Limit  *int `json:"limit"`
		Total  *int `json:"total"`
	}
	if err := json.UnmarshalDecode(dec, &at); err != nil {
		return err
	}
	if at.Offset == nil || at.Limit == nil || at.Total == nil {
		return errors.New("its _pagination lacks offset, limit or total")
	}
	p.paged, p.offset, p.limit, p.total = true, *at.Offset, *at.Limit, *at.Total
	return nil
}

func (p *page) items(dec *jsontext.Decoder) error {
	if kind := dec.PeekKind(); kind != '[' {
		return fmt.Errorf("its items are a JSON %s instead of a list", kind)
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		var m userModel
		if err := json.UnmarshalDecode(dec, &m); err != nil {
			return err
		}
		if m.Name == nil {
			return fmt.Errorf("entry %d of the list is no user: it has no name", len(p.users)+1)
		}
		if len(p.users) == maxUsers {
			return fmt.Errorf("it lists more than %d users", maxUsers)
		}
		p.users = append(p.users, m.user())
	}
	_, err := dec.ReadToken()
	return err
}

func (m userModel) user() user {
	u := user{User: facts.User{Name: web.Clean(*m.Name), Admin: m.Admin, Created: parseTime(m.Created), LastActivity: parseTime(m.LastActivity)},
		serversShown: m.Servers != nil}
	if !u.serversShown {
		return u
	}
	for _, name := range slices.Sorted(maps.Keys(*m.Servers)) {
		u.servers = append(u.servers, (*m.Servers)[name].server(name))
	}
	return u
}

func (m serverModel) server(name string) server {
	pending := len(m.Pending) > 0 && m.Pending.Kind() != 'n' && m.Pending.Kind() != 'f'
	s := server{active: m.Ready || pending, stateShown: m.State != nil, Spawner: facts.Spawner{Name: web.Clean(name),
		Started: parseTime(m.Started), LastActivity: parseTime(m.LastActivity), State: parseState(m.State)}}
	// Of a server that it has in memory the hub asks the spawner, and that has
	// names for a pod that never was. Nothing is stored before the first start.
	if !s.active && s.LastActivity.IsZero() && s.State.PVCName == "" {
		s.State = facts.SpawnerState{}
	}
	return s
}

// parseState reads a server's state by the rules of the database's column: the
// hub sends that as it is.
func parseState(raw jsontext.Value) facts.SpawnerState {
	if len(raw) == 0 || raw.Kind() == 'n' {
		return facts.SpawnerState{}
	}
	var object map[string]jsontext.Value
	if json.Unmarshal(raw, &object, lenient) != nil {
		return facts.SpawnerState{Form: "broken"}
	}
	if len(object) == 0 {
		return facts.SpawnerState{Form: "empty"}
	}
	return facts.SpawnerState{Form: "object", PodName: text(object["pod_name"]), Namespace: text(object["namespace"]),
		PVCName: text(object["pvc_name"]), KubeSpawnerVersion: text(object["kubespawner_version"])}
}

// text is a JSON string's value, "" for anything else.
func text(raw jsontext.Value) string {
	var s string
	if raw.Kind() != '"' || json.Unmarshal(raw, &s, lenient) != nil {
		return ""
	}
	return web.Clean(s)
}

// timeForms are the hub's, and that of hubs before 0.9, which name no zone.
var timeForms = []string{time.RFC3339, "2006-01-02T15:04:05"}

// parseTime reads a time in UTC. What is no time is absent.
func parseTime(s string) time.Time {
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
