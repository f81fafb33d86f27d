package checks

import (
	"maps"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestPVCEmptied(t *testing.T) { testCheck(t, pvcEmptiedCases) }

// formatted gives a claim's volume blank replicas, made so long ago, and what an
// empty ext4 takes.
func formatted(claim string, ago time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		at := s.Now.Add(-ago)
		for _, r := range replicasOf(s, claim) {
			r.Created, r.HealthyAt, r.LastHealthyAt = facts.At(at), facts.At(at.Add(20*time.Second)), facts.At(at.Add(20*time.Second))
		}
		volumeOf(s, claim).ActualBytes = 35 << 20
	}
}

// bare sets what the kubelet sees of the running server's home.
func bare(bytes, inodes int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Usage {
			if u := &s.Usage[i]; u.Claim == running {
				u.UsedBytes, u.InodesUsed = bytes, inodes
			}
		}
	}
}

// shrunk sets what Longhorn shows of a claim's volume.
func shrunk(claim string, bytes int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { volumeOf(s, claim).ActualBytes = bytes }
}

// forgot is a history without sizes, as in a first run.
func forgot(s *facts.Snapshot) { s.Past.Sizes = nil }

// knownSize changes what the history knows of a claim, as one measure saw it.
func knownSize(claim, by string, change func(p *facts.PastSize, now time.Time)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		key := facts.SizeKey{ClaimUID: claimNamed(s, claim).UID, By: by}
		p := s.Past.Sizes[key]
		change(&p, s.Now)
		s.Past.Sizes[key] = p
	}
}

// latched is a claim that a run of three days ago found emptied.
func latched(p *facts.PastSize, now time.Time) {
	p.EmptiedAt, p.EmptiedBytes = now.Add(-72*time.Hour), 35<<20
	if p.Inodes > 0 {
		p.EmptiedBytes, p.EmptiedInodes = 200<<10, 30
	}
}

const (
	stoppedHome = "claim claim-student-0001 of user \"student-0001\"'s default server was emptied: "
	runningHome = "claim claim-student-0005 of user \"student-0005\"'s default server was emptied: "

	blankSign = "all its 3 replicas were made blank on 2026-11-20 10:00 UTC, after the volume had been in use, and hold 35 MiB"
	sizeSign  = "its data took 150 MiB in Longhorn on 2026-11-13 and takes 35 MiB now, about as much as a new file system"
	filesSign = "it held 120 MiB in 3,500 files on 2026-11-13 and has 200 KiB in 30 files now"
)

func emptiedOutcome(severityAndCount string) outcomes {
	return outcomes{"pvc-emptied": "fail " + severityAndCount}
}

// attachedBlank gives a claim's volume blank replicas that Longhorn itself
// attached so long ago, for a backup or an eviction.
func attachedBlank(claim string, ago time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		formatted(claim, ago)(s)
		volumeOf(s, claim).ActualBytes = 0
		r := replicasOf(s, claim)[0] // one of them was rebuilt since, from the others
		r.Created, r.HealthyAt, r.LastHealthyAt = facts.At(s.Now.Add(-time.Minute)), facts.At(s.Now), facts.At(s.Now)
	}
}

const hollowSign = "its replicas were blank when they became healthy on 2026-11-20 11:00 UTC, after it was last mounted, and hold nothing: the next mount formats them"

var pvcEmptiedCases = cases{
	check: pvcEmptied,
	fires: []damage{
		{name: "blank, and attached by Longhorn itself", change: attachedBlank("claim-student-0004", time.Hour), want: emptiedOutcome("critical 1"),
			summary: strings.Replace(stoppedHome, "0001", "0004", 2) + strings.Replace(sizeSign, "35 MiB", "0 B", 1) + "; " + hollowSign},
		{name: "2023: formatted on blank replicas", change: formatted(stopped, 2*time.Hour), want: emptiedOutcome("critical 1"),
			summary: stoppedHome + sizeSign + "; " + blankSign},
		{name: "the same, in a first run", change: both(formatted(stopped, 2*time.Hour), forgot), want: emptiedOutcome("critical 1"),
			summary: stoppedHome + blankSign},
		{name: "formatted, as the kubelet and Longhorn see it", change: both(bare(200<<10, 30), shrunk(running, 35<<20)), want: emptiedOutcome("critical 1"),
			summary: runningHome + filesSign + "; " + sizeSign},
		{name: "the files are gone and Longhorn's data is not", change: bare(200<<10, 30), want: emptiedOutcome("error 1"), summary: runningHome + filesSign},
		{name: "only Longhorn's size fell", change: shrunk(stopped, 35<<20), want: emptiedOutcome("warning 1"), summary: stoppedHome + sizeSign},
		{
			name:    "several at once",
			change:  both(shrunk(stopped, 35<<20), shrunk("claim-student-0002", 40<<20), shrunk("claim-student-0003", 60<<20)),
			want:    emptiedOutcome("critical 3"),
			summary: "3 homes lost what they held",
		},
		{
			name: "other storage than Longhorn",
			change: func(s *facts.Snapshot) {
				withoutLonghorn(s)
				for i := range s.Kube.Volumes {
					s.Kube.Volumes[i].Driver = "ebs.csi.aws.com"
				}
				bare(24<<10, 11)(s)
			},
			want:    noLonghorn(emptiedOutcome("error 1")),
			summary: runningHome + "it held 120 MiB in 3,500 files on 2026-11-13 and has 24 KiB in 11 files now",
		},
		{
			name: "a file system that counts no files",
			change: both(bare(200<<10, 0), func(s *facts.Snapshot) {
				for i := range s.Usage {
					s.Usage[i].Inodes, s.Usage[i].InodesUsed = 0, 0
				}
			}),
			want:    emptiedOutcome("error 1"),
			summary: runningHome + "it held 120 MiB in 3,500 files on 2026-11-13 and has 200 KiB now",
		},
		{
			name:    "found in an earlier run, and its user works in it",
			change:  both(knownSize(running, facts.SizeByKubelet, latched), bare(20<<20, 400)),
			want:    emptiedOutcome("error 1"),
			summary: runningHome + filesSign,
		},
		{
			name: "found in an earlier run without a past, and rebuilt since",
			change: knownSize(stopped, facts.SizeByLonghorn, func(p *facts.PastSize, now time.Time) {
				*p = facts.PastSize{}
				latched(p, now)
			}),
			want:    emptiedOutcome("error 1"),
			summary: stoppedHome + "the run of 2026-11-17 12:00 UTC found it so, and nobody has accepted that",
		},
	},
	mustNotFire: []damage{
		{name: "a user tidied up", change: bare(2<<20, 400)},
		{name: "tidied up, and trimmed", change: both(bare(2<<20, 400), shrunk(running, 60<<20))},
		{name: "one large file is left", change: bare(9<<30, 30)},
		{name: "detached: Longhorn's size is frozen", change: func(s *facts.Snapshot) { volumeOf(s, stopped).LastPodRefAt = facts.At(s.Now.AddDate(0, -3, 0)) }},
		{name: "being attached: Longhorn shows nothing for a moment", change: shrunk(running, 0)},
		{
			name: "being restored: the size is the backup's",
			change: both(shrunk(stopped, 35<<20), func(s *facts.Snapshot) {
				v := volumeOf(s, stopped)
				v.FromBackup, v.Restoring = "s3://bucket?backup=b", true
			}),
		},
		{
			name:   "restored: the backup counted larger blocks",
			change: both(shrunk(stopped, 35<<20), func(s *facts.Snapshot) { volumeOf(s, stopped).FromBackup = "s3://bucket?backup=b" }),
		},
		{
			name: "a live upgrade of the engine made the records of the replicas anew",
			change: both(shrunk(stopped, 60<<20), forgot, func(s *facts.Snapshot) {
				for _, r := range replicasOf(s, stopped) {
					r.Created = facts.At(s.Now.Add(-time.Hour))
				}
			}),
		},
		{
			name: "rebuilt one by one after that upgrade, as nodes were rebooted",
			change: both(formatted(stopped, 5*time.Hour), forgot, func(s *facts.Snapshot) {
				for i, r := range replicasOf(s, stopped) {
					r.HealthyAt = facts.At(s.Now.Add(-time.Duration(1+i) * time.Hour))
				}
			}),
		},
		{
			name: "one replica by choice, moved to another node",
			change: both(formatted(stopped, time.Hour), forgot, func(s *facts.Snapshot) {
				v := volumeOf(s, stopped)
				v.WantReplicas = 1
				keep := replicasOf(s, stopped)[0].Name
				var kept []facts.LHReplica
				for _, r := range s.Longhorn.Replicas {
					if r.Volume != v.Name || r.Name == keep {
						kept = append(kept, r)
					}
				}
				s.Longhorn.Replicas = kept
				world.Settle(s)
			}),
			want: outcomes{"lh-low-replica-count": "fail warning 1"},
		},
		{
			name: "replicas made late, and used for the first time now",
			change: both(formatted(stopped, time.Hour), forgot, func(s *facts.Snapshot) {
				v := volumeOf(s, stopped)
				v.LastPodRefAt = 0
				world.LastBackup(s, v, time.Time{})
			}),
			want: outcomes{"backup-none": "fail critical 1"},
		},
		{name: "accepted since", change: both(formatted(stopped, 2*time.Hour), knownSize(stopped, facts.SizeByLonghorn, func(p *facts.PastSize, now time.Time) {
			*p = facts.PastSize{Bytes: 35 << 20, At: now.Add(-time.Hour)}
		}))},
		{
			name:   "restored in place: replicas made anew, with as much as before",
			change: both(formatted(stopped, 2*time.Hour), shrunk(stopped, 150<<20)),
		},
		{name: "its content is back", change: knownSize(stopped, facts.SizeByLonghorn, latched)},
		{name: "a claim that is nobody's home", change: both(formatted(stopped, 2*time.Hour), func(s *facts.Snapshot) {
			hub := hubOf(s)
			hub.OtherClaims = []string{"hub-copy-*"}
			world.AddClaim(s, facts.Claim{Name: "hub-copy-1", Created: s.Now.AddDate(0, -1, 0)})
			formatted(stopped, 400*24*time.Hour)(s)
			volumeOf(s, stopped).ActualBytes = 150 << 20
			volumeOf(s, "hub-copy-1").ActualBytes = 35 << 20
		})},
	},
	boundary: []damage{
		{name: "as many files as a login leaves", change: bare(200<<10, 50), want: emptiedOutcome("error 1"),
			summary: runningHome + "it held 120 MiB in 3,500 files on 2026-11-13 and has 200 KiB in 50 files now"},
		{name: "one more", change: bare(200<<10, 51)},
		{name: "half of what it was", change: shrunk(stopped, 75<<20), want: emptiedOutcome("warning 1"), summary: stoppedHome + strings.Replace(sizeSign, "35", "75", 1)},
		{name: "a little more than half", change: shrunk(stopped, 75<<20+1)},
		{name: "two at once", change: both(shrunk(stopped, 35<<20), shrunk("claim-student-0002", 35<<20)), want: emptiedOutcome("warning 2"),
			summary: "2 homes lost what they held"},
		{
			name: "the third longer than a day before",
			change: both(shrunk(stopped, 35<<20), shrunk("claim-student-0002", 35<<20), shrunk("claim-student-0003", 35<<20),
				knownSize("claim-student-0003", facts.SizeByLonghorn, func(p *facts.PastSize, now time.Time) {
					p.EmptiedAt, p.EmptiedBytes = now.Add(-24*time.Hour-time.Second), 35<<20
				})),
			want: emptiedOutcome("warning 3"), summary: "3 homes lost what they held",
		},
		{
			name:   "not yet a day old",
			change: both(shrunk(stopped, 35<<20), func(s *facts.Snapshot) { claimNamed(s, stopped).Created = s.Now.Add(-24*time.Hour + time.Second) }),
		},
		{
			name:   "a day old",
			change: both(shrunk(stopped, 35<<20), func(s *facts.Snapshot) { claimNamed(s, stopped).Created = s.Now.Add(-24 * time.Hour) }),
			want:   emptiedOutcome("warning 1"), summary: stoppedHome + sizeSign,
		},
		{name: "lost less than it takes", change: both(shrunk(stopped, 10<<20), knownSize(stopped, facts.SizeByLonghorn, func(p *facts.PastSize, _ time.Time) { p.Bytes = 26<<20 - 1 }))},
	},
	sourceFailed: []damage{
		{name: "Prometheus does not answer", change: failed(facts.Prometheus), want: unknownWithout(facts.Prometheus, nil),
			summary: "source prometheus could not be read: gave up after 30s"},
		{name: "no history", change: failed(facts.History), want: unknownWithout(facts.History, nil),
			summary: "source history could not be read: gave up after 30s"},
		{
			name: "neither Longhorn nor Prometheus",
			change: func(s *facts.Snapshot) {
				withoutLonghorn(s)
				s.Usage = nil
				absent(facts.Prometheus)(s)
			},
			want:    noLonghorn(outcomes{"pvc-emptied": "skipped", "hub-db-volume-full": "skipped"}),
			summary: "nothing tells how much homes hold: there is neither Longhorn nor Prometheus",
		},
	},
}

// What homes hold is handed on for the history, and of which it must not forget
// what they held.
func TestPVCEmptiedSizes(t *testing.T) {
	s := healthy()
	both(shrunk(stopped, 35<<20), shrunk("claim-student-0002", 0))(s)
	suite, _ := NewSuite(nil, []string{"pvc-emptied"})
	sizes := Judge(suite, s)[0].Sizes
	// Of 11 homes two run and are measured by the kubelet too; one volume shows
	// nothing for a moment.
	if len(sizes) != 12 {
		t.Errorf("%d sizes: %v", len(sizes), sizes)
	}
	for _, size := range sizes {
		if size.Emptied != (size.ClaimUID == claimNamed(s, stopped).UID) || size.Bytes == 0 || (size.By == facts.SizeByKubelet) != (size.Inodes == 3500) {
			t.Errorf("%+v", size)
		}
	}
}

// A new ext4 of any size is near empty, once the kernel has filled its tables of
// inodes too (measured with mke2fs 1.47: journal and tables in MiB).
func TestNearEmpty(t *testing.T) {
	for gib, mib := range map[int64]int64{1: 51, 10: 261, 100: 2180, 1024: 17600} {
		if !nearEmpty(mib<<20, gib<<30) {
			t.Errorf("a new file system of %d GiB takes %d MiB", gib, mib)
		}
		if nearEmpty(gib<<30/10, gib<<30) {
			t.Errorf("%d GiB a tenth full count as empty", gib)
		}
	}
}

// The loss of 2023, as it looks when its first users have logged in: with the
// sizes of the day before, and to an audit that sees it for the first time. Once
// the homes are restored, nothing is left of it.
func TestPVCEmptiedNectar(t *testing.T) {
	stages := map[string]*facts.Snapshot{}
	incident := world.Nectar2023()
	for i := range incident.Stages {
		stages[incident.Stages[i].Name] = incident.Stages[i].Snapshot
	}
	world.Remember(stages["the-day-before"])
	known := stages["the-day-before"].Past
	found := known
	found.Sizes = maps.Clone(known.Sizes)
	suite, _ := NewSuite(nil, []string{"pvc-emptied"})
	for _, past := range []facts.Past{known, {}} {
		s := stages["users-log-in"]
		s.Past = past
		v := Judge(suite, s)[0]
		if v.Outcome != verdict.Fail || v.Severity != verdict.Critical || v.Count != 12 ||
			v.Summary != "12 homes lost what they held; 12 are on blank replicas that were made in place of lost ones" {
			t.Errorf("%s %s %d: %s", v.Outcome, v.Severity, v.Count, v.Summary)
		}
		for _, size := range v.Sizes {
			if p, ok := found.Sizes[size.SizeKey]; ok && size.Emptied {
				p.EmptiedAt, p.EmptiedBytes = s.Now, size.Bytes
				found.Sizes[size.SizeKey] = p
			}
		}
	}
	for name, want := range map[string]verdict.Outcome{"the-day-before": verdict.Pass, "third-worker": verdict.Pass, "records-removed": verdict.Pass, "all-clear": verdict.Pass} {
		s := stages[name]
		s.Past = known
		if name == "all-clear" {
			s.Past = found
		}
		if v := Judge(suite, s)[0]; v.Outcome != want {
			t.Errorf("%s: %s %s", name, v.Outcome, v.Summary)
		}
	}
}

// Blank replicas are told from rebuilt and upgraded ones by times alone.
func TestMadeBlank(t *testing.T) {
	made := world.Now
	set := func(created, healthy time.Duration) []replica.Judged {
		var replicas []replica.Judged
		for i := range time.Duration(2) {
			replicas = append(replicas, replica.Judged{LHReplica: &facts.LHReplica{Created: facts.At(made.Add(i * created)), HealthyAt: facts.At(made.Add(time.Hour + i*healthy))}})
		}
		return replicas
	}
	early := set(0, 0)
	early[1].HealthyAt = facts.At(made.Add(-time.Second))
	for name, c := range map[string]struct {
		replicas []replica.Judged
		want     bool
	}{
		"at one moment":               {set(0, 0), true},
		"ten seconds, a minute apart": {set(10*time.Second, time.Minute), true},
		"made one after the other":    {set(11*time.Second, 0), false},
		"healthy one after the other": {set(0, time.Minute+time.Second), false},
		"healthy before it was made":  {early, false},
		"one replica":                 {set(0, 0)[:1], false},
		"none":                        {nil, false},
	} {
		if at, got := madeBlank(c.replicas); got != c.want || got && !at.Equal(made) {
			t.Errorf("%s: %v at %v", name, got, at)
		}
	}
}

// BenchmarkPVCEmptied judges 110,000 homes that all have a past.
func BenchmarkPVCEmptied(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 20, Replicas: 3})
	world.Remember(s)
	suite, err := NewSuite(nil, []string{"pvc-emptied"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v := Judge(suite, s)[0]; v.Outcome != verdict.Pass || len(v.Sizes) != 110_000 {
			b.Fatalf("%s, %d sizes", v.Outcome, len(v.Sizes))
		}
	}
}
