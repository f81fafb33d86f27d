package hubdb_test

import (
	"strings"
	"testing"

	"hubaudit/internal/collect/hubdb"
)

// TestPasswords gives passwords with every special character in every way.
func TestPasswords(t *testing.T) {
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			database := loadHub(t, d)
			for i, password := range []string{readerPassword, `it's "quoted" \ and = spaced `, "%41", "a&b?c=d", "${HOME}", "пароль"} {
				alter := "ALTER ROLE reader PASSWORD " + quoted(password)
				if d.Engine == "mysql" {
					alter = "ALTER USER reader@'%' IDENTIFIED BY " + quoted(strings.ReplaceAll(password, `\`, `\\`))
				}
				d.Exec(t, "", alter)
				inURL := d.URL(drivers[d.Engine], reader, password, database)
				without := d.URL(drivers[d.Engine], reader, "", database)
				asOption := d.URL(drivers[d.Engine], reader, "wrong", database, "password="+strings.SplitN(strings.SplitN(inURL, reader+":", 2)[1], "@", 2)[0])
				for _, o := range []hubdb.Options{{URL: inURL}, {URL: inURL, Password: "wrong"}, {URL: without, Password: password}, {URL: asOption}} {
					r, err := hubdb.Read(t.Context(), o)
					if err != nil || len(r.Users) != dumped[d.Engine] || strings.Contains(r.Database.Location, ":"+password) {
						t.Errorf("password %d: %v, %d users at %s", i, err, len(r.Users), r.Database.Location)
					}
				}
				wantFailure(t, without, password, "forbidden", "password")
			}
		})
	}
}
