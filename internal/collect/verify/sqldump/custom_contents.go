package sqldump

// maxEntries bounds the table of contents; a hub's has some 200 entries.
const maxEntries = 100_000

// readContents reads the table of contents.
func (a *archive) readContents() error {
	const what = "its table of contents"
	n, err := a.int(what)
	if err != nil {
		return err
	}
	if n < 0 || n > maxEntries {
		return corrupt("the table of contents of the dump has an impossible number of entries")
	}
	for range n {
		e, err := a.entry(what)
		if err != nil {
			return err
		}
		if e.id <= 0 || a.byID[e.id] != 0 {
			return corrupt("the table of contents of the dump has an entry with an impossible number")
		}
		a.entries = append(a.entries, e)
		a.byID[e.id] = len(a.entries)
	}
	return nil
}

// entry reads one entry, whose fields differ by version. Dumps before 1.10, of
// PostgreSQL 8.3 and older, are refused with the header.
func (a *archive) entry(what string) (e entry, err error) {
	number := func(to *int) {
		if err == nil {
			*to, err = a.int(what)
		}
	}
	var nothing string
	text := func(to *string) {
		if err == nil {
			*to, _, err = a.string(what)
		}
	}
	var hasData int
	number(&e.id)
	number(&hasData)
	text(&nothing) // the catalogue's oid
	text(&nothing) // the object's
	text(&e.tag)
	text(&e.desc)
	if a.version >= 11 {
		number(&e.section)
	}
	text(&e.sql)
	text(&nothing) // how to drop it
	text(&e.copy)
	text(&e.namespace)
	text(&nothing) // the tablespace
	if a.version >= 14 {
		text(&nothing) // the access method
	}
	if a.version >= 16 {
		var kind int
		number(&kind)
	}
	text(&nothing) // the owner
	var oids string
	text(&oids)
	if err != nil {
		return e, err
	}
	if hasData != 0 && hasData != 1 || e.section < 0 || e.section > sectionPostData || oids != "false" && oids != "true" {
		return e, corrupt("the table of contents of the dump has a broken entry")
	}
	e.hasData = hasData == 1
	if err := a.dependencies(what); err != nil {
		return e, err
	}
	return e, a.place(&e, what)
}

// dependencies passes the ids of the entries that one depends on.
func (a *archive) dependencies(what string) error {
	for {
		if _, present, err := a.string(what); err != nil || !present {
			return err
		}
	}
}

// place reads where an entry's data lie. A dump that was written into a pipe
// does not know.
func (a *archive) place(e *entry, what string) error {
	b, err := a.bytes(1+a.offsetSize, what)
	if err != nil {
		return err
	}
	e.state = b[0]
	for i := a.offsetSize; i > 0; i-- {
		e.offset = e.offset<<8 | int64(b[i])
	}
	if e.state < dataNotSet || e.state > dataNone || e.hasData && e.state == dataNone {
		return corrupt("the table of contents of the dump has a broken entry")
	}
	return nil
}
