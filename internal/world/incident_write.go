package world

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// Folder is the name of a stage's folder in its incident's.
func (i *Incident) Folder(stage int) string {
	return fmt.Sprintf("%02d-%s", stage+1, i.Stages[stage].Name)
}

// Write writes the incident into its folder in dir: for each stage the hub's
// database, the cluster's dump, the backups and a configuration that reads
// them, and a README.md. Stages that are there already are replaced.
func (i *Incident) Write(dir string) error {
	root := filepath.Join(dir, i.Name)
	for n := range i.Stages {
		if err := i.writeStage(filepath.Join(root, i.Folder(n)), &i.Stages[n]); err != nil {
			return fmt.Errorf("write stage %s of %s: %w", i.Folder(n), i.Name, err)
		}
	}
	return os.WriteFile(filepath.Join(root, "README.md"), []byte(i.readme()), 0o644)
}

func (i *Incident) writeStage(dir string, stage *Stage) error {
	if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	hub := stage.Snapshot.Hubs[0]
	schema := cmp.Or(stage.Schema, i.Schema)
	if err := WriteDatabase(filepath.Join(dir, "jupyterhub.sqlite"), hub, schema); err != nil {
		return err
	}
	if err := WriteDump(filepath.Join(dir, "dump"), stage.Snapshot); err != nil {
		return err
	}
	good := *i.Stages[0].Snapshot.Hubs[0] // what it was before the accident
	if i.Sound {
		good = *hub
	}
	good.Backups = hub.Backups
	if err := WriteBackups(filepath.Join(dir, "backups"), &good, schema); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "hubaudit.yaml"), []byte(i.config(stage, hub)), 0o644)
}

func (i *Incident) config(stage *Stage, hub *facts.Hub) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, %s.\n", i.Title, strings.ReplaceAll(stage.Name, "-", " "))
	fmt.Fprintf(&b, "# A recording: run it with --at %s\n", stage.At.Format(time.RFC3339))
	fmt.Fprintf(&b, "hubs:\n  - name: %s\n    namespace: %s\n", hub.Name, hub.Namespace)
	fmt.Fprintf(&b, "    database: sqlite:///jupyterhub.sqlite\n")
	k := hub.KubeSpawner
	fmt.Fprintf(&b, "    kubespawner:\n")
	if k.TemplateSet {
		fmt.Fprintf(&b, "      version: %s\n      pvcNameTemplate: %q\n", k.Version, k.PVCNameTemplate)
	}
	fmt.Fprintf(&b, "      slugScheme: %s\n      rememberPVCName: %t\n", k.SlugScheme, k.RememberPVCName)
	fmt.Fprintf(&b, "    backups:\n")
	for _, backup := range hub.Backups {
		fmt.Fprintf(&b, "      - name: %s\n        files: %s\n        schedule: %q\n        maxAge: %s\n",
			backup.Name, backup.Location, backup.Schedule, backup.MaxAge)
	}
	fmt.Fprintf(&b, "cluster:\n  dump: dump\nhistory: sqlite:../history.db\n")
	return b.String()
}

func (i *Incident) readme() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\nWritten by `go generate ./internal/world`; do not edit.\n\n## Stages\n", i.Title, i.Story)
	fmt.Fprintf(&b, "\nEach folder is what a run would have seen: `audit now --config FOLDER/hubaudit.yaml --at TIME`.\n")
	if len(i.Stages) > 1 {
		b.WriteString("Run in order, they share `history.db` beside them, and incidents open and resolve as they did.\n")
	}
	for n := range i.Stages {
		stage := &i.Stages[n]
		fmt.Fprintf(&b, "\n### %s\n\n", i.Folder(n))
		fmt.Fprintf(&b, "`--at %s`", stage.At.Format(time.RFC3339))
		if i.Zone != time.UTC {
			fmt.Fprintf(&b, " (%s)", stage.At.In(i.Zone).Format("2 January 2006, 15:04 MST"))
		}
		fmt.Fprintf(&b, "\n\n%s\n\n%s\n", stage.Story, mustFind(stage))
	}
	if len(i.Liberties) > 0 {
		b.WriteString("\n## Liberties\n\n")
		for _, l := range i.Liberties {
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	return b.String()
}

func mustFind(stage *Stage) string {
	if len(stage.Finds) == 0 {
		return "Must find nothing."
	}
	text := "Must find, and nothing else (check and number of findings):\n"
	for _, check := range slices.Sorted(maps.Keys(stage.Finds)) {
		text += fmt.Sprintf("\n- `%s`: %d", check, stage.Finds[check])
	}
	if len(stage.Unknown) > 0 {
		text += "\n\nCannot be told, so must be unknown: `" + strings.Join(stage.Unknown, "`, `") + "`."
	}
	return text
}
