package watch

import (
	"errors"
	"sync"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// status is what the loop tells the HTTP server.
type status struct {
	clock  func() time.Time
	guides map[string]verdict.Guide
	*meters

	mu       sync.Mutex
	last     *rendered // nil until a run has been judged
	schedule Schedule
	jitter   time.Duration
	since    time.Time // when the schedule was taken over
	beatAt   time.Time // of the loop's last look at the clock
	due      time.Time
	begun    time.Time // of the run in progress; zero if there is none
	limit    time.Duration
	ended    int       // runs
	trouble  error     // of the last run that ended
	troubled time.Time // when that began
	refused  error     // of the last reload
	refusal  time.Time
	stopping bool
}

func newStatus(o Options) *status {
	return &status{clock: o.Clock, guides: o.Guides, meters: newMeters(), schedule: o.Job.Schedule, jitter: o.Job.Jitter, beatAt: o.Clock()}
}

// beats notes that the loop goes round, and when the next run is due.
func (s *status) beats(due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beatAt, s.due = s.clock(), due
	s.nextRun.Set(float64(due.Unix()))
}

// begins notes the start of a run.
func (s *status) begins(job Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.limit = s.clock(), job.Limit
}

// publish renders a finished run and shows it from now on.
func (s *status) publish(run *verdict.Run) error {
	r, err := render(run, s.guides)
	if err != nil {
		return err
	}
	r.numbers, err = report.Metrics(run, nil) // without them there is still a page
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = r
	return err
}

// ends notes how a run ended, and says so in a word.
func (s *status) ends(err error) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	result := resultFailed
	if s.last != nil && !s.last.at.Before(s.begun.Truncate(time.Second)) {
		result = resultIncomplete
		if s.last.complete && err == nil {
			result = resultComplete
		}
	}
	if result == resultFailed && err == nil {
		err = errors.New("it gave no report")
	}
	s.trouble, s.troubled = err, s.begun
	s.begun = time.Time{}
	s.ended++
	s.runs.WithLabelValues(result).Inc()
	return result
}

// reloaded notes whether a new configuration was taken over.
func (s *status) reloaded(job Job, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	s.refused, s.refusal = err, now
	s.countReload(err == nil, now)
	if err == nil {
		s.schedule, s.jitter, s.since = job.Schedule, job.Jitter, now
	}
}

// stops notes that no run will follow.
func (s *status) stops() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// stuckAfter is for how long the loop may not have looked at the clock, and a run
// may go on after it was stopped at its limit.
const stuckAfter = 3 * beat

// stuck says why the process does not do its work, "" if it does.
func (s *status) stuck() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stuckNow(s.clock())
}

func (s *status) stuckNow(now time.Time) string {
	switch {
	case s.stopping:
		return ""
	case now.Sub(s.beatAt) > stuckAfter:
		return "the loop that starts runs has stood still since " + clockTime(s.beatAt)
	case !s.begun.IsZero() && now.Sub(s.begun) > s.limit+stuckAfter:
		return "the run that began at " + clockTime(s.begun) + " hangs"
	}
	return ""
}

// unready says why there is nothing to see here yet, "" if there is.
func (s *status) unready() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return "it is being stopped"
	case s.ended == 0:
		return "the first run has not ended yet"
	}
	return ""
}

// stale tells whether the report is older than two periods of the schedule, those
// of another schedule not counted.
func (s *status) stale(now time.Time) bool {
	from := s.last.at
	if s.since.After(from) {
		from = s.since
	}
	return now.After(s.schedule.Next(s.schedule.Next(from)).Add(s.jitter))
}
