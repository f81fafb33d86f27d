package config

import (
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Metrics says where numbers about the runs go.
type Metrics struct {
	// File is written in OpenMetrics after each run, for node_exporter's textfile
	// collector; its name must end in .prom.
	File string `yaml:"file"`
	// Pushgateway is the URL of one.
	Pushgateway  string `yaml:"pushgateway"`
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"passwordFile"`
	CAFile       string `yaml:"caFile"`
}

// Watch is how audit watch runs. Its flags come first.
type Watch struct {
	// Schedule is a cron line of five fields, or @every 15m.
	Schedule string `yaml:"schedule"`
	TimeZone string `yaml:"timeZone"`
	// Jitter delays each run by a random time up to this.
	Jitter time.Duration `yaml:"jitter"`
	// Listen is host:port of the metrics and the report, or ListenNone.
	Listen string `yaml:"listen"`
}

// ListenNone is the address at which audit watch serves nothing.
const ListenNone = "none"

// minEvery is the shortest distance of two runs.
const minEvery = time.Minute

// maxJitter is less than the distance of runs that anybody spreads.
const maxJitter = time.Hour

func (v *validator) metrics(m Metrics) {
	if m.File != "" && (filepath.Ext(m.File) != ".prom" || filepath.Base(m.File) == ".prom") {
		v.errorf("metrics.file", "%q must end in .prom, or node_exporter's textfile collector does not read it", m.File)
	}
	l := login{username: m.Username, password: m.Password, passwordFile: m.PasswordFile}
	v.access("metrics", l)
	if m.Pushgateway == "" {
		if l.given() || m.CAFile != "" {
			v.errorf("metrics", "there is a login or caFile, and no pushgateway to use it for")
		}
		return
	}
	u := v.serverURL("metrics.pushgateway", m.Pushgateway, "a Pushgateway, such as http://pushgateway.monitoring.svc:9091", []string{"/metrics", "/api/v1"})
	if l.given() {
		v.inClear("metrics.pushgateway", u, "the login")
	}
	v.certificates("metrics.caFile", m.CAFile, u)
}

func (v *validator) watch(w Watch) {
	v.zone("watch.timeZone", w.TimeZone)
	if w.Schedule != "" {
		v.runs(w)
	}
	if w.Jitter < 0 || w.Jitter >= maxJitter {
		v.errorf("watch.jitter", "must be less than %s, and not negative", maxJitter)
	}
	if w.Listen == "" || w.Listen == ListenNone {
		return
	}
	if _, port, err := net.SplitHostPort(w.Listen); err != nil || !isPort(port) && port != "0" {
		v.errorf("watch.listen", "%q is neither host:port, such as 127.0.0.1:9732, nor none", w.Listen)
	}
}

// runs looks at the schedule on which audit watch runs.
func (v *validator) runs(w Watch) {
	const key = "watch.schedule"
	text := strings.TrimSpace(w.Schedule)
	if _, zoned, ok := strings.Cut(text, "TZ="); ok {
		if w.TimeZone != "" {
			v.errorf("watch.timeZone", "the schedule names a time zone itself: take out one of the two")
		}
		name, rest, _ := strings.Cut(zoned, " ")
		v.zone(key, name)
		text = strings.TrimSpace(rest)
	}
	schedule, err := cron.ParseStandard(text)
	switch {
	case err != nil:
		v.errorf(key, "%q is not a cron schedule such as \"*/15 * * * *\", or @every 15m: %v", w.Schedule, err)
		return
	case schedule.Next(time.Unix(0, 0)).IsZero():
		v.errorf(key, "%q is never due: there is no such day", w.Schedule)
	}
	every, ok := schedule.(cron.ConstantDelaySchedule)
	switch {
	case !ok:
	case every.Delay < minEvery:
		v.errorf(key, "%q: there must be at least %s between two runs", w.Schedule, minEvery)
	case w.Jitter >= every.Delay:
		v.errorf("watch.jitter", "must be less than the %s between two runs", every.Delay)
	}
}
