package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/verdict"
)

// The longest patience: what fails for longer than that must be told of.
const (
	maxPatienceRuns = 100
	maxPatience     = 7 * 24 * time.Hour
)

var inRuns = regexp.MustCompile(`^([0-9]{1,9}) +runs?$`)

// ParsePatience reads how long a check must fail until an incident opens: "3
// runs" in a row, or a duration such as "30m". Empty is at once.
func ParsePatience(text string) (verdict.Patience, error) {
	if text == "" {
		return verdict.Patience{}, nil
	}
	if m := inRuns.FindStringSubmatch(strings.TrimSpace(text)); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil || n < 1 || n > maxPatienceRuns {
			return verdict.Patience{}, fmt.Errorf("%q: write 1 to %d runs", text, maxPatienceRuns)
		}
		return verdict.Patience{Runs: n}, nil
	}
	d, err := time.ParseDuration(strings.TrimSpace(text))
	switch {
	case err != nil:
		return verdict.Patience{}, fmt.Errorf("%q is neither a number of runs, such as \"3 runs\", nor a duration, such as 30m", text)
	case d < 0 || d > maxPatience:
		return verdict.Patience{}, fmt.Errorf("%q: write a duration of at most %dh", text, int(maxPatience.Hours()))
	}
	return verdict.Patience{For: d.Truncate(time.Second)}, nil
}

// Patience is how long a check must fail for a hub until an incident opens. A
// check of the cluster has the hub "".
func (c *Config) Patience(check, hub string) verdict.Patience {
	text := c.Checks[check].For
	for i := range c.Hubs {
		if own := c.Hubs[i].Checks[check].For; c.Hubs[i].Name == hub && own != "" {
			text = own
		}
	}
	p, _ := ParsePatience(text) // was valid when the file was read
	return p
}
