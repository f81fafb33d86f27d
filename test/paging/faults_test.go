package paging

import (
	"os"
	"path/filepath"
	"slices"
)

// What may be wrong with a receiver for some steps. None of it keeps a run waiting.
const (
	answers503  = "it answers 503, retry after 10 minutes"
	answers429  = "it answers 429, retry after 15 minutes"
	answers404  = "it answers 404"
	answers403  = "it answers 403"
	putsOff     = "it puts mails off with 451"
	refuses     = "it refuses mails with 550"
	refusesOne  = "it refuses one of the recipients"
	noFolder    = "its folder is gone"
	folderThere = "a folder stands in its place"
	diskFull    = "its disk is full"
	noSecret    = "its secret cannot be read"
)

var (
	answers = map[string]act{answers503: {status: 503, retryAfter: 600}, answers429: {status: 429, retryAfter: 900},
		answers404: {status: 404}, answers403: {status: 403}}
	faultsOfServers = []string{answers503, answers429, answers404, answers403, noSecret}
	faultsOfMail    = []string{putsOff, refuses, refusesOne, noSecret}
	faultsOfFiles   = []string{noFolder, folderThere, diskFull}
)

// plan says what goes wrong with the receivers in a step.
func (s *story) plan() {
	for _, name := range allReceivers {
		switch {
		case s.standing[name] == "" && s.chance(4):
			s.breakReceiver(name)
		case s.standing[name] != "" && s.chance(35):
			s.mend(name)
			s.note("    %s is well again", name)
		}
		if g := s.site.gates[name]; g != nil {
			g.plan(nil)
		}
	}
	servers := slices.DeleteFunc(slices.Clone(allReceivers), func(r string) bool { return r == toFile })
	if n := s.random.IntN(100); n < 45 {
		name := pick(s, servers)
		when, request := pick(s, killTimes), pick(s, []int{0, 0, 0, 1, 1, 2, 3, 5, 8})
		if name == toMail && (when == killTaken || when == killAfter) {
			request = whenTaken
		}
		s.site.gates[name].plan(map[int]act{request: {kill: when}})
		s.note("    a kill waits at request %d of %s, %s", request, name, when)
	} else if n < 48 {
		s.loseAnswer(pick(s, servers))
	}
}

func (s *story) loseAnswer(name string) {
	request := 0
	if name == toMail {
		request = whenTaken
	}
	s.site.gates[name].plan(map[int]act{request: {lost: true}})
	countFault("an answer is lost")
	s.note("    an answer of %s is lost", name)
}

func (s *story) breakReceiver(name string) {
	how := ""
	switch name {
	case toMail:
		how = pick(s, faultsOfMail)
	case toFile:
		how = pick(s, faultsOfFiles)
	default:
		how = pick(s, faultsOfServers)
	}
	s.afflict(name, how)
	countFault("a receiver: " + how)
	s.note("    %s from now on: %s", name, how)
}

// afflict makes something wrong with a receiver, mend makes all of it right.
func (s *story) afflict(name, how string) {
	s.mend(name)
	s.standing[name] = how
	s.refused[name] = s.refused[name] || slices.Contains([]string{answers404, answers403, refuses, noFolder, folderThere, noSecret}, how)
	file := s.site.file
	switch how {
	case noSecret:
		s.site.noSecret[name] = true
		s.write()
	case noFolder:
		must(s.T, os.Rename(filepath.Dir(file), filepath.Dir(file)+".away"))
	case folderThere:
		must(s.T, os.Rename(file, file+".away"))
		must(s.T, os.Mkdir(file, 0o700))
	case putsOff:
		s.site.mail.Refuse(onCall, 451)
		s.site.mail.Refuse(deputy, 451)
	case refuses:
		s.site.mail.Refuse(onCall, 550)
		s.site.mail.Refuse(deputy, 550)
	case refusesOne:
		s.site.mail.Refuse(pick(s, []string{onCall, deputy}), 550)
	case diskFull: // see limits
	default:
		s.site.gates[name].stand(answers[how])
	}
}

func (s *story) mend(name string) {
	file := s.site.file
	switch s.standing[name] {
	case noSecret:
		delete(s.site.noSecret, name)
		s.write()
	case noFolder:
		must(s.T, os.Rename(filepath.Dir(file)+".away", filepath.Dir(file)))
	case folderThere:
		must(s.T, os.Remove(file))
		must(s.T, os.Rename(file+".away", file))
	case putsOff, refuses, refusesOne:
		s.site.mail.Refuse(onCall, 0)
		s.site.mail.Refuse(deputy, 0)
	default:
		if g := s.site.gates[name]; g != nil {
			g.stand(act{})
		}
	}
	delete(s.standing, name)
}

// limits are how long files may be that a process writes, in blocks of 512 bytes, 0 for as long as it
// likes: a disk that is full for the receiver's file, or for the history too.
func (s *story) limits() int {
	percent := s.random.IntN(100)
	switch {
	case s.trouble == historyFull:
		info, err := os.Stat(s.ledger.file)
		must(s.T, err)
		const least = 128 // room for what the audit copies
		return least + max(0, int(info.Size()/512)-least)*percent/100
	case s.standing[toFile] == diskFull:
		info, err := os.Stat(s.site.file)
		must(s.T, err)
		return int(info.Size()/512) + 1 + percent%4
	}
	return 0
}
