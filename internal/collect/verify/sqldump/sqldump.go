// Package sqldump reads what pg_dump, mysqldump, mariadb-dump and the sqlite
// shell write.
package sqldump
