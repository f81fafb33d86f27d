package verify

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
)

// openSQLite reads an SQLite file, or what was put under the name of one, as
// the live one is read.
func (v *verifier) openSQLite(ctx context.Context, f *found) error {
	word, noLog, err := sqliteWord(f)
	if err != nil {
		return err
	}
	f.opened.Form, f.opened.NoLog = f.form(word), noLog
	if err := v.read(ctx, f.path, f); err != nil {
		return err
	}
	f.opened.Fault, f.opened.Detail = v.judge(f.opened.Content)
	return nil
}

// read fills in the content of an SQLite file.
func (v *verifier) read(ctx context.Context, path string, f *found) error {
	r, err := hubdb.Read(ctx, hubdb.Options{URL: path, BaseDir: v.dir})
	if err != nil {
		return unreadable("the copy was not read to the end: %s", strings.ReplaceAll(err.Error(), path, v.Copy.Name))
	}
	f.opened.Content = &facts.Hub{Database: r.Database, UsersRead: r.UsersRead, SpawnersRead: r.SpawnersRead, StatesRead: true,
		Users: r.Users, Spawners: r.Spawners, Servers: r.Servers}
	return nil
}

// sqliteWord names the file's form. One in WAL mode says so: what makes a copy
// properly (.backup, or a stopped hub) leaves no log beside it, and neither
// does what forgets the log (noLog). That it lacks rows is seen only beside the
// live one.
func sqliteWord(f *found) (word string, noLog bool, err error) {
	if f.kind != sqliteFile {
		return "", false, nil
	}
	file, err := os.Open(f.path)
	if err != nil {
		return "", false, fmt.Errorf("open the unpacked copy: %w", err)
	}
	defer file.Close()
	const modes = 18 // and 19: 2 for WAL, https://www.sqlite.org/fileformat2.html
	b := make([]byte, 2)
	if _, err := file.ReadAt(b, modes); err != nil || b[0] != 2 && b[1] != 2 {
		return f.what, false, nil // a shorter file is judged by the reader
	}
	if _, err := os.Stat(f.path + "-wal"); err == nil {
		return f.what + " with its write-ahead log", false, nil
	}
	return f.what + " in WAL mode", true, nil
}

// faults are the kinds of damage that make a copy bad, the most telling first.
// An integrity error in a file that is as long as it should be comes from
// copying it while it was written, unless its cause is known.
var faults = []struct {
	damage facts.DamageKind
	fault  facts.CopyFault
}{
	{facts.DamageZeroBytes, facts.CopyEmpty},
	{facts.DamageNotSQLite, facts.CopyNotDatabase},
	{facts.DamageTruncated, facts.CopyTruncated},
	{facts.DamageWALMissing, facts.CopyWALMissing},
	{facts.DamageIntegrity, facts.CopyTorn},
	{facts.DamageNoTables, facts.CopyEmpty},
	{facts.DamageTableMissing, facts.CopyCorrupt},
	{facts.DamageIndexStale, facts.CopyTorn},
}

// judge says what is wrong with a copy by what is wrong with the database in
// it. Rows that contradict each other are left to the checks: the live database
// may have them too.
func (v *verifier) judge(content *facts.Hub) (facts.CopyFault, string) {
	d := &content.Database
	for _, known := range faults {
		i := slices.IndexFunc(d.Damage, func(found facts.Damage) bool { return found.Kind == known.damage })
		if i < 0 {
			continue
		}
		damage := d.Damage[i]
		if damage.Kind == facts.DamageIndexStale && v.liveHas(damage.Kind) {
			continue // a faithful copy
		}
		return v.faultOf(content, damage, known.fault), damage.Message
	}
	if content.UsersRead != facts.Complete || content.SpawnersRead != facts.Complete {
		return facts.CopyCorrupt, fmt.Sprintf("its users could be read %s, its servers %s", howFar(content.UsersRead), howFar(content.SpawnersRead))
	}
	return "", ""
}

// faultOf is the fault that a damage shows, where there are several.
func (v *verifier) faultOf(content *facts.Hub, damage facts.Damage, usual facts.CopyFault) facts.CopyFault {
	d := &content.Database
	switch {
	case damage.Kind == facts.DamageNotSQLite && damage.Recoverable: // one whose beginning is overwritten
		return facts.CopyCorrupt
	case damage.Kind == facts.DamageIntegrity && (v.liveHas(damage.Kind) || strings.Contains(damage.Message, "filled with zeros")):
		return facts.CopyCorrupt
	case damage.Kind == facts.DamageTableMissing && !slices.ContainsFunc(hubTables, func(t string) bool { return slices.Contains(d.Tables, t) }):
		return facts.CopyNotDatabase
	}
	return usual
}

// hubTables are names of tables of which every hub's database has some.
var hubTables = []string{"users", "spawners", "servers", "alembic_version", "oauth_clients"}

// liveHas tells whether the hub's own database has a damage of that kind.
func (v *verifier) liveHas(kind facts.DamageKind) bool {
	return v.Live != nil && slices.ContainsFunc(v.Live.Database.Damage, func(d facts.Damage) bool { return d.Kind == kind })
}

func howFar(c facts.Completeness) string {
	switch c {
	case facts.Complete:
		return "in full"
	case facts.Partial:
		return "in part"
	}
	return "not at all"
}
