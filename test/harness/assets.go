package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// assets is the folder of binaries and CRDs. The build that makes it is instant
// when it has run before; else its progress is on stderr.
var assets = sync.OnceValues(func() (string, error) {
	script, err := buildScript()
	if err != nil {
		return "", err
	}
	build := exec.Command(script)
	build.Stderr = os.Stderr
	folder, err := build.Output()
	if err != nil {
		return "", fmt.Errorf("building the control plane with %s: %w", script, err)
	}
	return strings.TrimSpace(string(folder)), nil
})

// buildScript finds cluster/build in a folder above the one tests run in, which
// is their package's.
func buildScript() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the control plane's build: %w", err)
	}
	for parent := filepath.Dir(dir); parent != dir; dir, parent = parent, filepath.Dir(parent) {
		script := filepath.Join(dir, "cluster", "build")
		if info, err := os.Stat(script); err == nil && info.Mode().IsRegular() {
			return script, nil
		}
	}
	return "", errors.New("looking for the control plane's build: no folder above this one has cluster/build")
}
