package verify

import "hubaudit/internal/facts"

// share gives up the copy's own texts where the live hub has the same row with
// the same text, as nearly all rows of a copy do. Rows are sorted by id on both
// sides.
func share(copied, live *facts.Hub) {
	if live == nil {
		return
	}
	keep := func(mine *string, other string) {
		if *mine == other {
			*mine = other
		}
	}
	match(copied.Users, live.Users, func(u *facts.User) int64 { return u.ID }, func(mine, other *facts.User) {
		keep(&mine.Name, other.Name)
		keep(&mine.BrokenTimes, other.BrokenTimes)
	})
	match(copied.Spawners, live.Spawners, func(s *facts.Spawner) int64 { return s.ID }, func(mine, other *facts.Spawner) {
		keep(&mine.Name, other.Name)
		keep(&mine.BrokenTimes, other.BrokenTimes)
		m, o := &mine.State, &other.State
		keep(&m.PodName, o.PodName)
		keep(&m.Namespace, o.Namespace)
		keep(&m.PVCName, o.PVCName)
		keep(&m.KubeSpawnerVersion, o.KubeSpawnerVersion)
	})
	match(copied.Servers, live.Servers, func(s *facts.Server) int64 { return s.ID }, func(mine, other *facts.Server) { keep(&mine.IP, other.IP) })
}

// match calls both for the rows that have the same id in two tables, each
// sorted by it.
func match[Row any](a, b []Row, id func(*Row) int64, both func(a, b *Row)) {
	j := 0
	for i := range a {
		for j < len(b) && id(&b[j]) < id(&a[i]) {
			j++
		}
		if j < len(b) && id(&b[j]) == id(&a[i]) {
			both(&a[i], &b[j])
		}
	}
}
