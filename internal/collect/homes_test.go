package collect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// TestHomesAreListed gathers a hub whose homes share a claim, with the volume
// mounted, not mounted, and not configured.
func TestHomesAreListed(t *testing.T) {
	volume := t.TempDir()
	for _, name := range []string{"datahub/jane-2ddoe", "datahub/ann", "other"} {
		if err := os.MkdirAll(filepath.Join(volume, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		homes  string
		status facts.Status
		detail string
		names  []string
	}{
		{"{claim: homes, subPath: '{hubnamespace}/{username}', directory: " + volume + "}", facts.OK, "", []string{"datahub/ann", "datahub/jane-2ddoe"}},
		{"{claim: homes}", facts.Absent, "hub datahub has no kubespawner.homes.directory in the configuration", nil},
		{"{claim: homes, subPath: shared, directory: " + volume + "}", facts.Absent, `all servers of hub datahub mount the directory "shared"`, nil},
		{"{claim: homes, directory: gone}", facts.Failed, "cannot list the home directories in ", nil},
	} {
		s := gather(t, write(t, world.Healthy(world.Small), func(text string) string {
			return strings.Replace(text, "    backups:\n", "    kubespawner: {homes: "+c.homes+"}\n    backups:\n", 1)
		}))
		src := s.Source(facts.HomesSource("datahub"))
		if src.Status != c.status || !strings.HasPrefix(src.Detail, c.detail) || src.Items["directories"] != len(c.names) {
			t.Errorf("%s: %+v", c.homes, src)
		}
		if diff := cmp.Diff(c.names, s.Hubs[0].KubeSpawner.Homes.Names); diff != "" {
			t.Errorf("%s: directories (-want +got):\n%s", c.homes, diff)
		}
	}
}
