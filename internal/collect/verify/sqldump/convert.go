package sqldump

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// convert makes a value what the scratch database keeps: what the live server
// would have told of it. ok is false for one that no server would take.
func (c *column) convert(v value, e encoding) (kept any, ok bool) {
	if v.null() {
		return nil, !c.notNull
	}
	switch c.kind {
	case kindAny:
		return keepAny(v)
	case kindInteger:
		n, err := strconv.ParseInt(string(v.text), 10, 64)
		return n, err == nil
	case kindBoolean:
		switch string(v.text) {
		case "t", "true", "1":
			return int64(1), true
		case "f", "false", "0":
			return int64(0), true
		}
		return nil, false
	case kindBits:
		return keepBits(v)
	case kindTime, kindTimeZone:
		return c.time(string(v.text))
	}
	s, ok := e.text(v.text)
	return s, ok && strings.IndexByte(s, 0) < 0
}

// keepAny keeps a value as SQLite had it.
func keepAny(v value) (any, bool) {
	switch v.kind {
	case blob:
		return v.text, true
	case number:
		if n, err := strconv.ParseInt(string(v.text), 10, 64); err == nil {
			return n, true
		}
		f, err := strconv.ParseFloat(string(v.text), 64)
		return f, err == nil || strings.Contains(string(v.text), "e999")
	}
	return string(v.text), true
}

func keepBits(v value) (any, bool) {
	if v.kind == bits || v.kind == text && strings.Trim(string(v.text), "01") == "" {
		n, err := strconv.ParseUint(string(v.text), 2, 63)
		return int64(n), err == nil
	}
	if v.kind == number {
		n, err := strconv.ParseInt(string(v.text), 10, 64)
		return n, err == nil
	}
	var n int64
	for _, b := range v.text {
		n = n<<8 | int64(b)
	}
	return n, len(v.text) <= 8
}

const serverTime = "2006-01-02 15:04:05"

// time checks a time, and brings one with a zone to UTC as reading from the
// server does.
func (c *column) time(s string) (any, bool) {
	switch {
	case s == "infinity", s == "-infinity", strings.HasSuffix(s, " BC"), strings.HasPrefix(s, "0000-00-00"):
		return s, true
	case c.kind == kindTime:
		_, err := time.Parse(serverTime, s)
		return s, err == nil
	}
	for _, zone := range []string{"-07", "-07:00", "-07:00:00", ""} {
		if t, err := time.Parse(serverTime+zone, s); err == nil {
			return t.UTC().Format(serverTime + ".999999"), true
		}
	}
	return nil, false
}

// encoding is the character set that a dump is written in.
type encoding byte

const (
	utf8Text encoding = iota
	latin1
	anyBytes // whatever programs wrote
	otherEncoding
)

// encodingOf reads a server's name for a character set.
func encodingOf(name string) encoding {
	switch strings.ToLower(strings.ReplaceAll(name, "-", "")) {
	case "utf8", "utf8mb3", "utf8mb4", "unicode", "ascii":
		return utf8Text
	case "sql_ascii", "binary":
		return anyBytes
	case "latin1", "iso88591":
		return latin1
	}
	return otherEncoding
}

// text decodes a string; false where it is none in that encoding.
func (e encoding) text(b []byte) (string, bool) {
	if e == anyBytes || e == utf8Text && utf8.Valid(b) {
		return string(b), true
	}
	if ascii(b) {
		return string(b), true
	}
	if e != latin1 {
		return "", false
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes), true
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
