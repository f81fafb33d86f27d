package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubDBVolumeFull = &Check{
	ID:       "hub-db-volume-full",
	Title:    "The volume of the hub's database has room left",
	Severity: verdict.Critical,
	Since:    "0.4.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims, facts.KubePods},
	Uses:     []string{facts.Prometheus},
	Params: []Param{
		{Name: "criticalPercent", Doc: "less free than this is critical", Default: 10, Min: 0, Max: 100, Unit: "percent"},
		{Name: "warnPercent", Doc: "less free than this is a warning", Default: 25, Min: 0, Max: 100, Unit: "percent"},
		{Name: "enoughMiB", Doc: "so much free space is enough, whatever its share of a large volume", Default: 10 * 1024, Min: 0, Max: 1e9, Unit: "MiB"},
	},
	Doc: Doc{
		Meaning: "The volume on which the hub keeps its SQLite database is nearly full. When it is, the hub can write nothing any more: nobody can log in, " +
			"servers start and stop without a note of it, and a write that breaks off may leave the database damaged. Before each change of the " +
			"schema the hub copies the whole database beside itself, and nothing ever removes these copies: an upgrade for which there is no room fails, and " +
			"under Zero to JupyterHub each of its attempts leaves one more copy.",
		FalseAlarms: "A large volume, such as a shared file system, that has enoughMiB free is not reported whatever its share is, nor one with 10,000 inodes free. " +
			"A volume whose next copy of the database would not fit is a warning, also where a larger share is free. How full the volume is comes from Prometheus, " +
			"or from the file system itself where the audit runs in a pod that has it mounted; where neither tells, and for " +
			"PostgreSQL and MySQL, the check is skipped.",
		Do: []string{
			"Make sure that there is a good backup of the database elsewhere (see backup-hub-db-missing).",
			"Look what fills the volume: `kubectl -n NAMESPACE exec deploy/hub -- sh -c 'ls -lS /srv/jupyterhub'`.",
			"Move the oldest copies (`jupyterhub.sqlite.` and a date in their names) to another place with `kubectl -n NAMESPACE exec deploy/hub -- cat /srv/jupyterhub/COPY > COPY`, compare their sizes, and only then remove them from the volume. Keep the newest.",
			"Remove or cut old log files, and whatever else does not belong there.",
			"If that is not enough, grow the claim, if its storage class allows it: `kubectl -n NAMESPACE patch pvc hub-db-dir -p '{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"5Gi\"}}}}'`, and set the same size in the hub's chart (hub.db.pvc.storage).",
			"Look at hub-db-corrupt in the next run: a volume that was full to the end may have damaged the database.",
		},
		Dont: []string{
			"Do not remove jupyterhub.sqlite itself, nor a file beside it that ends in -journal, -wal or -shm: these are parts of the database.",
			"Do not upgrade the hub before there is room: it copies the database first.",
			"Do not run VACUUM on the full volume: it needs room for a second database.",
			"Do not delete the claim to make a larger one: that deletes the database.",
		},
		Sources: []string{
			"berkeley-dsep-infra/datahub#2022 and PR 2749; 2i2c-org/infrastructure#1845",
			"jupyterhub/jupyterhub jupyterhub/dbutil.py: a dated copy before each change of the schema",
			"jupyterhub/zero-to-jupyterhub-k8s jupyterhub/values.yaml: hub-db-dir has 1Gi",
			"kubernetes pkg/kubelet/metrics/collectors/volume_stats.go",
		},
	},
	Run: runHubDBVolumeFull,
}

// enoughInodes is so many that a hub's few files never use them up.
const enoughInodes = 10_000

func runHubDBVolumeFull(in *Input) Result {
	d := &in.Hub.Database
	switch {
	case d.InMemory:
		return Result{Skip: "the hub keeps its database in memory"}
	case !onFile(d):
		return Result{Skip: fmt.Sprintf("the hub's database is on a server (%s), and on which volume that keeps it is not known", d.Engine)}
	}
	usage, c, none := in.databaseUsage()
	if usage == nil {
		return none
	}
	var r Result
	if f, low := in.spaceLow(usage, c); low {
		r.Findings = append(r.Findings, f)
	}
	if f, low := in.inodesLow(usage, c); low {
		r.Findings = append(r.Findings, f)
	}
	return r
}

// databaseUsage tells how full the volume of the database is, and which claim's
// it is, nil where that is not known; or, with no usage, why it cannot be told.
func (in *Input) databaseUsage() (*facts.Usage, *facts.Claim, Result) {
	c, unsure := in.databaseClaim(in.hubMarks())
	if disk := &in.Hub.Database.Disk; disk.CapacityBytes > 0 {
		return disk, c, Result{}
	}
	if c != nil {
		for i := range in.Usage {
			if u := &in.Usage[i]; u.Namespace == c.Namespace && u.Claim == c.Name && u.CapacityBytes > 0 {
				return u, c, Result{}
			}
		}
	}
	source := in.Source(facts.HubDB(in.Hub.Name))
	switch {
	case source.Status == facts.Failed:
		return nil, nil, Result{Unknown: fmt.Sprintf("source %s could not be read: %s", source.Name, source.Detail)}
	case in.Source(facts.Prometheus).Status == facts.Absent:
		return nil, nil, Result{Skip: "no Prometheus is configured, and the audit does not run in a pod that has the hub's volume mounted"}
	case unsure != "":
		return nil, nil, Result{Unknown: unsure}
	case c == nil:
		return nil, nil, Result{Skip: fmt.Sprintf("namespace %s has no claim that the hub's database could be on", in.Hub.Namespace)}
	}
	return nil, nil, Result{Skip: fmt.Sprintf("Prometheus does not know how full claim %s is: no pod has it mounted, or its driver does not measure it", c.Name)}
}

// scarce grades how much is left of something: "" if that is enough.
func (in *Input) scarce(left, all int64) verdict.Severity {
	switch share := 100 * float64(left); {
	case share < in.Number("criticalPercent")*float64(all):
		return verdict.Critical
	case share < in.Number("warnPercent")*float64(all):
		return verdict.Warning
	}
	return ""
}

func (in *Input) spaceLow(u *facts.Usage, c *facts.Claim) (verdict.Finding, bool) {
	f := in.volumeLow(u, c)
	d := &in.Hub.Database
	if float64(u.AvailableBytes) < in.Number("enoughMiB")*(1<<20) {
		f.Severity = in.scarce(u.AvailableBytes, u.CapacityBytes)
	}
	tooLarge := u.AvailableBytes < d.SizeBytes
	if f.Severity == "" && tooLarge {
		f.Severity = verdict.Warning
	}
	f.Message += fmt.Sprintf(" has %s of %s free (%s), at least %s %% is expected", bytesText(u.AvailableBytes), bytesText(u.CapacityBytes),
		percent(float64(u.AvailableBytes), float64(u.CapacityBytes)), plain(in.Number("warnPercent")))
	if tooLarge {
		f.Message += fmt.Sprintf("; the copy of the database (%s) that the hub's next upgrade makes does not fit", bytesText(d.SizeBytes))
	}
	if n := len(d.Copies); n > 0 {
		var size int64
		for i := range d.Copies {
			size += d.Copies[i].SizeBytes
		}
		f.Details["copies"], f.Details["copiesBytes"], f.Details["oldestCopy"] = idText(int64(n)), idText(size), d.Copies[n-1].Name
		f.Message += fmt.Sprintf("; %s that upgrades left beside the database %s %s", text.Count(n, "copy"), text.Plural(n, "takes", "take"), bytesText(size))
	}
	return f, f.Severity != ""
}

func (in *Input) inodesLow(u *facts.Usage, c *facts.Claim) (verdict.Finding, bool) {
	left := u.Inodes - u.InodesUsed
	if u.Inodes <= 0 || left >= enoughInodes {
		return verdict.Finding{}, false
	}
	f := in.volumeLow(u, c)
	f.Severity = in.scarce(left, u.Inodes)
	f.Message += fmt.Sprintf(" has %s of %s inodes free (%s), at least %s %% is expected: no file can be made without one", text.Number(int(left)),
		text.Number(int(u.Inodes)), percent(float64(left), float64(u.Inodes)), plain(in.Number("warnPercent")))
	return f, f.Severity != ""
}

// volumeLow begins a finding about the volume.
func (in *Input) volumeLow(u *facts.Usage, c *facts.Claim) verdict.Finding {
	f := verdict.Finding{Subject: in.databaseSubject(), Message: "the volume of the hub's database", Details: map[string]string{
		"availableBytes": idText(u.AvailableBytes), "usedBytes": idText(u.UsedBytes), "capacityBytes": idText(u.CapacityBytes),
		"inodes": idText(u.Inodes), "inodesUsed": idText(u.InodesUsed), "measured": text.Time(u.At), "measuredBy": "the kubelet",
		"databaseBytes": idText(in.Hub.Database.SizeBytes)}}
	if u == &in.Hub.Database.Disk {
		f.Details["measuredBy"] = "the audit"
	}
	if c != nil {
		f.Subject = claimSubject(c)
		f.Message = fmt.Sprintf("claim %s, on which the hub's database lies,", c.Name)
	}
	return f
}
