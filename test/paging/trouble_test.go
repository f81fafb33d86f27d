package paging

import (
	"bytes"
	"os"
	"time"
)

// What may be wrong with the history in a step.
const (
	historyLost = "it is not to be found, and something else is in its place"
	historyFull = "its disk is full"
	historyHeld = "another process holds it for a moment"
)

// startTrouble begins what is wrong with the history in a step. Nothing is, while there is none.
func (s *story) startTrouble() (end func()) {
	// Whether there is a history is up to the machine; how many choices are made is not.
	n, percent := s.random.IntN(100), s.random.IntN(100)
	switch {
	case !s.ledger.exists() || n >= 12 && s.trouble != historyLost:
		s.trouble = ""
	case n < 5 || s.trouble == historyLost && n < 50:
		s.trouble = historyLost
	case n < 8 && !s.ledger.postgres:
		s.trouble = historyFull
	default:
		s.trouble = historyHeld
	}
	if s.trouble == "" {
		return func() {}
	}
	countFault("the history: " + s.trouble)
	s.note("    the history: %s", s.trouble)
	switch s.trouble {
	case historyLost:
		s.blind[s.step] = true
		return s.loseHistory(percent < 30)
	case historyFull:
		s.blind[s.step] = true
		return func() {}
	}
	return s.ledger.hold(time.Duration(20+percent) * time.Millisecond)
}

// loseHistory has the audit find something else where its history was, a folder or a file.
func (s *story) loseHistory(folder bool) (end func()) {
	if s.ledger.postgres {
		s.site.nowhere = "postgresql://auditor@localhost:1/hubaudit" // where nobody listens
		s.write()
		return func() {
			s.site.nowhere = ""
			s.write()
		}
	}
	file, other := s.ledger.file, []byte("another application's file\n")
	must(s.T, os.Rename(file, file+".away"))
	if folder {
		must(s.T, os.Mkdir(file, 0o700))
	} else {
		must(s.T, os.WriteFile(file, other, 0o600))
	}
	return func() {
		if data, err := os.ReadFile(file); !folder && (err != nil || !bytes.Equal(data, other)) {
			s.failf("another application's file was changed: %v", err)
		}
		must(s.T, os.Remove(file))
		must(s.T, os.Rename(file+".away", file))
	}
}

// forgotten tells whether a message is of a run that no history remembers. Such a
// run tells everybody of all that fails.
func (s *story) forgotten(m *message) bool {
	if _, recorded := s.model.runs[m.run]; recorded || m.run.IsZero() || !s.blind[m.step] {
		return false
	}
	found := s.site.truth(s.policy, nil, m.run)[m.key]
	if m.over() || m.key.check != unsent && found.outcome != fail {
		s.failf("%s was told %q of %s by a run without a history, which found out %+v", m.receiver, m.kind, m.key, found)
	}
	return true
}
