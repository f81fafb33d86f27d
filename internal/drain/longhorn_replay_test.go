package drain

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
)

// recordedCluster is one of testdata/longhorn, described in the README there.
type recordedCluster struct {
	Policy  string
	Switch  bool
	Nodes   []string
	Volumes []string
}

func recordedClusters(t testing.TB) (all []recordedCluster) {
	f, err := os.Open("testdata/longhorn/clusters.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(z); d.More(); {
		var c recordedCluster
		if err := d.Decode(&c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// snapshot shows the cluster as the collector would find it under a version.
func (c *recordedCluster) snapshot(version string) *facts.Snapshot {
	s := &facts.Snapshot{Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}
	for _, name := range []string{facts.KubeNodes, facts.KubeDisruptionBudgets, facts.LonghornInstanceManagers, facts.LonghornReplicas, facts.LonghornSettings,
		facts.LonghornVolumes, facts.LonghornNodes} {
		s.Sources = append(s.Sources, facts.Source{Name: name, Status: facts.OK})
	}
	s.Longhorn.Namespace, s.Longhorn.Version = "longhorn-system", "v"+version
	s.Longhorn.Settings = map[string]string{lhsetting.NodeDrainPolicy: c.Policy, lhsetting.LegacyDrainPolicy: fmt.Sprint(c.Switch)}
	v, _ := lhsetting.ParseVersion(version)
	for i, n := range c.Nodes {
		name := fmt.Sprintf("n%d", i)
		kube, managers, _ := strings.Cut(n, ":")
		if kube != "g" {
			s.Kube.Nodes = append(s.Kube.Nodes, facts.Node{Name: name, Ready: "True", Unschedulable: kube == "c"})
		}
		for j, m := range strings.Split(managers, ",") {
			if m != "" && (m[1] == '1' || v.AtLeast(1, 6, 0)) {
				addManager(s, v, name, fmt.Sprintf("im-%s-%d", name, j), m)
			}
		}
	}
	for i, volume := range c.Volumes {
		engine, replicas, _ := strings.Cut(volume, ":")
		name := fmt.Sprintf("v%d", i)
		if engine[0] != '!' {
			lh := facts.LHVolume{Name: name, DataEngine: lhsetting.V1, State: "detached", Robustness: "unknown", WantReplicas: 3}
			if v.AtLeast(1, 6, 0) {
				lh.DataEngine = "v" + engine
			}
			s.Longhorn.Volumes = append(s.Longhorn.Volumes, lh)
		}
		for j, r := range strings.Split(replicas, ",") {
			s.Longhorn.Replicas = append(s.Longhorn.Replicas, recordedReplica(fmt.Sprintf("%s-r-%d", name, j), name, r, s.Now))
		}
	}
	return s
}

func addManager(s *facts.Snapshot, v lhsetting.Version, node, name, m string) {
	state := map[byte]string{'r': "running", 'e': "error", 'u': "unknown", 's': "starting"}[m[0]]
	add := func(name, kind string) {
		s.Longhorn.InstanceManagers = append(s.Longhorn.InstanceManagers, facts.LHInstanceManager{Name: name, NodeID: node, Type: kind, DataEngine: "v" + m[1:2], State: state})
		if m[3] == 'y' {
			s.Kube.DisruptionBudgets = append(s.Kube.DisruptionBudgets, facts.DisruptionBudget{Namespace: s.Longhorn.Namespace, Name: name})
		}
	}
	if v.AtLeast(1, 5, 0) {
		add(name, "aio")
		return
	}
	add(name, "replica")
	add(name+"-e", "engine")
}

func recordedReplica(name, volume, r string, now time.Time) facts.LHReplica {
	o := facts.LHReplica{Name: name, Volume: volume, NodeID: "n" + r[:1], DiskID: "disk-" + r[:1], Active: true,
		State: map[byte]string{'r': "running", 'e': "error", 'u': "unknown", 's': "stopped"}[r[2]]}
	if strings.Contains("hfd", r[1:2]) {
		o.HealthyAt = facts.At(now.Add(-time.Hour))
	}
	if strings.Contains("fn", r[1:2]) {
		o.FailedAt = facts.At(now.Add(-time.Minute))
	}
	if r[1] == 'd' {
		o.Deleting = facts.At(now)
	}
	return o
}

// TestGuardAgreesWithLonghorn holds the model against what Longhorn's own code
// decided about thousands of clusters. What it did at all must be among what
// the model thinks possible, and where the model is sure, that is what it did.
func TestGuardAgreesWithLonghorn(t *testing.T) {
	clusters := recordedClusters(t)
	recordings, err := filepath.Glob("testdata/longhorn/*.txt")
	if err != nil || len(recordings) < 10 {
		t.Fatalf("%d recordings: %v", len(recordings), err)
	}
	for _, path := range recordings {
		version := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(version, func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			answers := strings.ReplaceAll(string(text), "\n", "")
			if len(answers) != len(clusters) {
				t.Fatalf("%d answers for %d clusters", len(answers), len(clusters))
			}
			sure, wrong, foreign := 0, 0, 0
			for i := range clusters {
				guard := longhornGuard(clusters[i].snapshot(version))
				if guard.unknown != "" {
					if clusters[i].Policy != "block-for-eviction" {
						t.Fatalf("cluster %d: %s", i, guard.unknown)
					}
					foreign++ // the version's admission webhook refuses the value
					continue
				}
				got := guard.answer("n0", &state{})
				did := outcome(answers[i] - 'a' + 1)
				if did&^got != 0 {
					if wrong++; wrong <= 5 {
						t.Errorf("cluster %d %+v: Longhorn %03b, the model %03b", i, clusters[i], did, got)
					}
				}
				if got == lets || got == holds || got == fails {
					sure++
				}
			}
			if wrong > 0 {
				t.Errorf("%d of %d are wrong", wrong, len(clusters))
			}
			if judged := len(clusters) - foreign; sure < judged*9/10 {
				t.Errorf("the model is sure of only %d of %d", sure, judged)
			}
			t.Logf("%d clusters, sure of %d", len(clusters)-foreign, sure)
		})
	}
}
