package world_test

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
)

// ordinaryDay is one thing that is done right, among users at work.
func (e *estate) ordinaryDay() {
	for range e.c.n(4) {
		e.work()
		e.pass(e.minutes(1, 90))
	}
	if !e.allWell() {
		e.rebuildAll()
	}
	switch e.c.n(15) {
	case 0:
		e.reboot(e.c.in(2))
	case 1, 2:
		e.replace()
	case 3:
		e.grow()
	case 4:
		e.keepDisk()
	case 5:
		e.moveDisk()
	case 6:
		e.evictAndStay()
	case 7:
		e.newHome("")
	case 8:
		e.newHome("backup")
	case 9:
		e.newHome("clone")
	case 10:
		e.changeCount()
	case 11:
		e.upgrade()
	case 12:
		e.offline()
	case 13:
		e.fill()
	case 14:
		e.deleteHome()
	}
	e.pass(e.minutes(1, 600))
}

// allWell tells whether every volume that held data has as many copies as it
// should, so that an operator may go on.
func (e *estate) allWell() bool {
	for i := range e.Snapshot.Longhorn.Volumes {
		v := &e.Snapshot.Longhorn.Volumes[i]
		if up, _ := e.Copies(v.Name); e.Held(v.Name) && up < v.WantReplicas {
			return false
		}
	}
	return true
}

// rebuildAll starts what is not complete, and waits.
func (e *estate) rebuildAll() {
	for i := range e.Snapshot.Longhorn.Volumes {
		v := &e.Snapshot.Longhorn.Volumes[i]
		if up, _ := e.Copies(v.Name); e.Held(v.Name) && up < v.WantReplicas && !e.Runs(v.Name) {
			e.StartServer(v.Name, e.upNode())
			e.note("%s is started to be rebuilt", v.Name)
		}
	}
	for range 8 {
		e.pass(15 * time.Minute)
		if e.allWell() {
			return
		}
	}
}

// upNode is a node that takes pods.
func (e *estate) upNode() string {
	for _, n := range e.Snapshot.Kube.Nodes {
		if n.Ready == "True" && !n.Unschedulable {
			return n.Name
		}
	}
	return e.nodes()[0]
}

// reboot is a machine that is away for less than the grace, drained before or not.
func (e *estate) reboot(drained bool) {
	node := e.node()
	if drained {
		e.Drain(node)
		e.note("%s is drained", node)
		e.pass(e.minutes(1, 20))
	}
	e.GoDown(node, e.minutes(2, 20))
	e.note("%s reboots", node)
	for range 1 + e.c.n(4) {
		e.work()
		e.pass(e.minutes(1, 15))
	}
	e.pass(20 * time.Minute)
	e.Cordon(node, false)
	e.pass(e.minutes(1, 60))
}

// empty moves all replicas away from a node, if there is room for them.
func (e *estate) empty(node string) bool {
	e.Evict(node, true)
	e.note("%s is evicted", node)
	for range 12 {
		if e.c.in(2) {
			e.work()
		}
		e.pass(e.minutes(5, 60))
		if e.Left(node) == 0 {
			return true
		}
	}
	e.Evict(node, false)
	e.note("%s stays", node)
	return false
}

// replace takes a node away whose replicas were moved, and adds another one.
func (e *estate) replace() {
	node := e.node()
	zone := e.zone(node)
	if !e.empty(node) {
		return
	}
	e.Drain(node)
	e.pass(e.minutes(1, 30))
	e.Remove(node)
	e.note("%s is removed", node)
	e.pass(e.minutes(1, 30))
	e.join(node, zone)
}

// join adds a node, under its old name or a new one.
func (e *estate) join(node, zone string) {
	if e.c.in(2) {
		e.grown++
		node = fmt.Sprintf("new-%d", e.grown)
	}
	e.Join(node, zone)
	e.note("%s joins", node)
	e.pass(e.minutes(1, 30))
}

// grow is an autoscaler: another node, and later the emptiest goes.
func (e *estate) grow() {
	e.grown++
	node := fmt.Sprintf("auto-%d", e.grown)
	e.Join(node, e.zone(e.node()))
	e.note("%s joins", node)
	e.pass(e.minutes(1, 240))
	if e.Left(node) == 0 {
		e.kube(node).Taints = []string{"ToBeDeletedByClusterAutoscaler"}
		e.pass(e.minutes(1, 10))
		e.Remove(node)
		e.note("%s is removed", node)
	}
}

// keepDisk is a node that is installed again around its disks.
func (e *estate) keepDisk() {
	node := e.node()
	zone := e.zone(node)
	e.Drain(node)
	e.pass(e.minutes(1, 20))
	disks := e.Remove(node)
	e.note("%s is installed again", node)
	if e.c.in(2) {
		e.pass(e.minutes(1, 15))
	}
	e.Join(node, zone, disks...)
	e.note("%s joins with its disks", node)
	e.pass(e.minutes(1, 30))
}

// moveDisk moves a disk to another node.
func (e *estate) moveDisk() {
	from, to := e.node(), e.node()
	if from == to {
		return
	}
	e.Drain(from)
	e.note("the disk of %s moves to %s", from, to)
	e.pass(e.minutes(1, 10))
	d := e.TakeDisk(from)
	if d == nil {
		return
	}
	e.pass(e.minutes(1, 10))
	e.ForgetDisks(from)
	e.PutDisk(to, d)
	e.PutDisk(from, nil)
	e.Cordon(from, false)
	e.pass(e.minutes(1, 30))
}

func (e *estate) lh(node string) *facts.LHNode {
	for i := range e.Snapshot.Longhorn.Nodes {
		if n := &e.Snapshot.Longhorn.Nodes[i]; n.Name == node {
			return n
		}
	}
	e.t.Fatalf("Longhorn has no node %s\n%s", node, e)
	return nil
}

func (e *estate) evictAndStay() {
	node := e.node()
	e.Evict(node, true)
	e.note("%s is evicted for a while", node)
	e.pass(e.minutes(1, 20))
	e.Evict(node, false)
	e.pass(e.minutes(1, 60))
}

func (e *estate) newHome(from string) {
	home := e.NewHome(from)
	e.note("%s is made (%s)", home, from)
	e.pass(e.minutes(1, 30))
	if from != "" {
		e.Filled(home)
		e.pass(e.minutes(1, 30))
	}
	e.StartServer(home, e.upNode())
	e.pass(e.minutes(1, 60))
}

func (e *estate) changeCount() {
	v := e.Volume(e.home())
	v.WantReplicas = 5 - v.WantReplicas // 2 or 3
	v.SizeBytes *= 2
	e.note("%s is to have %d replicas and twice its size", v.Name, v.WantReplicas)
	e.pass(e.minutes(1, 60))
}

// upgrade is one of Longhorn: the new engine gets to the nodes one by one.
func (e *estate) upgrade() {
	images := e.Snapshot.Longhorn.EngineImages
	image := images[0].Image + "-next"
	e.NewRelease(image)
	e.note("the engine is upgraded")
	for i := range images {
		images[i].State, images[i].Missing = "deploying", e.nodes()[:1]
	}
	e.pass(e.minutes(1, 20))
	for i := range images {
		images[i].State, images[i].Missing, images[i].Since = "deployed", nil, e.Snapshot.Now
	}
}

func (e *estate) offline() {
	e.Snapshot.Longhorn.Settings["offline-replica-rebuilding"] = []string{"true", "false"}[e.c.n(2)]
	e.note("offline rebuilding is %s", e.Snapshot.Longhorn.Settings["offline-replica-rebuilding"])
}

// fill is a disk that is full for some days.
func (e *estate) fill() {
	node := e.node()
	if len(e.lh(node).Disks) == 0 {
		return
	}
	e.Fill(node, true)
	e.note("the disk of %s is full", node)
	for range 1 + e.c.n(4) {
		e.work()
		e.pass(e.minutes(10, 600))
	}
	e.Fill(node, false)
}

func (e *estate) deleteHome() {
	home := e.home()
	if len(e.Homes()) > 3 && !e.Runs(home) && e.Volume(home).State == "detached" {
		e.DeleteHome(home)
		e.note("%s is deleted", home)
	}
}
