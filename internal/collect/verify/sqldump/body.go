package sqldump

import (
	"bytes"
	"strings"
)

// atomicBody tells whether a semicolon stands inside a trigger's or function's
// body. Such bodies hold statements with semicolons, and end with "; END".
type atomicBody struct {
	searched int
	is       bool
}

func (b *atomicBody) open(d *dialect, text []byte) bool {
	const start, word = "CREATE ", "BEGIN ATOMIC"
	if len(text) < len(start) || !strings.EqualFold(string(text[:len(start)]), start) {
		return false
	}
	switch {
	case d == sqlite && b.searched == 0:
		words := strings.Fields(strings.ToUpper(string(text[:min(len(text), 64)])))
		b.is = len(words) > 2 && (words[1] == "TRIGGER" || strings.HasPrefix(words[1], "TEMP") && words[2] == "TRIGGER")
	case d == postgres && !b.is:
		b.is = bytes.Contains(bytes.ToUpper(text[max(0, b.searched-len(word)):]), []byte(word))
	}
	b.searched = len(text)
	if !b.is {
		return false
	}
	rest := bytes.TrimRight(text, " \n\t\r")
	if len(rest) < 3 || !strings.EqualFold(string(rest[len(rest)-3:]), "END") {
		return true
	}
	return !bytes.HasSuffix(bytes.TrimRight(rest[:len(rest)-3], " \n\t\r"), []byte(";"))
}
