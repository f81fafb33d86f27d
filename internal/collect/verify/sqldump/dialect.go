package sqldump

import "strings"

// dialect is how a kind of dump writes SQL.
type dialect struct {
	// backslash: strings have escapes with a backslash.
	backslash bool
	// doubleQuoted: "…" is a string, not a name.
	doubleQuoted bool
	// backtick and bracket: names are also written `…` and […].
	backtick, bracket bool
	// dollar: strings are also written $tag$…$tag$.
	dollar bool
	// nested: comments nest, and a semicolon in brackets ends nothing.
	nested bool
	// conditional: comments that begin with /*! are read as statements.
	conditional bool
	// meta: lines that begin with a backslash are for the client.
	meta bool
	// anyType: a column may hold values of any type.
	anyType bool
	// verbs are the words that statements of such a dump begin with. Others do
	// not occur: where one is found, a byte is wrong.
	verbs map[string]bool
	// special are the bytes at which a statement may end or become something else.
	special [256]bool
	// ends are what such a dump has near its end.
	ends []string
}

var (
	postgres = newDialect(dialect{dollar: true, nested: true, meta: true, ends: []string{"database dump complete", "cluster dump complete"}},
		"ALTER ANALYZE BEGIN COMMENT COMMIT COPY CREATE DELETE DROP GRANT INSERT REFRESH RESET REVOKE SECURITY SELECT SET START UPDATE WITH DO")
	mySQL = newDialect(dialect{backslash: true, doubleQuoted: true, backtick: true, conditional: true, ends: []string{"-- Dump completed", "SET SQL_NOTES=@OLD_SQL_NOTES"}},
		"ALTER BEGIN CHANGE COMMIT CREATE DELETE DROP FLUSH GRANT INSERT INSTALL LOCK REPLACE RENAME SELECT SET START STOP TRUNCATE UNLOCK USE ANALYZE EXECUTE PREPARE DEALLOCATE")
	sqlite = newDialect(dialect{backtick: true, bracket: true, anyType: true, ends: []string{"COMMIT;", "ROLLBACK;"}},
		"ANALYZE BEGIN COMMIT CREATE DELETE INSERT PRAGMA ROLLBACK UPDATE")
)

func newDialect(d dialect, verbs string) *dialect {
	d.verbs = map[string]bool{}
	for verb := range strings.FieldsSeq(verbs) {
		d.verbs[verb] = true
	}
	special := `';"-/`
	for c, is := range map[string]bool{"`": d.backtick, "[": d.bracket, "$": d.dollar, "()": d.nested, "#": d.conditional} {
		if is {
			special += c
		}
	}
	for _, c := range []byte(special) {
		d.special[c] = true
	}
	return &d
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWord tells bytes of names and keywords.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c >= 0x80
}
