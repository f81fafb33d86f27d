package verify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/collect/hubdb"
)

// identities are queries whose answers tell a database from every other one,
// however it is reached: through another name, a pooler or a tunnel. What a server
// does not know or does not tell to everybody is left out. A database that was
// made by copying a whole server's files may share the first; it is refused too.
var identities = map[string][]string{
	hubdb.PostgreSQL: {
		"SELECT concat('cluster ', s.system_identifier, ', database ', d.oid) FROM pg_catalog.pg_control_system() s, pg_catalog.pg_database d WHERE d.datname = current_database()",
		"SELECT concat('started ', extract(epoch FROM pg_postmaster_start_time()), ', database ', d.oid) FROM pg_catalog.pg_database d WHERE d.datname = current_database()",
	},
	hubdb.MySQL: {
		"SELECT concat('server ', @@server_uuid, ', schema ', lower(database()))",
		"SELECT concat('host ', @@hostname, ', port ', @@port, ', data ', @@datadir, ', schema ', lower(database()))",
	},
}

// identify asks all that an engine can be asked.
func identify(ctx context.Context, pool *sql.DB, engine string) (answers []string, err error) {
	for _, query := range identities[engine] {
		var answer sql.NullString
		if e := pool.QueryRowContext(ctx, query).Scan(&answer); e != nil {
			err = errors.Join(err, e)
		} else if answer.Valid {
			answers = append(answers, answer.String)
		}
	}
	if len(answers) > 0 {
		return answers, nil
	}
	return nil, errors.Join(err, errors.New("it does not tell which database it is"))
}

// identifying is how long it may take to ask one hub's database.
const identifying = 20 * time.Second

// audited tells whether the scratch database is that of a hub. Where a hub's
// database does not answer, nobody can say that it is not.
func (s *scratch) audited(ctx context.Context, of string, hubs []Audited) error {
	own, err := identify(ctx, s.pool, of)
	if err != nil {
		return fmt.Errorf("cannot be told from those of the hubs: %w", err)
	}
	for _, hub := range hubs {
		if where, err := hubdb.ParseURL(hub.Database.URL, hub.Database.BaseDir); err != nil || where.Engine != of {
			continue // one that cannot be parsed is not audited either
		}
		theirs, err := hub.identify(ctx, of)
		if err != nil {
			return fmt.Errorf("may be that of hub %q, which cannot be asked: %w", hub.Hub, err)
		}
		if slices.ContainsFunc(own, func(answer string) bool { return slices.Contains(theirs, answer) }) {
			return fmt.Errorf("is that of hub %q under another address: give one that nobody uses", hub.Hub)
		}
	}
	return nil
}

func (a *Audited) identify(ctx context.Context, engine string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, identifying)
	defer cancel()
	pool, err := hubdb.OpenServer(a.Database)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return identify(ctx, pool, engine)
}
