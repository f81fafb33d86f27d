// Package layout holds the repository's shape: which package may know which.
// docs/architecture.md draws the same picture.
package layout

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "hubaudit/"

// allowed has, for each package, the packages of this module that it may
// import. A package that is not listed here fails the test: decide where it
// stands first.
var allowed = map[string][]string{
	"internal/facts":                  {},
	"internal/verdict":                {"internal/facts"},
	"internal/text":                   {},
	"internal/kubespawner":            {},
	"internal/attribution":            {"internal/facts", "internal/kubespawner"},
	"internal/prediction":             {"internal/facts", "internal/kubespawner", "internal/attribution", "internal/copies"},
	"internal/replica":                {"internal/facts", "internal/lhsetting", "internal/text"},
	"internal/copies":                 {"internal/facts", "internal/replica"},
	"internal/lhsetting":              {},
	"internal/schedule":               {},
	"internal/silence":                {"internal/text", "internal/verdict"},
	"internal/objecturl":              {"internal/text"},
	"internal/backups":                {"internal/facts", "internal/copies", "internal/lhsetting", "internal/schedule"},
	"internal/drain":                  {"internal/facts", "internal/attribution", "internal/replica", "internal/copies", "internal/lhsetting", "internal/text"},
	"internal/rescue":                 {"internal/facts", "internal/kubespawner", "internal/attribution", "internal/prediction", "internal/text"},
	"checks":                          {"internal/facts", "internal/verdict", "internal/attribution", "internal/kubespawner", "internal/prediction", "internal/replica", "internal/copies", "internal/lhsetting", "internal/schedule", "internal/backups", "internal/text"},
	"internal/checkdoc":               {"checks", "internal/facts", "internal/verdict", "internal/text"},
	"internal/config":                 {"internal/facts", "internal/kubespawner", "internal/objecturl", "internal/schedule", "internal/text", "internal/verdict"},
	"internal/collect/nobody":         {}, // for tests
	"internal/collect/source":         {"internal/facts"},
	"internal/collect/hubdb":          {"internal/facts", "internal/collect/source"},
	"internal/collect/web":            {},
	"internal/collect/hubapi":         {"internal/facts", "internal/collect/source", "internal/collect/web"},
	"internal/collect/prometheus":     {"internal/facts", "internal/collect/source", "internal/collect/web"},
	"internal/collect/kube/object":    {},
	"internal/collect/kube":           {"internal/facts", "internal/collect/source", "internal/collect/kube/object"},
	"internal/collect/longhorn":       {"internal/facts", "internal/collect/source", "internal/collect/kube", "internal/collect/kube/object"},
	"internal/collect/dump":           {"internal/facts", "internal/collect/source", "internal/collect/kube", "internal/collect/kube/object", "internal/collect/longhorn"},
	"internal/collect/backup":         {"internal/facts", "internal/objecturl", "internal/collect/source", "internal/collect/web"},
	"internal/collect/verify":         {"internal/facts", "internal/collect/source", "internal/collect/hubdb", "internal/collect/verify/sqldump"},
	"internal/collect/verify/sqldump": {"internal/facts"},
	"internal/collect/homes":          {"internal/facts", "internal/collect/source"},
	"internal/collect": {"internal/facts", "internal/config", "internal/kubespawner", "internal/collect/source", "internal/collect/hubdb", "internal/collect/hubapi", "internal/collect/prometheus", "internal/collect/kube",
		"internal/collect/longhorn", "internal/collect/dump", "internal/collect/backup", "internal/collect/homes", "internal/collect/verify"},
	"internal/history":  {"internal/facts", "internal/verdict"},
	"notify":            {"internal/verdict", "internal/text", "internal/kubespawner"},
	"notify/notifytest": {},
	"report":            {"internal/verdict", "internal/facts", "internal/prediction", "internal/rescue", "internal/drain", "internal/text"},
	"internal/audit": {"checks", "internal/collect", "internal/config", "internal/facts", "internal/history", "internal/silence", "internal/text", "internal/verdict",
		"notify", "report"},
	"internal/watch": {"internal/text", "internal/verdict", "report"},
	"cmd/audit": {"checks", "internal/audit", "internal/attribution", "internal/prediction", "internal/rescue", "internal/drain", "internal/checkdoc", "internal/collect/hubdb", "internal/config", "internal/facts",
		"internal/history", "internal/silence", "internal/text", "internal/verdict", "internal/watch", "report"},
	"internal/world":          {"internal/facts", "internal/kubespawner"},
	"internal/world/generate": {"internal/world"},
	"internal/layout":         {},
}

// only lists dependencies that belong into certain folders and nowhere else.
var only = map[string][]string{
	"k8s.io/":                          {"internal/collect/"},
	"database/sql":                     {"internal/collect/hubdb", "internal/collect/verify", "internal/history", "internal/rescue", "internal/world"},
	"modernc.org/sqlite":               {"internal/collect/hubdb", "internal/collect/verify", "internal/history", "internal/rescue", "internal/world"},
	"github.com/jackc/pgx/":            {"internal/collect/hubdb", "internal/collect/verify/sqldump", "internal/history"},
	"github.com/go-sql-driver/mysql":   {"internal/collect/hubdb", "internal/collect/verify/sqldump"},
	"github.com/slack-go/slack":        {"notify"},
	"github.com/PagerDuty/":            {"notify"},
	"github.com/wneessen/go-mail":      {"notify"},
	"github.com/emersion/":             {"notify/notifytest"},
	"github.com/aws/":                  {"internal/collect/backup"},
	"github.com/Azure/":                {"internal/collect/backup"},
	"google.golang.org/api/":           {"internal/collect/backup"},
	"github.com/spf13/cobra":           {"cmd/audit"},
	"github.com/rs/zerolog":            {"cmd/audit", "internal/audit", "internal/watch"},
	"net/http":                         {"internal/collect/", "internal/watch", "notify"},
	"github.com/go-json-experiment/":   {"internal/collect/", "report"},
	"golang.org/x/text/":               {"checks", "internal/rescue"},
	"github.com/google/go-cmp":         {},
	"github.com/rogpeppe/go-internal/": {},
}

// pure packages do no input or output and read no clock.
var pure = []string{"internal/facts", "internal/verdict", "internal/objecturl", "internal/kubespawner", "internal/attribution", "internal/replica", "internal/copies", "internal/lhsetting", "internal/schedule", "internal/silence", "internal/backups", "internal/drain", "checks", "internal/text"}

var impure = []string{"os", "os/exec", "io/fs", "io/ioutil", "net", "net/http", "database/sql", "context", "syscall", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand"}

type pkg struct {
	ImportPath, Dir  string
	Imports, GoFiles []string
}

func packages(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "./...")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	found := map[string]pkg{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		found[strings.TrimPrefix(p.ImportPath, module)] = p
	}
	if len(found) < 10 {
		t.Fatalf("go list found only %d packages", len(found))
	}
	return found
}

func TestImports(t *testing.T) {
	for name, p := range packages(t) {
		may, listed := allowed[name]
		if !listed {
			t.Errorf("%s is not in the picture: add it to allowed, and to docs/architecture.md", name)
		}
		for _, own := range may {
			if !slices.Contains(p.Imports, module+own) {
				t.Errorf("%s does not import %s any more: take it out of allowed", name, own)
			}
		}
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok && !slices.Contains(may, own) {
				t.Errorf("%s must not import %s", name, own)
			}
			for dependency, folders := range only {
				if matches(imp, dependency) && !slices.ContainsFunc(folders, func(f string) bool { return strings.HasPrefix(name+"/", f) }) {
					t.Errorf("%s must not import %s: only %v may", name, imp, folders)
				}
			}
			if slices.Contains(pure, name) && slices.Contains(impure, imp) {
				t.Errorf("%s is pure and must not import %s", name, imp)
			}
		}
	}
}

// matches tells whether an import is the dependency or, if that ends in a
// slash, one below it.
func matches(imp, dependency string) bool {
	return imp == dependency || strings.HasSuffix(dependency, "/") && strings.HasPrefix(imp, dependency)
}

// TestFactsNeedOnlyTheStandardLibrary keeps the contract small enough for anybody.
func TestFactsNeedOnlyTheStandardLibrary(t *testing.T) {
	for _, imp := range packages(t)["internal/facts"].Imports {
		if strings.Contains(imp, ".") || strings.HasPrefix(imp, module) {
			t.Errorf("internal/facts imports %s", imp)
		}
	}
}

// clocks are the packages that may read the wall clock: where time comes in,
// and where waiting is against a real other side.
var clocks = []string{"cmd/audit", "internal/collect/kube", "internal/collect/longhorn", "internal/collect/hubdb", "internal/collect/hubapi", "internal/collect/dump",
	"internal/history", "notify", "notify/notifytest"}

func TestSources(t *testing.T) {
	for name, p := range packages(t) {
		documented := false
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || f.Doc != nil
			if !slices.Contains(clocks, name) && readsClock(f) {
				t.Errorf("%s/%s reads the wall clock: take the time as an argument", name, file)
			}
		}
		if !documented && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", name)
		}
	}
}

func readsClock(f *ast.File) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if ok {
			x, isIdent := sel.X.(*ast.Ident)
			found = found || isIdent && x.Name == "time" && (sel.Sel.Name == "Now" || sel.Sel.Name == "Since" || sel.Sel.Name == "Until")
		}
		return !found
	})
	return found
}

// sleepers are the files whose tests may sleep, and why.
var sleepers = map[string]string{
	"internal/history/process_test.go": "kills a process at a random moment; nothing is expected to have happened by then",
}

// TestNoTestSleeps: a test that waits for time to pass is slow and lies on a
// busy machine.
func TestNoTestSleeps(t *testing.T) {
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		if name, err := filepath.Rel(filepath.Join("..", ".."), path); err != nil || sleepers[filepath.ToSlash(name)] != "" {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && sel.Sel.Name == "Sleep" {
					t.Errorf("%s sleeps: wait for the condition itself", path)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
