package checks

import (
	"fmt"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

var backupSameDomain = &Check{
	ID:       "backup-same-domain",
	Title:    "Backups lie outside of what they protect",
	Severity: verdict.Error,
	Since:    "0.5.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims},
	Uses:     append([]string{facts.KubeNodes, facts.KubePods}, homeSources...),
	Doc: Doc{
		Meaning: "All backups lie where the data lies: in a store that runs in this cluster (its name is a Service's, a node's or localhost), as snapshots in the same " +
			"storage system, or, of the hub's database, on the database's own volume. What takes the cluster or the storage takes the backups along.",
		FalseAlarms: "One copy outside is enough: homes with a backup in another place, and a database with one location elsewhere, are not reported. Snapshots of a cloud's disks " +
			"(EBS, Persistent Disk, Azure Disk, Cinder …) lie outside of the cluster and are not reported. An address within the usual range of Services may be another machine's: " +
			"it is a warning. The endpoint of Longhorn's S3 targets is in a Secret, which the audit does not read: a MinIO in the cluster behind an s3:// URL is not seen. " +
			"If the store is replicated elsewhere by other means, accept it: `checks: {backup-same-domain: {enabled: false}}`.",
		Do: []string{
			"Add a place outside of the cluster: a bucket of a cloud, an NFS server that is none of the nodes; Longhorn from 1.8 takes several BackupTargets.",
			"Snapshots: move them out, with Velero's data mover (`--snapshot-move-data`) or Longhorn's backups instead of its snapshots (VolumeSnapshotClass parameter type: bak).",
			"The hub's database: copy the files on to another machine, and name that place under hubs[].backups.",
		},
		Dont:    []string{"Do not delete the backups that lie inside before those outside are complete."},
		Sources: []string{"Berkeley DataHub post-mortem, 2017: the only copies lay beside the database", "Nectar post-mortem, 2023", "kubernetes-csi/external-snapshotter: a snapshot is cut from its volume"},
	},
	Run: runBackupSameDomain,
}

func runBackupSameDomain(in *Input) Result {
	d := in.backupPlaces()
	inside := map[backupPlace][]*homeBackup{}
	all := in.homeBackups()
	for i := range all {
		if where, ok := d.ofHome(&all[i]); ok {
			inside[where] = append(inside[where], &all[i])
		}
	}
	var r Result
	for _, where := range slices.SortedFunc(maps.Keys(inside), func(a, b backupPlace) int { return strings.Compare(a.what, b.what) }) {
		f, told := in.homesFinding(inside[where])
		f.Details["where"], f.Severity = where.what, where.severity()
		f.Message = fmt.Sprintf("all backups of %s lie in %s; a copy outside of the cluster is expected%s", told, where.what, told.whose())
		r.Findings = append(r.Findings, f)
	}
	if f, ok := d.database(); ok {
		r.Findings = append(r.Findings, f)
	}
	return r
}

// backupPlace is a place inside of the cluster.
type backupPlace struct {
	what  string
	guess bool // it may be outside
}

func (d backupPlace) severity() verdict.Severity {
	if d.guess {
		return verdict.Warning
	}
	return verdict.Error
}

// backupPlaces tells which places lie inside of the cluster.
type backupPlaces struct {
	in         *Input
	targets    map[string]backupPlace // Longhorn's by name, those inside
	locations  map[string]backupPlace // Velero's
	nodes      map[string]bool
	namespaces map[string]bool
	pvs        map[string]*facts.Volume
}

func (in *Input) backupPlaces() *backupPlaces {
	d := &backupPlaces{in: in, targets: map[string]backupPlace{}, locations: map[string]backupPlace{}, nodes: map[string]bool{}, namespaces: map[string]bool{}}
	for i := range in.Kube.Nodes {
		d.nodes[in.Kube.Nodes[i].Name] = true
	}
	for i := range in.Kube.Velero.Locations {
		d.namespaces[in.Kube.Velero.Locations[i].Namespace] = true
	}
	for _, h := range in.Hubs {
		d.namespaces[h.Namespace] = true
	}
	for i := range in.Longhorn.BackupTargets {
		t := &in.Longhorn.BackupTargets[i]
		if where, ok := d.ofURL(t.URL); ok {
			where.what = fmt.Sprintf("Longhorn's BackupTarget %s (%s), %s", t.Name, t.URL, where.what)
			d.targets[t.Name] = where
		}
	}
	for i := range in.Kube.Velero.Locations {
		l := &in.Kube.Velero.Locations[i]
		if where, ok := d.ofURL(l.URL); ok {
			where.what = fmt.Sprintf("Velero's BackupStorageLocation %s (%s), %s", l.Name, l.URL, where.what)
			d.locations[l.Name] = where
			if l.Default {
				d.locations[""] = where
			}
		}
	}
	if len(in.Kube.Snapshots)+len(in.Kube.Backups) > 0 {
		d.pvs = volumesByName(in.Kube.Volumes)
	}
	return d
}

// ofHome is where all backups of a home lie, if that is inside.
func (d *backupPlaces) ofHome(h *homeBackup) (backupPlace, bool) {
	if h.newest.IsZero() {
		return backupPlace{}, false
	}
	held := d.in.held(h)
	if len(held.Systems) > 1 && slices.ContainsFunc(held.Systems, func(system string) bool { return !d.storesInside(system, h) }) {
		return backupPlace{}, false
	}
	return d.of(held.System, &held.Newest, h.claim)
}

// storesInside tells whether whatever a system holds of a home lies inside,
// wherever it put the newest.
func (d *backupPlaces) storesInside(system string, h *homeBackup) bool {
	switch system {
	case facts.SystemLonghorn:
		return h.volume != nil && d.targets[targetName(h.volume)].what != ""
	case facts.SystemSnapshot, facts.SystemVeleroSnap:
		_, ok := d.storage(h.claim)
		return ok
	case facts.SystemVeleroFile, facts.SystemVeleroData:
		return len(d.locations) > 0 && !slices.ContainsFunc(d.in.Kube.Velero.Locations, func(l facts.VeleroLocation) bool { return d.locations[l.Name].what == "" })
	}
	return false
}

// of is where one backup of a claim lies, if that is inside.
func (d *backupPlaces) of(system string, p *facts.Point, c *facts.Claim) (backupPlace, bool) {
	switch system {
	case facts.SystemLonghorn:
		where, ok := d.targets[targetNamed(p.Target)]
		return where, ok
	case facts.SystemSnapshot, facts.SystemVeleroSnap:
		return d.storage(c)
	case facts.SystemVeleroFile, facts.SystemVeleroData:
		where, ok := d.locations[p.Target]
		return where, ok
	case facts.SystemK8up:
		return d.ofURL(p.Target)
	}
	return backupPlace{}, false
}

func targetNamed(name string) string { return targetName(&facts.LHVolume{BackupTarget: name}) }

// storage is where the snapshots of a claim lie: with its volume, unless that is
// a cloud's disk or of a driver that is not known.
func (d *backupPlaces) storage(c *facts.Claim) (backupPlace, bool) {
	pv := d.pvs[c.VolumeName]
	if pv == nil || !copies.SnapshotsInside(pv.Driver) {
		return backupPlace{}, false
	}
	return backupPlace{what: "the storage of driver " + pv.Driver + " itself, as snapshots"}, true
}

// hosts finds the servers in a URL, also in one that holds another as a parameter.
// Before the @ of Longhorn's s3 URLs stands the bucket, behind it the region.
var hosts = regexp.MustCompile(`://(?:[^/@\s]*@)?([^/:?#\s]+)`)

// ofURL tells whether a URL leads to a server inside of the cluster, and why.
func (d *backupPlaces) ofURL(url string) (backupPlace, bool) {
	for _, match := range hosts.FindAllStringSubmatch(url, -1) {
		if where, ok := d.ofServer(strings.ToLower(strings.TrimSuffix(match[1], "."))); ok {
			return where, true
		}
	}
	return backupPlace{}, false
}

func (d *backupPlaces) ofServer(name string) (backupPlace, bool) {
	if address, err := netip.ParseAddr(name); err == nil {
		switch {
		case address.IsLoopback():
			return backupPlace{what: "which is on a node itself"}, true
		case copies.ServiceAddress(address):
			return backupPlace{what: "whose address is within the usual range of a cluster's Services", guess: true}, true
		}
		return backupPlace{}, false
	}
	first, rest, _ := strings.Cut(name, ".")
	switch {
	case name == "localhost" || d.nodes[name] || d.nodes[first]:
		return backupPlace{what: "which is on a node of this cluster"}, true
	case strings.HasSuffix(name, ".svc") || strings.Contains(name, ".svc.") || strings.HasSuffix(name, ".cluster.local"), d.namespaces[rest]:
		return backupPlace{what: "which is a Service of this cluster"}, true
	}
	return backupPlace{}, false
}

// database is the finding that no location of the hub's database lies outside.
func (d *backupPlaces) database() (verdict.Finding, bool) {
	var inside []string
	guess := false
	for i := range d.in.Hub.Backups {
		b := &d.in.Hub.Backups[i]
		where, ok := d.ofLocation(b)
		if !ok {
			return verdict.Finding{}, false
		}
		guess = guess || where.guess
		inside = append(inside, b.Name+" ("+b.Location+") "+where.what)
	}
	if len(inside) == 0 {
		return verdict.Finding{}, false
	}
	return verdict.Finding{Subject: d.in.databaseSubject(), Severity: backupPlace{guess: guess}.severity(),
		Details: map[string]string{"locations": strings.Join(inside, "; ")},
		Message: fmt.Sprintf("no backup of the hub's database lies outside of what it protects: %s; a copy on another machine is expected", list(inside, homesShown))}, true
}

// ofLocation is where a location of copies of the hub's database lies, in words
// that follow its name, if that is inside.
func (d *backupPlaces) ofLocation(b *facts.Backup) (backupPlace, bool) {
	switch b.Kind {
	case facts.BackupFiles:
		return backupPlace{what: "lies on the volume of the database itself"}, b.OnDatabaseVolume
	case facts.BackupObjects:
		where, ok := d.ofURL(b.Location)
		where.what = "lies on a server " + where.what
		return where, ok
	}
	system := map[string]string{facts.BackupSnapshots: facts.SystemSnapshot, facts.BackupLonghorn: facts.SystemLonghorn,
		facts.BackupVelero: facts.SystemVeleroFile, facts.BackupK8up: facts.SystemK8up}[b.Kind]
	_, name, _ := strings.Cut(b.Location, "/")
	c := d.in.claimByName(path.Base(name))
	if system == "" || c == nil {
		return backupPlace{}, false
	}
	held := d.in.backups().Of(c.Namespace, c.Name)
	where, ok := d.of(held.System, &held.Newest, c)
	where.what = "lies in " + where.what
	return where, ok && held.System != "" && (held.System == system || isVelero(held.System) && isVelero(system))
}
