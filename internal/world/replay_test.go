package world_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/checks"
	"hubaudit/internal/collect"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

const testdata = "../../testdata"

// gather reads a committed stage as a run does. It is read from a copy: as in
// a fresh clone, all its files have just been modified.
func gather(t *testing.T, stage *world.Stage, folder string) (*config.Config, *facts.Snapshot) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(filepath.Join(dir, "hubaudit.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := collect.Gather(context.Background(), cfg, collect.Options{Now: stage.At, Clock: time.Now, Timeout: time.Minute})
	s.Sources = append(s.Sources, facts.Source{Name: facts.History, Status: facts.OK})
	return cfg, s
}

var incidents = sync.OnceValue(world.Incidents)

// TestRecordings reads each committed stage: a run must see exactly the facts
// that the stage is made of, and find in them exactly what the stage tells. How
// incidents open and resolve over the stages is tested where there is a history.
func TestRecordings(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, in which the race detector takes long and finds nothing")
	}
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, incident := range incidents() {
		var past facts.Past
		for n := range incident.Stages {
			stage := &incident.Stages[n]
			t.Run(incident.Name+"/"+incident.Folder(n), func(t *testing.T) {
				cfg, read := gather(t, stage, filepath.Join(testdata, incident.Name, incident.Folder(n)))
				expectWorld(t, stage.Snapshot, read)
				if n == 0 {
					world.Remember(read)
					past = read.Past
				}
				read.Past = past
				collect.OpenBackups(t.Context(), cfg, read, func(*facts.Hub) bool { return true })
				expectFinds(t, stage, checks.Judge(suite, read))
			})
		}
	}
}

func expectWorld(t *testing.T, world, read *facts.Snapshot) {
	t.Helper()
	want, got := *world, *read
	want.Sources, got.Sources = plain(want.Sources), plain(got.Sources)
	want.Longhorn.BackupVolumes = want.Longhorn.TellingBackupVolumes()
	if diff := cmp.Diff(&want, &got, asRead, ignoreMissingLonghorn(&want),
		cmpopts.IgnoreFields(facts.Database{}, "Modified"), cmpopts.IgnoreFields(facts.Backup{}, "Opened"), cmpopts.IgnoreFields(facts.BackupCopy{}, "SizeBytes")); diff != "" {
		t.Errorf("(-world +read):\n%s", diff)
	}
}

func ignoreMissingLonghorn(s *facts.Snapshot) cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool { return s.Longhorn.Namespace == "" && p.String() == "Longhorn.Namespace" }, cmp.Ignore())
}

func expectFinds(t *testing.T, stage *world.Stage, verdicts []verdict.Verdict) {
	t.Helper()
	found, unknown := map[string]int{}, []string{}
	for _, v := range verdicts {
		switch v.Outcome {
		case verdict.Fail:
			found[v.Check] = v.Count
		case verdict.Unknown:
			unknown = append(unknown, v.Check)
		}
	}
	want := maps.Clone(stage.Finds)
	if want["hub-user-id-changed"] > 0 { // it compares with who was there: that takes a history, without which the copy tells
		delete(want, "hub-user-id-changed")
		want["backup-restore-mismatch"] = 1
	}
	if diff := cmp.Diff(want, found, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("findings by check (-stage +judged):\n%s", diff)
	}
	if diff := cmp.Diff(stage.Unknown, unknown, cmpopts.EquateEmpty(), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("unknown checks (-stage +judged):\n%s", diff)
	}
}

// TestRecordingsAreFresh holds the committed files against what the generator
// writes: the same folders, the same text, and databases of the same facts.
func TestRecordingsAreFresh(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, in which the race detector takes long and finds nothing")
	}
	fresh := t.TempDir()
	for _, incident := range incidents() {
		if err := incident.Write(fresh); err != nil {
			t.Fatal(err)
		}
		want, have := filesOf(t, fresh, incident.Name), filesOf(t, testdata, incident.Name)
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("run go generate ./internal/world (-generated +committed):\n%s", diff)
		}
		for _, file := range want {
			if !sameContent(t, filepath.Join(fresh, file), filepath.Join(testdata, file)) {
				t.Errorf("%s is not what the generator writes: run go generate ./internal/world", file)
			}
		}
	}
}

// filesOf lists the files of an incident, without a history that a run left.
func filesOf(t *testing.T, root, incident string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(root, incident), func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && !strings.HasPrefix(entry.Name(), "history.db") {
			name, err := filepath.Rel(root, path)
			files = append(files, name)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sameContent compares two files by what they hold: an archive by its content,
// whatever compressed it, and a database by its statements and rows, whatever
// laid out its pages.
func sameContent(t *testing.T, a, b string) bool {
	t.Helper()
	first, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(first, second) || content(t, a) == content(t, b)
}
