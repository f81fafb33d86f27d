package checks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// normalBackups are worlds whose backups are as they should be, each in a way of
// its own.
var normalBackups = map[string]func(*facts.Snapshot){
	"Velero instead of Longhorn's":      onlyBy(world.WithVelero),
	"Velero beside Longhorn's":          world.WithVelero,
	"K8up instead of Longhorn's":        onlyBy(world.WithK8up),
	"K8up beside Longhorn's":            world.WithK8up,
	"VolumeSnapshots beside Longhorn's": world.WithSnapshots,
	"all systems":                       changes(world.WithVelero, world.WithK8up, world.WithSnapshots),
	"VolumeSnapshots of a cloud's disks": changes(cloudDisks, world.WithSnapshots, func(s *facts.Snapshot) {
		for i := range s.Kube.SnapshotContents {
			s.Kube.SnapshotContents[i].Driver = cloudDriver
		}
	}),
	"Velero's file-system backup of homes that all run": changes(onlyBy(world.WithVelero), func(s *facts.Snapshot) {
		v := &s.Kube.Velero
		for i := range v.Backups {
			v.Backups[i].Scope.MoveData, v.Backups[i].Scope.FileSystem, v.Backups[i].CSISnapshots = false, true, 0
		}
		v.Schedules[0].Scope = v.Backups[0].Scope
		for i := range s.Kube.Backups {
			s.Kube.Backups[i].System = facts.SystemVeleroFile
		}
	}),
	"an empty hub": func(s *facts.Snapshot) { noHomes(s); noUsers(s) },
	"a hub without homes": func(s *facts.Snapshot) {
		noHomes(s)
		for i := range hubOf(s).Spawners {
			hubOf(s).Spawners[i].State.PVCName = ""
		}
		hubOf(s).KubeSpawner.DeletePVC = false
	},
	"day one": dayOne,
	"day one with nothing that makes backups": changes(dayOne, func(s *facts.Snapshot) { world.NoBackups(s); s.Longhorn.RecurringJobs = nil }),
	"claims of others without a backup": func(s *facts.Snapshot) {
		world.AddClaim(s, facts.Claim{Name: "data-postgres-0"})
		i := slices.IndexFunc(s.Kube.Claims, func(c facts.Claim) bool { return c.Name == "data-postgres-0" })
		s.Kube.Claims[i].Namespace = "shop"
		v := volumeOf(s, "data-postgres-0")
		v.ClaimNamespace, v.Jobs = "shop", []string{"none"}
		world.LastBackup(s, v, time.Time{})
		for i := range s.Kube.Volumes {
			if pv := &s.Kube.Volumes[i]; pv.ClaimName == "data-postgres-0" {
				pv.ClaimNamespace = "shop"
			}
		}
	},
	"two hubs, each with its own namespace": anotherHub,
	"a weekly job": func(s *facts.Snapshot) { // Now is a Friday
		s.Longhorn.RecurringJobs[0].Cron = "0 2 * * 0"
		allBackedUp(s, time.Date(2026, 11, 15, 2, 4, 0, 0, time.UTC))
	},
	"a weekly job that is going to run in an hour": func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs[0].Cron = "0 13 * * 5"
		allBackedUp(s, time.Date(2026, 11, 13, 13, 4, 0, 0, time.UTC))
	},
	"a monthly job": func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs[0].Cron = "0 2 1 * *"
		allBackedUp(s, time.Date(2026, 11, 1, 2, 4, 0, 0, time.UTC))
	},
	"holidays, and a job that leaves out what is not attached": func(s *facts.Snapshot) {
		detachAll(s, 21*24*time.Hour)
		s.Longhorn.Settings["allow-recurring-job-while-volume-detached"] = "false"
		allBackedUp(s, s.Now.AddDate(0, 0, -20))
	},
	"holidays, and Longhorn attaches a volume to move a replica": func(s *facts.Snapshot) {
		detachAll(s, 21*24*time.Hour)
		s.Longhorn.Settings["allow-recurring-job-while-volume-detached"] = "false"
		allBackedUp(s, s.Now.AddDate(0, 0, -20))
		v := volumeOf(s, "claim-student-0002")
		v.State, v.Robustness, v.NodeID = "attached", "healthy", "worker-2"
	},
	"Longhorn 1.2, whose settings tell": func(s *facts.Snapshot) {
		world.FitLonghorn(s, "v1.2.4")
		s.Longhorn.BackupTargets[0] = facts.LHBackupTarget{Name: world.BackupTarget, URL: s.Longhorn.BackupTargets[0].URL, PollInterval: 5 * time.Minute}
	},
	"a target that was added just now, beside Velero": changes(onlyBy(world.WithVelero), func(s *facts.Snapshot) {
		s.Longhorn.BackupTargets[0] = facts.LHBackupTarget{Name: world.BackupTarget, URL: "s3://new@eu/", PollInterval: 5 * time.Minute, Known: true,
			Available: true, Since: s.Now.Add(-3 * time.Minute), LastSyncedAt: s.Now.Add(-3 * time.Minute)}
	}),
	"polling disabled": inTarget(func(t *facts.LHBackupTarget) { t.PollInterval, t.LastSyncedAt = 0, world.Now.AddDate(0, -2, 0) }),
	"a second target that nobody uses, and that is away": func(s *facts.Snapshot) {
		s.Longhorn.BackupTargets = append(s.Longhorn.BackupTargets, facts.LHBackupTarget{Name: "old", URL: "nfs://gone/", PollInterval: 5 * time.Minute, Known: true, Since: s.Now.AddDate(0, -1, 0)})
	},
	"the job runs now": func(s *facts.Snapshot) {
		world.MoveTo(s, s.Now) // keep the times, and run the job a quarter of an hour ago
		at := s.Now.Add(-15 * time.Minute)
		s.Longhorn.RecurringJobs[0].Cron = "45 11 * * *"
		allBackedUp(s, at.AddDate(0, 0, -1).Add(3*time.Minute))
		changes(inSeries(func(b *facts.Series) {
			b.Running = &facts.Attempt{Name: "backup-now", Since: at.Add(time.Minute), Phase: "InProgress"}
		}, "claim-student-0003"))(s)
	},
	"the job runs for three hours": func(s *facts.Snapshot) {
		at := s.Now.Add(-3 * time.Hour)
		s.Longhorn.RecurringJobs[0].Cron = "0 9 * * *"
		allBackedUp(s, at.AddDate(0, 0, -1).Add(150*time.Minute))
		changes(inSeries(func(b *facts.Series) {
			b.Running = &facts.Attempt{Name: "backup-now", Since: at.Add(time.Minute), Phase: "InProgress"}
		}, homeClaims(s)...))(s)
	},
	"the first backup of a home is going on": func(s *facts.Snapshot) {
		world.LastBackup(s, volumeOf(s, "claim-student-0003"), time.Time{})
		s.Longhorn.Backups = append(s.Longhorn.Backups, facts.Series{System: facts.SystemLonghorn, Volume: volumeOf(s, "claim-student-0003").Name,
			Running: &facts.Attempt{Name: "backup-first", Since: s.Now.Add(-40 * time.Minute), Phase: "InProgress"}})
	},
	"a Velero schedule that was made an hour ago": changes(world.WithVelero, inVelero(func(v *facts.Velero, now time.Time) {
		v.Schedules = append(v.Schedules, facts.VeleroSchedule{Namespace: world.VeleroNamespace, Name: "hourly", Created: now.Add(-time.Hour), Cron: "0 * * * *", Phase: "Enabled",
			Scope: facts.VeleroScope{Namespaces: []string{world.Namespace}, Claims: true, MoveData: true}})
	})),
	"a Velero schedule that was made a minute ago": changes(world.WithVelero, inVelero(func(v *facts.Velero, now time.Time) {
		v.Schedules = append(v.Schedules, facts.VeleroSchedule{Namespace: world.VeleroNamespace, Name: "hourly", Created: now.Add(-time.Minute), Cron: "0 * * * *",
			Scope: facts.VeleroScope{Namespaces: []string{world.Namespace}, Claims: true, MoveData: true}})
	})),
	"a paused Velero schedule beside one that runs": changes(world.WithVelero, inVelero(func(v *facts.Velero, now time.Time) {
		v.Schedules = append(v.Schedules, facts.VeleroSchedule{Namespace: world.VeleroNamespace, Name: "old", Created: now.AddDate(0, -9, 0), Cron: "0 4 * * *", Paused: true, Phase: "Enabled",
			Scope: facts.VeleroScope{Namespaces: []string{world.Namespace}, Claims: true, MoveData: true}})
	})),
	"another namespace's Velero schedule, paused and failing": changes(world.WithVelero, inVelero(func(v *facts.Velero, now time.Time) {
		scope := facts.VeleroScope{Namespaces: []string{"shop"}, Claims: true}
		v.Schedules = append(v.Schedules, facts.VeleroSchedule{Namespace: world.VeleroNamespace, Name: "shop", Created: now.AddDate(0, -9, 0), Cron: "0 4 * * *", Paused: true, Phase: "Enabled", Scope: scope})
		v.Backups = append(v.Backups, facts.VeleroBackup{Namespace: world.VeleroNamespace, Name: "shop-1", Schedule: "shop", Phase: "Failed", Created: now.Add(-9 * time.Hour), Scope: scope})
	})),
	"a Velero run that is going on": changes(onlyBy(world.WithVelero), inVelero(func(v *facts.Velero, now time.Time) {
		v.Schedules[0].Cron = "30 11 * * *"
		b := *newestRun(v)
		b.Name, b.Phase, b.Created, b.Started, b.Completed = "nightly-now", "InProgress", now.Add(-30*time.Minute), now.Add(-30*time.Minute), time.Time{}
		v.Backups = append(v.Backups, b)
	})),
	"K8up is at it": changes(onlyBy(world.WithK8up), func(s *facts.Snapshot) {
		s.Kube.K8up.Running = map[string]facts.Attempt{world.Namespace: {Name: "backup-now", Since: s.Now.Add(-20 * time.Minute), Phase: "Started"}}
	}),
	"a failure of the night before last": func(s *facts.Snapshot) {
		s.Longhorn.Backups[2].Failed = &facts.Attempt{Name: "backup-old", Since: s.Now.Add(-34 * time.Hour), Phase: "Error", Error: "i/o timeout"}
	},
	"a home that was made this morning, and runs": func(s *facts.Snapshot) {
		v := volumeOf(s, "claim-student-0005")
		world.LastBackup(s, v, time.Time{})
		claimNamed(s, "claim-student-0005").Created, v.Created = s.Now.Add(-5*time.Hour), facts.At(s.Now.Add(-5*time.Hour))
		for i := range s.Kube.Volumes {
			if pv := &s.Kube.Volumes[i]; pv.ClaimName == "claim-student-0005" {
				pv.Created = v.Created.Time()
			}
		}
	},
	"snapshots by another recurring job": func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs = append(s.Longhorn.RecurringJobs, facts.LHRecurringJob{Name: "hourly-snapshot", Created: s.Now.AddDate(0, -3, 0), Task: "snapshot", Cron: "0 * * * *",
			Groups: []string{"default"}, Retain: 5}, facts.LHRecurringJob{Name: "trim", Created: s.Now.AddDate(0, -3, 0), Task: "filesystem-trim", Cron: "0 5 * * 6", Groups: []string{"default"}})
	},
	"a second job, hourly, that was made this noon": func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs = append(s.Longhorn.RecurringJobs, facts.LHRecurringJob{Name: "hourly", Created: s.Now.Add(-20 * time.Minute), Task: "backup", Cron: "0 * * * *",
			Groups: []string{"default"}, Retain: 5})
	},
	"the auditor's clock is behind": func(s *facts.Snapshot) { allBackedUp(s, s.Now.Add(2*time.Minute)) },
	"the hub has a restored home": func(s *facts.Snapshot) {
		v := volumeOf(s, "claim-student-0007")
		v.FromBackup = "s3://hub-backups@eu-central-1/?backup=backup-1&volume=" + v.Name
	},
	"jobs chosen by groups": func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs[0].Groups = []string{"users"}
		for i := range s.Longhorn.Volumes {
			s.Longhorn.Volumes[i].Jobs, s.Longhorn.Volumes[i].JobGroups = []string{"gone"}, []string{"default", "users"}
		}
	},
	"Velero and K8up by other spellings of their schedules": changes(onlyBy(world.WithVelero), world.WithK8up, func(s *facts.Snapshot) {
		s.Kube.Velero.Schedules[0].Cron, s.Kube.Velero.Schedules[0].Scope.Namespaces = "@every 24h", []string{"data*"}
		s.Kube.K8up.Schedules[0].Cron = "@daily-random"
	}),
	"a weekly job, and a nightly K8up schedule for other claims of the namespace": func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs[0].Cron = "0 2 * * 0"
		allBackedUp(s, time.Date(2026, 11, 15, 2, 4, 0, 0, time.UTC))
		s.Kube.K8up.Schedules = []facts.K8upSchedule{{Namespace: world.Namespace, Name: "database", Cron: "0 1 * * *", URL: "s3:https://s3.example.org/k8up", Selected: true}}
		s.Kube.Backups = []facts.Series{{System: facts.SystemK8up, Namespace: world.Namespace, Claim: world.HubClaim, Good: 1, Oldest: s.Now.Add(-11 * time.Hour),
			Newest: facts.Point{Name: "ab12cd34", Time: s.Now.Add(-11 * time.Hour)}}}
	},
	"a weekly job, and a nightly Velero schedule for other claims of the namespace": func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs[0].Cron = "0 2 * * 0"
		allBackedUp(s, time.Date(2026, 11, 15, 2, 4, 0, 0, time.UTC))
		world.WithVelero(s)
		s.Kube.Velero.Schedules[0].Scope.Selected = true
		for i := range s.Kube.Velero.Backups {
			s.Kube.Velero.Backups[i].Scope.Selected, s.Kube.Velero.Backups[i].CSISnapshots = true, 1
		}
		s.Kube.Backups = slices.DeleteFunc(s.Kube.Backups, func(b facts.Series) bool { return b.Claim != world.HubClaim })
	},
	"Velero took over from Longhorn": changes(world.WithVelero, func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs = nil
		allBackedUp(s, s.Now.AddDate(0, -1, 0))
	}),
	"Longhorn took over from Velero, whose schedules are gone": changes(world.WithVelero, inVelero(func(v *facts.Velero, _ time.Time) { v.Schedules = nil })),
	"homes that were never written to": func(s *facts.Snapshot) {
		for _, claim := range homeClaims(s)[:2] {
			volumeOf(s, claim).ActualBytes = 0
			world.LastBackup(s, volumeOf(s, claim), time.Time{})
		}
	},
	"a backup of somebody else's volume failed": func(s *facts.Snapshot) {
		s.Longhorn.Backups = append(s.Longhorn.Backups, facts.Series{System: facts.SystemLonghorn, Volume: "pvc-of-the-shop",
			Failed: &facts.Attempt{Name: "backup-shop", Since: s.Now.Add(-9 * time.Hour), Phase: "Error", Error: "i/o timeout"}})
	},
	"backups of a home that is gone": func(s *facts.Snapshot) {
		world.RemoveClaim(s, world.Namespace, "claim-student-0010--lab")
		dropServers(s, "lab")
	},
	"a CronJob that looks at backups fails": changes(cronJob("backup-check", nil), aJob(world.Namespace, "backup-check", time.Hour, gaveUp)),
	"VolumeSnapshots that go with their objects, beside Longhorn's": changes(world.WithSnapshots, func(s *facts.Snapshot) {
		for i := range s.Kube.SnapshotContents {
			s.Kube.SnapshotContents[i].DeletionPolicy = "Delete"
		}
	}),
	"a VolumeSnapshot that is being taken": changes(world.WithSnapshots, func(s *facts.Snapshot) {
		s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: world.Namespace, Name: "now", Created: s.Now.Add(-time.Minute), Claim: "claim-student-0001"})
	}),
	"a namespace for each user":                                     func(s *facts.Snapshot) { spreadHomes(s) },
	"a suspended CronJob of somebody else's in the hub's namespace": cronJob("nightly-report", func(c *facts.CronJob) { c.Suspended = true }),
	"a hub that was scaled down for the night, its pod gone":        func(s *facts.Snapshot) { detachAll(s, 12*time.Hour) },
}

// TestNormalBackups: nothing is reported of backups that are as they should be.
func TestNormalBackups(t *testing.T) {
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range normalBackups {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			change(s)
			world.Settle(s)
			world.Remember(s)
			for _, v := range Judge(suite, s) {
				if (v.Outcome == verdict.Fail || v.Outcome == verdict.Unknown) && v.Check != "lh-version-known-bug" {
					t.Errorf("%s@%s is %s: %s %s", v.Check, v.Hub, v.Outcome, v.Severity, v.Summary)
				}
			}
		})
	}
}

// TestWipedHubIsNotNew: a hub whose users are all new is new only if its claims are.
func TestWipedHubIsNotNew(t *testing.T) {
	suite, err := NewSuite(nil, []string{"backup-hub-db-missing"})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*facts.Snapshot){
		"its users are new":            func(s *facts.Snapshot) {},
		"its claims are not known":     failed(facts.KubeClaims),
		"its claims are of last month": func(s *facts.Snapshot) { s.Kube.Claims[0].Created = s.Now.AddDate(0, -1, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			dayOne(s)
			if name == "its users are new" {
				claimNamed(s, world.HubClaim).Created = s.Now.AddDate(0, -6, 0)
			}
			change(s)
			if v := Judge(suite, s)[0]; v.Outcome != verdict.Fail || v.Severity != verdict.Critical {
				t.Errorf("%s %s: %s", v.Outcome, v.Severity, v.Summary)
			}
		})
	}
}

const cloudDriver = "ebs.csi.aws.com"

// cloudDisks puts all volumes on a cloud's disks, without Longhorn.
func cloudDisks(s *facts.Snapshot) {
	for i := range s.Kube.Volumes {
		v := &s.Kube.Volumes[i]
		v.Driver, v.Handle = cloudDriver, "vol-"+v.Name
	}
	for i := range s.Kube.StorageClasses {
		s.Kube.StorageClasses[i].Provisioner = cloudDriver
	}
	s.Longhorn = facts.Longhorn{}
	var names []string
	for _, src := range s.Sources {
		if strings.HasPrefix(src.Name, "longhorn/") {
			names = append(names, src.Name)
		}
	}
	absent(names...)(s)
}

func noHomes(s *facts.Snapshot) {
	for _, claim := range homeClaims(s) {
		world.RemoveClaim(s, world.Namespace, claim)
	}
	s.Kube.Pods = slices.DeleteFunc(s.Kube.Pods, func(p facts.Pod) bool { return p.HasUser })
	s.Longhorn.Backups, s.Longhorn.BackupVolumes = s.Longhorn.Backups[:0], nil
	s.Usage = slices.DeleteFunc(s.Usage, func(u facts.Usage) bool { return u.Claim != world.HubClaim })
	h := hubOf(s)
	h.Servers = slices.DeleteFunc(h.Servers, func(facts.Server) bool { return true })
	for i := range h.Spawners {
		h.Spawners[i].ServerID, h.Spawners[i].Started = 0, time.Time{}
	}
}

func noUsers(s *facts.Snapshot) {
	h := hubOf(s)
	h.Users, h.Spawners, h.MetricUsers = nil, nil, 0
}

// dropServers takes the rows of named servers out of the hub.
func dropServers(s *facts.Snapshot, server string) {
	h := hubOf(s)
	h.Spawners = slices.DeleteFunc(h.Spawners, func(sp facts.Spawner) bool { return sp.Name == server })
	world.ServeAPI(s, world.HubName)
}

// allBackedUp makes one time that of the newest backup of all volumes.
func allBackedUp(s *facts.Snapshot, at time.Time) {
	for i := range s.Longhorn.Volumes {
		world.LastBackup(s, &s.Longhorn.Volumes[i], at)
	}
}

// detachAll stops all servers of users so long ago.
func detachAll(s *facts.Snapshot, ago time.Duration) {
	at := s.Now.Add(-ago)
	h := hubOf(s)
	h.Servers = nil
	for i := range h.Spawners {
		h.Spawners[i].ServerID, h.Spawners[i].Started, h.Spawners[i].LastActivity = 0, time.Time{}, at
	}
	for i := range h.Users {
		h.Users[i].LastActivity = at
	}
	s.Kube.Pods = slices.DeleteFunc(s.Kube.Pods, func(p facts.Pod) bool { return p.HasUser })
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if v.ClaimName == world.HubClaim {
			continue
		}
		v.State, v.Robustness, v.NodeID, v.LastPodRefAt = "detached", "unknown", "", facts.At(at)
		for j := range s.Longhorn.Replicas {
			if r := &s.Longhorn.Replicas[j]; r.Volume == v.Name {
				r.State = "stopped"
			}
		}
	}
	s.Usage = slices.DeleteFunc(s.Usage, func(u facts.Usage) bool { return u.Claim != world.HubClaim })
	world.ServeAPI(s, world.HubName)
}

// dayOne makes everything of the hub three hours old: nothing was due yet.
func dayOne(s *facts.Snapshot) {
	at := s.Now.Add(-3 * time.Hour)
	world.NoBackups(s)
	s.Longhorn.RecurringJobs[0].Created, s.Longhorn.BackupTargets[0].Since = at, at
	for i := range s.Kube.Claims {
		s.Kube.Claims[i].Created = at
	}
	for i := range s.Kube.Volumes {
		s.Kube.Volumes[i].Created = at
	}
	for i := range s.Longhorn.Volumes {
		s.Longhorn.Volumes[i].Created = facts.At(at)
	}
	for i := range s.Longhorn.Replicas {
		s.Longhorn.Replicas[i].Created, s.Longhorn.Replicas[i].HealthyAt, s.Longhorn.Replicas[i].LastHealthyAt = facts.At(at), facts.At(at.Add(time.Minute)), facts.At(at.Add(time.Minute))
	}
	h := hubOf(s)
	for i := range h.Users {
		h.Users[i].Created, h.Users[i].LastActivity = at, s.Now.Add(-time.Hour)
	}
	for i := range h.Spawners {
		h.Spawners[i].LastActivity = s.Now.Add(-time.Hour)
	}
	for i := range h.Backups {
		h.Backups[i].Copies, h.Backups[i].Opened = nil, nil
	}
	world.ServeAPI(s, world.HubName)
}

// anotherHub is a second hub with a namespace and homes of its own.
func anotherHub(s *facts.Snapshot) {
	other := world.Healthy(world.Small)
	h := other.Hubs[0]
	h.Name, h.Namespace = "labhub", "labhub"
	for i := range h.Backups {
		h.Backups[i].Opened.Content, h.Backups[i].Opened.Known, h.Backups[i].Opened.KnownAt = nil, true, s.Now.Add(-time.Hour)
	}
	for i := range h.Spawners {
		h.Spawners[i].State.Namespace = "labhub"
	}
	rename := func(name string) string { return strings.Replace(name, "pvc-", "lab-", 1) }
	for _, c := range other.Kube.Claims {
		c.Namespace, c.UID, c.VolumeName = "labhub", "lab-"+c.UID, rename(c.VolumeName)
		s.Kube.Claims = append(s.Kube.Claims, c)
	}
	for _, v := range other.Kube.Volumes {
		v.Name, v.Handle, v.UID, v.ClaimUID, v.ClaimNamespace = rename(v.Name), rename(v.Handle), "lab-"+v.UID, "lab-"+v.ClaimUID, "labhub"
		s.Kube.Volumes = append(s.Kube.Volumes, v)
	}
	for _, p := range other.Kube.Pods {
		p.Namespace = "labhub"
		s.Kube.Pods = append(s.Kube.Pods, p)
	}
	for _, v := range other.Longhorn.Volumes {
		v.Name, v.ClaimNamespace, v.VolumeName = rename(v.Name), "labhub", rename(v.VolumeName)
		s.Longhorn.Volumes = append(s.Longhorn.Volumes, v)
	}
	for _, r := range other.Longhorn.Replicas {
		r.Name, r.Volume = rename(r.Name), rename(r.Volume)
		s.Longhorn.Replicas = append(s.Longhorn.Replicas, r)
	}
	for _, b := range other.Longhorn.Backups {
		b.Volume = rename(b.Volume)
		s.Longhorn.Backups = append(s.Longhorn.Backups, b)
	}
	for _, b := range other.Longhorn.BackupVolumes {
		b.Name, b.Volume = rename(b.Name), rename(b.Volume)
		s.Longhorn.BackupVolumes = append(s.Longhorn.BackupVolumes, b)
	}
	s.Hubs = append(s.Hubs, h)
	world.ServeAPI(s, "labhub")
}

// spreadHomes gives each user a namespace, with the home in it.
func spreadHomes(s *facts.Snapshot) {
	h := hubOf(s)
	h.KubeSpawner.UserNamespaces = "{hubnamespace}-{username}"
	of := func(claim string) string {
		name, _, _ := strings.Cut(strings.TrimPrefix(claim, "claim-"), "--")
		return world.Namespace + "-" + name
	}
	for i := range h.Spawners {
		h.Spawners[i].State.Namespace = of(h.Spawners[i].State.PVCName)
	}
	for i := range s.Kube.Claims {
		if c := &s.Kube.Claims[i]; c.Name != world.HubClaim {
			c.Namespace = of(c.Name)
		}
	}
	for i := range s.Kube.Volumes {
		if v := &s.Kube.Volumes[i]; v.ClaimName != world.HubClaim {
			v.ClaimNamespace = of(v.ClaimName)
		}
	}
	for i := range s.Longhorn.Volumes {
		if v := &s.Longhorn.Volumes[i]; v.ClaimName != world.HubClaim {
			v.ClaimNamespace = of(v.ClaimName)
		}
	}
	for i := range s.Kube.Pods {
		if p := &s.Kube.Pods[i]; p.HasUser {
			p.Namespace = of(p.Claims[0])
		}
	}
	for i := range s.Usage {
		if u := &s.Usage[i]; u.Claim != world.HubClaim {
			u.Namespace = of(u.Claim)
		}
	}
	world.ServeAPI(s, world.HubName)
}
