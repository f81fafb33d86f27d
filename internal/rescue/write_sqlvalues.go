package rescue

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// The columns that a rescue writes; all others stay NULL or the hub's own.
var (
	userColumns    = []string{"id", "name", "admin", "created", "last_activity", "cookie_id", "state"}
	spawnerColumns = []string{"user_id", "name", "state", "last_activity"}
)

// ofRole joins users u and roles r as JupyterHub does for users that it makes.
const ofRole = "r.name = 'user' OR r.name = 'admin' AND u.admin"

// newCookie is a cookie_id as JupyterHub makes them: 32 random hexadecimal digits.
func newCookie() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// state is what KubeSpawner needs to find the claim again: 7.0 and later mount
// pvc_name from it, earlier ones ignore it. There is no pod to name, and no
// kubespawner_version, which would say that KubeSpawner itself wrote this. ""
// for a server without a claim, of which there is nothing to remember.
func (s *Server) state() string {
	if s.Claim == "" {
		return ""
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // as the hub writes it
	err := e.Encode(struct {
		PVCName   string `json:"pvc_name"`
		Namespace string `json:"namespace,omitempty"`
	}{s.Claim, s.Namespace})
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// onlyState is the state of the default server, as JupyterHub 0.7 keeps it with
// the user.
func (u *User) onlyState() string {
	for i := range u.Servers {
		if u.Servers[i].Name == "" {
			return u.Servers[i].state()
		}
	}
	return ""
}

// longestName is the length in characters of the columns with names, since 0.8.
const longestName = 255

// check refuses a plan that no database of a hub can hold. It names everything
// that is wrong.
func (p *Plan) check() error {
	if len(p.Users) == 0 {
		return errors.New("the plan has no users: there is nothing to write")
	}
	var wrong []error
	names, ids := make(map[string]int64, len(p.Users)), make(map[int64]string, len(p.Users))
	for i := range p.Users {
		u := &p.Users[i]
		if other, taken := names[u.Name]; taken {
			wrong = append(wrong, fmt.Errorf("user %q is planned twice, with the ids %d and %d: leave one out in the mapping file", u.Name, other, u.ID))
		}
		if other, taken := ids[u.ID]; taken {
			wrong = append(wrong, fmt.Errorf("the id %d is planned for the users %q and %q: leave one out in the mapping file", u.ID, other, u.Name))
		}
		names[u.Name], ids[u.ID] = u.ID, u.Name
		wrong = append(wrong, u.check()...)
	}
	return errors.Join(wrong...)
}

func (u *User) check() (wrong []error) {
	if u.ID < 1 || u.ID > math.MaxInt32 {
		wrong = append(wrong, fmt.Errorf("user %q has the id %d, which is outside 1 to %d", u.Name, u.ID, math.MaxInt32))
	}
	if u.Name == "" || !isText(u.Name) {
		wrong = append(wrong, fmt.Errorf("the user with the id %d has the name %q, which no hub's database can hold", u.ID, u.Name))
	}
	for _, at := range []time.Time{u.Created, u.LastActivity} {
		wrong = append(wrong, u.checkTime(at)...)
	}
	seen := make(map[string]bool, len(u.Servers))
	for i := range u.Servers {
		s := &u.Servers[i]
		if seen[s.Name] {
			wrong = append(wrong, fmt.Errorf("user %q has two servers %q: leave one out in the mapping file", u.Name, s.Name))
		}
		seen[s.Name] = true
		if !isText(s.Name) {
			wrong = append(wrong, fmt.Errorf("user %q has a server %q, whose name no hub's database can hold", u.Name, s.Name))
		}
		wrong = append(wrong, u.checkTime(s.LastActivity)...)
	}
	return wrong
}

// isText tells what every engine can hold in a column of names.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsRune(s, 0) && utf8.RuneCountInString(s) <= longestName
}

// checkTime refuses a time that the engines write differently or not at all.
func (u *User) checkTime(t time.Time) []error {
	if year := t.UTC().Year(); !t.IsZero() && (year < 1970 || year > 9999) {
		return []error{fmt.Errorf("user %q has the time %s, which no hub writes: leave it out", u.Name, t.UTC().Format(time.RFC3339))}
	}
	return nil
}

// fits refuses named servers where the schema has no place for them.
func (p *Plan) fits(spawners bool) error {
	if spawners {
		return nil
	}
	var wrong []error
	for _, u := range p.Users {
		for _, s := range u.Servers {
			if s.Name != "" {
				wrong = append(wrong, fmt.Errorf("user %q has a server %q, and this database is of JupyterHub 0.7, which has no named servers: "+
					"leave it out in the mapping file", u.Name, s.Name))
			}
		}
	}
	return errors.Join(wrong...)
}
