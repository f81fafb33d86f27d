package hubapi

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// list is what one reading of all pages found.
type list struct {
	users []user
	seen  map[identity]bool
	first identity
	// paged and total are of the last page.
	paged bool
	total int
	// longest is how many users the longest page had: what the hub gives at once.
	longest int
}

// identity tells users apart. A name alone does not: a user may be deleted and
// made again meanwhile, and a damaged database may hold a name twice.
type identity struct {
	name    string
	created time.Time
}

func (u *user) identity() identity { return identity{u.Name, u.Created} }

const (
	// pageSize is the most that a hub gives at once, unless it is told to give more.
	pageSize = 200
	// maxStalls is how many pages in a row may bring nobody new.
	maxStalls = 12
	// maxReadings is how often the list is read if users are deleted meanwhile.
	maxReadings = 3
	// mediaType makes a hub tell where in the list a page is.
	mediaType = "application/jupyterhub-pagination+json"
)

var versionForm = regexp.MustCompile(`^[0-9]+\.[0-9A-Za-z.+-]{1,40}$`)

// version asks for the hub's version, without which it is no hub.
func (c *client) version(ctx context.Context) (string, error) {
	var root struct {
		Version string `json:"version"`
	}
	if err := c.get(ctx, request{what: "ask for the hub's version", decode: into(&root)}); err != nil {
		return "", c.explain(err)
	}
	if !versionForm.MatchString(root.Version) {
		return "", source.Failed(facts.CauseUnreadable, nil, "cannot ask for the hub's version at %s: what answers there names no version; the URL of the hub's API ends in /hub/api", c.base)
	}
	return root.Version, nil
}

// list reads all users. It reads again when some were deleted meanwhile, so
// that none of those is among them; where that happens every time, a few
// who are gone may be.
func (c *client) list(ctx context.Context, version string) (*list, error) {
	for reading := 1; ; reading++ {
		l, err := c.readPages(ctx, version)
		if err != nil {
			return nil, c.explain(err)
		}
		gone := len(l.users) - l.total
		if !l.paged || gone == 0 {
			return l, nil
		}
		if reading < maxReadings {
			continue
		}
		if gone > 0 && gone <= 10+l.total/20 {
			return l, nil
		}
		return nil, source.Failed(facts.CausePartial, nil, "the list of users at %s does not add up, also when read %d times: %d users are in it and the hub counts %d; "+
			"if users are being created or deleted in numbers, audit again afterwards", c.base, maxReadings, len(l.users), l.total)
	}
}

// readPages reads page after page, in the order of the users' ids. Each page
// but the first begins with the last user of the one before: if it does not,
// somebody before it was deleted, the rest moved up, and the next user may
// have slipped through. The page is then thrown away and one further ahead read.
func (c *client) readPages(ctx context.Context, version string) (*list, error) {
	l := &list{seen: map[identity]bool{}}
	offset, stalls := 0, 0
	for {
		p, err := c.page(ctx, offset)
		if err != nil {
			return nil, err
		}
		if offset > 0 && len(p.users) > 0 && p.users[0].identity() == l.first {
			return l, c.unpaged(len(p.users), version)
		}
		joins := l.joins(offset, p)
		added := 0
		if joins {
			added = l.add(p)
		}
		if joins && l.endsWith(offset, p) {
			return l, nil
		}
		stalls++
		if added > 0 {
			stalls = 0
		}
		switch {
		case stalls > maxStalls || len(l.users) > maxUsers:
			return nil, source.Failed(facts.CauseUnreadable, nil, "the list of users at %s does not come to an end: after %d users, %d pages brought nobody new; see whether a proxy changes the hub's answers", c.base, len(l.users), stalls)
		case joins:
			offset = max(offset+len(p.users)-1, 1)
		default:
			offset = max(offset-stalls*pageSize/2, 0)
		}
	}
}

// joins tells whether nobody can be missing between what was read and the page.
func (l *list) joins(offset int, p page) bool {
	if offset == 0 || offset == 1 && len(l.users) == 1 { // one user is too few to overlap
		return true
	}
	return len(p.users) > 0 && l.seen[p.users[0].identity()]
}

func (l *list) add(p page) (added int) {
	l.paged, l.total, l.longest = p.paged, p.total, max(l.longest, len(p.users))
	for _, u := range p.users {
		id := u.identity()
		if l.seen[id] {
			continue
		}
		if len(l.users) == 0 {
			l.first = id
		}
		l.seen[id] = true
		l.users = append(l.users, u)
		added++
	}
	return added
}

// endsWith tells whether the list ends with the page. One that does not say is
// the last if it is shorter than another: the first alone proves nothing.
func (l *list) endsWith(offset int, p page) bool {
	if p.paged {
		return offset+len(p.users) >= p.total
	}
	return len(p.users) < l.longest || len(l.users) == 0
}

// page reads the page of users from an offset on.
func (c *client) page(ctx context.Context, offset int) (page, error) {
	var p page
	query := url.Values{"include_stopped_servers": {"1"}, "limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(offset)}}
	err := c.get(ctx, request{what: "list the users", path: "users", query: query, accept: mediaType, decode: func(r io.Reader) (err error) {
		p, err = decodePage(r)
		return err
	}})
	if err != nil {
		return page{}, err
	}
	if fault := p.fault(offset); fault != "" {
		return page{}, source.Failed(facts.CauseUnreadable, nil, "the page of users from number %d on at %s cannot be right: %s; see whether a proxy changes the hub's answers", offset, c.base, fault)
	}
	return p, nil
}

// fault says how a page contradicts itself or what was asked for.
func (p *page) fault(offset int) string {
	if !p.paged {
		return ""
	}
	announced := max(0, min(p.limit, p.total-offset))
	switch {
	case p.total < 0 || p.limit < 1:
		return fmt.Sprintf("its total is %d and its limit %d", p.total, p.limit)
	case p.offset != offset:
		return fmt.Sprintf("it says that it begins at %d", p.offset)
	case len(p.users) != announced:
		return fmt.Sprintf("it has %d users where %d should be, of %d in all", len(p.users), announced, p.total)
	}
	return ""
}

// unpaged judges a list that is the same from every offset: nil if it is all
// there is. Only a hub from before pages gives that; from a later one it is the
// first page, and the question was changed on its way.
func (c *client) unpaged(users int, version string) error {
	if major(version) < pages && users != 50 && users != pageSize {
		return nil
	}
	return source.Failed(facts.CauseUnreadable, nil, "the list at %s ends after exactly %d users and is the same from every offset: there may be more, and they cannot be asked for; "+
		"something between drops the offset, so use the hub's own address (in Zero to JupyterHub http://hub.NAMESPACE.svc:8081/hub/api)", c.base, users)
}
