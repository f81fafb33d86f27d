package world_test

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// worstDay is something that goes wrong, among users at work.
func (e *estate) worstDay() {
	for range e.c.n(3) {
		e.work()
		e.pass(e.minutes(1, 60))
	}
	if len(e.nodes()) < 3 || e.c.in(6) {
		e.grown++
		e.Join(fmt.Sprintf("new-%d", e.grown), "zone-1")
		e.note("new-%d joins", e.grown)
		e.pass(e.minutes(1, 30))
	}
	node := e.node()
	switch e.c.n(15) {
	case 0, 1, 2: // what happened at Nectar
		e.takeAway(node)
	case 3:
		zone := e.zone(node)
		e.takeAway(node)
		e.Join(node, zone)
		e.note("%s joins, empty", node)
	case 4:
		e.bringBack()
	case 5:
		e.GoDown(node, e.minutes(1, 300))
		e.note("%s goes down", node)
	case 6:
		for _, n := range e.nodes() {
			e.GoDown(n, e.minutes(1, 60))
		}
		e.note("the power is cut")
	case 7:
		e.loseDisk(node)
	case 8:
		home := e.home()
		e.ForgetReplicas(home)
		e.note("records of %s are removed", home)
		e.audit()
	case 9:
		if all := e.Replicas(e.home()); len(all) > 0 {
			name := pick(e.c, all).Name
			e.DeleteReplica(name)
			e.note("%s is deleted", name)
		}
	case 10:
		e.Cordon(node, !e.kube(node).Unschedulable)
		e.note("%s is cordoned or not", node)
	case 11:
		e.Evict(node, !e.lh(node).EvictionRequested)
		e.note("%s is evicted or not", node)
	case 12:
		e.Snapshot.Longhorn.Settings["auto-salvage"] = []string{"true", "false"}[e.c.n(2)]
		e.note("automatic salvage is %s", e.Snapshot.Longhorn.Settings["auto-salvage"])
	case 13, 14:
		e.trouble()
	}
	if e.pass(e.minutes(1, 90)); e.c.in(3) {
		e.pass(e.minutes(300, 2400)) // over a night or two
	}
}

func (e *estate) takeAway(node string) {
	if len(e.nodes()) < 3 {
		return
	}
	zone := e.zone(node)
	e.shelf[zone] = append(e.shelf[zone], e.Remove(node)...)
	e.note("%s is taken away", node)
	e.audit()
	e.pass(time.Minute)
}

// bringBack puts disks of lost nodes into a new one.
func (e *estate) bringBack() {
	if len(e.shelf) == 0 {
		return
	}
	zone := pick(e.c, slices.Sorted(maps.Keys(e.shelf)))
	e.grown++
	e.Join(fmt.Sprintf("back-%d", e.grown), zone, e.shelf[zone]...)
	e.note("%d disks come back", len(e.shelf[zone]))
	delete(e.shelf, zone)
}

func (e *estate) loseDisk(node string) {
	if e.TakeDisk(node) == nil {
		return
	}
	e.note("the disk of %s is dead", node)
	e.pass(e.minutes(1, 60))
	if e.c.in(2) {
		e.ForgetDisks(node)
		e.note("and its record removed")
	}
	if e.c.in(2) {
		e.PutDisk(node, nil)
		e.note("and another put in")
	}
}
