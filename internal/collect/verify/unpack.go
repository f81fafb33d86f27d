package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

const (
	// maxLayers is how often a copy may be packed in one another.
	maxLayers = 6
	// maxFound is how many databases and dumps of one archive are looked at.
	maxFound = 50
)

// found is a database or a dump, unpacked into the private folder.
type found struct {
	// name is the path in the archive, "" for the copy itself.
	name     string
	path     string
	modified time.Time
	layers   []string // what it was packed in, the outermost first
	content
	// loaded is the scratch file that a dump was loaded into.
	loaded string
	// opened is what opening it showed.
	opened facts.Opened
}

// form is what was found, in words.
func (f *found) form(last string) string {
	words := f.layers
	if last != "" {
		words = append(words[:len(words):len(words)], last)
	}
	return strings.Join(words, ", ")
}

// held is what an archive holds that matters.
type held struct {
	databases []*found
	beside    map[string]string // the private files of -wal, -journal and -shm, by name
	entries   int               // how many files there are of any kind
	first     string            // the first of them
	layers    []string
	closed    string // why something in it cannot be opened, "" if nothing is like that
	servers   string // why only a server could, "" if it could be anybody
}

// unpacker takes one copy apart.
type unpacker struct {
	*verifier
	ctx  context.Context
	room int64 // how much may still be written
	held
}

// sidecars are the endings of files that belong to an SQLite file beside them.
var sidecars = []string{"-wal", "-journal", "-shm"}

// unpackFile takes a fetched copy apart and removes it. fault is what is wrong
// with the packing: what could be got out nevertheless is in held.
func (v *verifier) unpackFile(ctx context.Context, fetched string) (*held, *faultError, error) {
	file, err := os.Open(fetched)
	if err != nil {
		return nil, nil, fmt.Errorf("open the fetched copy: %w", err)
	}
	defer file.Close()
	u := &unpacker{verifier: v, ctx: ctx, room: v.MaxBytes, held: held{beside: map[string]string{}}}
	head, err := io.ReadAll(io.LimitReader(file, headSize))
	if err != nil {
		return nil, nil, fmt.Errorf("read the fetched copy: %w", err)
	}
	c := sniff(head)
	switch c.kind {
	case packed, tarArchive:
		if _, err = file.Seek(0, io.SeekStart); err == nil {
			err = u.unpack(local{ctx, file}, "", time.Time{}, nil)
		}
	case zipArchive:
		err = u.unzip(file)
	default: // it is the database or dump itself
		f := &found{path: fetched, content: c}
		if c.kind == sqliteFile {
			err = v.bringBeside(ctx, fetched)
		}
		return &held{databases: []*found{f}}, nil, err
	}
	var fault *faultError
	if err != nil && !errors.As(err, &fault) {
		return nil, nil, err
	}
	return &u.held, fault, remove(fetched)
}

// refuse says that content cannot be opened.
func (v *verifier) refuse(c content, layers []string) error {
	return skipped("the copy %q was not tested: in the form %q %s", v.Copy.Name, strings.Join(append(layers, c.what), ", "), c.why)
}

// unpack looks at what r gives, whatever its name, and takes it apart. The
// name is that in an archive.
func (u *unpacker) unpack(r io.Reader, name string, modified time.Time, layers []string) error {
	in := bufio.NewReaderSize(r, headSize)
	head, err := in.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return err
	}
	c := sniff(head)
	layers = layers[:len(layers):len(layers)]
	u.layers = layers
	if len(layers) > maxLayers {
		return skipped("the copy %q is packed more than %d times over: %s", u.Copy.Name, maxLayers, strings.Join(layers, ", "))
	}
	switch c.kind {
	case packed:
		return u.inflate(in, c, name, modified, layers)
	case tarArchive:
		return u.untar(in, append(layers, c.what))
	case zipArchive:
		c.kind, c.why = closed, "the audit unpacks that only where it is the outermost"
		fallthrough
	case closed:
		if name == "" {
			return u.refuse(c, layers)
		}
		u.closed = fmt.Sprintf("%q in the form %q: %s", name, strings.Join(append(layers, c.what), ", "), c.why)
		return drain(in)
	}
	if c.kind == other && name != "" && !u.looksLikeDatabase(name) {
		return drain(in)
	}
	return u.keep(in, &found{name: name, modified: modified, layers: layers, content: c})
}

func (u *unpacker) inflate(in io.Reader, c content, name string, modified time.Time, layers []string) error {
	layers = append(layers, c.what)
	u.layers = layers
	plain, end, err := c.open(in)
	defer end()
	out := &decoded{r: plain, what: c.what, left: u.MaxBytes, most: u.MaxBytes}
	if err != nil {
		return out.broken(err)
	}
	if err := u.unpack(out, name, modified, layers); err != nil {
		return err
	}
	return drain(out) // its checksum comes last
}

// keep writes a database or a dump into the private folder, also where its
// packing turns out to be broken.
func (u *unpacker) keep(in io.Reader, f *found) error {
	if len(u.databases) == maxFound {
		return skipped("the copy %q holds more than %d databases and dumps: keep the hub's in a copy of its own", u.Copy.Name, maxFound)
	}
	f.path = u.newFile()
	u.databases = append(u.databases, f)
	return u.write(f.path, in)
}

func (u *unpacker) write(path string, in io.Reader) error {
	n, err := writeFile(path, &reading{ctx: u.ctx, r: io.LimitReader(in, u.room+1)})
	if u.room -= n; u.room < 0 {
		return skipped("the copy %q unpacks to more than the %s that are read at most: raise maxBytes of this backup, and the room for temporary files with it",
			u.Copy.Name, bytesOf(u.MaxBytes))
	}
	return err
}

// databaseNames end the names of databases and dumps. A file of such a name is
// looked at whatever is in it.
var databaseNames = []string{".sqlite", ".sqlite3", ".db", ".sql", ".dump", ".pgdump"}

func (u *unpacker) looksLikeDatabase(name string) bool {
	for _, ending := range databaseNames {
		if strings.HasSuffix(strings.ToLower(name), ending) {
			return true
		}
	}
	return path.Base(name) == u.liveName()
}

// liveName is the name of the hub's own file, "" where it has none.
func (v *verifier) liveName() string {
	if v.Live == nil || v.Live.Database.Engine != "sqlite" || v.Live.Database.Location == "" {
		return ""
	}
	return path.Base(v.Live.Database.Location)
}
