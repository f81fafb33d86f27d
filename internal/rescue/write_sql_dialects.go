package rescue

// dialect is what differs between engines.
type dialect struct {
	// advice ends the sentence that tells how to apply the SQL.
	advice string
	// hex is the format of a literal of any text; begin and end are what surrounds
	// the rows, with the numbers of users and servers in end.
	hex, begin, end string
	// timeForm is of the time package: MySQL would round a fraction up.
	timeForm string
}

// dialects by facts.Database.Engine.
var dialects = map[string]dialect{
	"postgresql": {
		advice:   "Then: psql --set=ON_ERROR_STOP=1 --file=THIS DATABASE",
		hex:      "convert_from(decode('%x', 'hex'), 'UTF8')",
		begin:    beginPostgres,
		end:      endPostgres,
		timeForm: "2006-01-02 15:04:05.000000",
	},
	"mysql": {
		advice:   "Then: mysql --default-character-set=utf8mb4 DATABASE < THIS",
		hex:      "CONVERT(0x%x USING utf8mb4)",
		begin:    beginMySQL,
		end:      endMySQL,
		timeForm: "2006-01-02 15:04:05",
	},
}

// PostgreSQL ends a transaction in which anything failed without a change,
// whatever the client does after it.
const beginPostgres = `BEGIN;
LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE;
DO $hubaudit$
BEGIN
  IF EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM spawners) THEN
    RAISE EXCEPTION 'this database has users or servers already: nothing is written; use an empty one';
  END IF;
END
$hubaudit$;
`

// Roles are assigned by what the database has: the audit's own user may not see
// these tables. Where there are no roles yet, the hub assigns them.
const endPostgres = `DO $hubaudit$
BEGIN
  IF (SELECT count(*) FROM users) <> %d OR (SELECT count(*) FROM spawners) <> %d THEN
    RAISE EXCEPTION 'not every row was written: nothing is';
  END IF;
  PERFORM setval(pg_get_serial_sequence('users', 'id'), (SELECT max(id) FROM users));
  IF to_regclass('user_role_map') IS NULL THEN
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('user_role_map') AND attname = 'managed_by_auth' AND NOT attisdropped) THEN
    INSERT INTO user_role_map (user_id, role_id, managed_by_auth) SELECT u.id, r.id, FALSE FROM users u JOIN roles r ON ` + ofRole + `;
  ELSE
    INSERT INTO user_role_map (user_id, role_id) SELECT u.id, r.id FROM users u JOIN roles r ON ` + ofRole + `;
  END IF;
END
$hubaudit$;
COMMIT;
`

// A client that goes on after an error must not commit a part: the last
// statement is a COMMIT only if every row is there. A prepared statement that is
// none fails, and the server's message shows it. Inserting an id moves
// AUTO_INCREMENT on.
const beginMySQL = `SET SESSION sql_mode = 'STRICT_ALL_TABLES';
SET @hubaudit_empty = FALSE;
START TRANSACTION;
SET @hubaudit_empty = NOT EXISTS (SELECT 1 FROM users) AND NOT EXISTS (SELECT 1 FROM spawners);
SET @hubaudit = IF(@hubaudit_empty, 'DO 0', 'this database has users or servers already: nothing is written');
PREPARE hubaudit FROM @hubaudit;
`

const endMySQL = `SET @hubaudit = IF((SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'user_role_map') = 0, 'DO 0',
  IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'user_role_map' AND column_name = 'managed_by_auth') = 0,
    "INSERT INTO user_role_map (user_id, role_id) SELECT u.id, r.id FROM users u JOIN roles r ON ` + ofRole + `",
    "INSERT INTO user_role_map (user_id, role_id, managed_by_auth) SELECT u.id, r.id, FALSE FROM users u JOIN roles r ON ` + ofRole + `"));
PREPARE hubaudit FROM @hubaudit;
EXECUTE hubaudit;
SET @hubaudit = IF(@hubaudit_empty AND (SELECT COUNT(*) FROM users) = %d AND (SELECT COUNT(*) FROM spawners) = %d, 'COMMIT', 'not every row was written: nothing is');
PREPARE hubaudit FROM @hubaudit;
EXECUTE hubaudit;
ROLLBACK;
`
