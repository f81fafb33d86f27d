package rescue

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// WriteSQL prints SQL that fills an empty database, which the hub's own version
// made on a PostgreSQL or MySQL server, with the plan's users and servers. d is
// that database, or the lost one of the same version: its engine and the
// columns of its tables are used. The SQL is one transaction that changes
// nothing if the database has users or servers, or if any part of it fails. It
// holds new cookie_ids, and so is as secret as the database.
func WriteSQL(w io.Writer, d *facts.Database, p *Plan) error {
	if err := writeSQL(w, d, p); err != nil {
		return fmt.Errorf("write the SQL of the rescue: %w", err)
	}
	return nil
}

func writeSQL(w io.Writer, d *facts.Database, p *Plan) error {
	e, ok := dialects[d.Engine]
	if !ok {
		return fmt.Errorf("there is none for the engine %q: SQL is for postgresql and mysql, for sqlite a new file is written", d.Engine)
	}
	if err := p.check(); err != nil {
		return err
	}
	if err := knownColumns(d); err != nil {
		return err
	}
	if d.Engine == "mysql" {
		if err := p.collide(); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(w)
	s := script{Writer: out, dialect: e, columns: d.Columns}
	s.write(p)
	return out.Flush() // tells of every earlier failure too
}

// knownColumns refuses a database whose columns the audit has not seen, or that
// has no table of servers.
func knownColumns(d *facts.Database) error {
	for table, needed := range map[string][]string{"users": {"id", "name", "cookie_id"}, "spawners": {"user_id", "name", "state"}} {
		for _, c := range needed {
			if !slices.Contains(d.Columns[table], c) {
				return fmt.Errorf("the database shows no column %s.%s: start a hub of version 0.8 or later once on an empty database, let the audit's user read it, and run again", table, c)
			}
		}
	}
	return nil
}

// collide refuses names that MySQL's and MariaDB's default collations take for
// one. Those that differ by accents alone the server refuses itself.
func (p *Plan) collide() error {
	seen := make(map[string]string, len(p.Users))
	var wrong []error
	for i := range p.Users {
		name := p.Users[i].Name
		key := strings.TrimRight(strings.ToLower(name), " ")
		if other, taken := seen[key]; taken {
			wrong = append(wrong, fmt.Errorf("the users %q and %q have one name under the case-insensitive collation of MySQL and MariaDB: "+
				"leave one out in the mapping file", other, name))
		}
		seen[key] = name
	}
	return errors.Join(wrong...)
}

// script writes SQL. Its writer remembers a failure.
type script struct {
	*bufio.Writer
	dialect
	columns map[string][]string
}

func (s *script) printf(format string, args ...any) { fmt.Fprintf(s, format, args...) }

func (s *script) write(p *Plan) {
	servers := 0
	for i := range p.Users {
		servers += len(p.Users[i].Servers)
	}
	s.printf("-- The users of the hub %q as audit rescue planned them: %d users, %d servers.\n", p.Hub, len(p.Users), servers)
	s.printf("-- The cookie_ids make this file as secret as the database itself: delete it when it is applied.\n")
	s.printf("-- Stop the hub first. %s\n", s.advice)
	s.printf("%s", s.begin)
	rows := s.table("users", userColumns)
	for i := range p.Users {
		u := &p.Users[i]
		rows.add(map[string]string{"id": fmt.Sprint(u.ID), "name": s.text(u.Name), "admin": boolean(u.Admin), "created": s.time(u.Created),
			"last_activity": s.time(u.LastActivity), "cookie_id": s.text(newCookie()), "state": "'{}'"})
	}
	rows.end()
	s.servers(p)
	s.printf(s.end, len(p.Users), servers)
}

func (s *script) servers(p *Plan) {
	rows := s.table("spawners", spawnerColumns)
	for i := range p.Users {
		u := &p.Users[i]
		for j := range u.Servers {
			server := &u.Servers[j]
			rows.add(map[string]string{"user_id": fmt.Sprint(u.ID), "name": s.text(server.Name), "state": s.nullable(server.state()),
				"last_activity": s.time(server.LastActivity)})
		}
	}
	rows.end()
}

// batch is how many rows one statement inserts: far below every limit of a
// statement's size.
const batch = 500

// inserts writes rows of one table.
type inserts struct {
	*script
	table   string
	columns []string
	rows    int
}

// table begins to insert rows with the columns of ours that the table has.
func (s *script) table(name string, ours []string) *inserts {
	has := func(c string) bool { return !slices.Contains(s.columns[name], c) }
	return &inserts{script: s, table: name, columns: slices.DeleteFunc(slices.Clone(ours), has)}
}

func (i *inserts) add(literals map[string]string) {
	if i.rows%batch == 0 {
		i.end()
		i.printf("INSERT INTO %s (%s) VALUES\n(", i.table, strings.Join(i.columns, ", "))
	} else {
		i.printf(",\n(")
	}
	for n, c := range i.columns {
		if n > 0 {
			i.printf(", ")
		}
		i.printf("%s", literals[c])
	}
	i.printf(")")
	i.rows++
}

// end ends the statement that was begun.
func (i *inserts) end() {
	if i.rows > 0 {
		i.printf(";\n")
	}
}

func boolean(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

func (d *dialect) nullable(s string) string {
	if s == "" {
		return "NULL"
	}
	return d.text(s)
}

// text is a literal that means the same whatever a session's settings of quotes,
// backslashes and character sets: plain only for harmless characters, else hexadecimal.
func (d *dialect) text(s string) string {
	if strings.Trim(s, harmless) == "" {
		return "'" + s + "'"
	}
	return fmt.Sprintf(d.hex, s)
}

const harmless = `abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:_-+@{}"`

func (d *dialect) time(t time.Time) string {
	if t.IsZero() {
		return "NULL"
	}
	return "'" + t.UTC().Format(d.timeForm) + "'"
}
