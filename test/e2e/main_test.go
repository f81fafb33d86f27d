// Package e2e runs the real command on a real API server: objects are created
// as Kubernetes and Longhorn would have them, a hub's database and its backups
// lie in a folder, and what is compared is what an operator gets.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hubaudit/internal/world"
)

// binary is the command under test.
var binary string

// TestMain builds the command and sets the clock of all worlds.
//
// An API server says itself when an object was created: now. The checks judge
// by that, and leave what is new alone. So worlds are not of the day on which
// they usually are, but of noon of the day after tomorrow, and are audited as of
// that time: whatever is made here is then more than a day old, as in any hub.
func TestMain(m *testing.M) {
	world.Now = time.Now().UTC().Truncate(24 * time.Hour).Add(60 * time.Hour)
	dir, err := os.MkdirTemp("", "hubaudit-e2e-")
	if err == nil {
		binary = filepath.Join(dir, "audit")
		err = build(binary)
	}
	status := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		status = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

func build(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/audit")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the command: %w\n%s", err, out)
	}
	return nil
}
