package rescue

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"hubaudit/internal/text"
)

// WriteProposal writes a mapping file: the decisions already made, and one for
// everything that is left out without one. Those with something to propose are
// ready to be read through; the others are commented out, with the candidates.
func (p *Plan) WriteProposal(w io.Writer, made *Mapping) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# Decisions for `audit rescue --mapping`, hub %s.\n", text.Name(p.Hub))
	fmt.Fprint(b, "# Read every one: what is proposed is likely, not certain. Uncomment and correct the others.\n")
	fmt.Fprint(b, "# Keys: claim, namespace, user, server, id, admin, leaveOut. docs/rescue.md describes them.\n")
	if made != nil && len(made.Decisions)+len(made.Rules) > 0 {
		fmt.Fprint(b, "\n# Decided before.\n")
		for i := range made.Rules {
			made.Rules[i].write(b, "")
		}
		for i := range made.Decisions {
			made.Decisions[i].write(b, "")
		}
	}
	p.writeRule(b)
	written := map[Decision]bool{}
	for i := range p.LeftOut {
		l := &p.LeftOut[i]
		if l.Decided || l.Proposal != nil && written[*l.Proposal] {
			continue
		}
		p.writeLeftOut(b, l)
		if l.Proposal != nil {
			written[*l.Proposal] = true
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write the proposed mapping: %w", err)
	}
	return nil
}

// writeRule offers one rule for all names of 2016 and 2017 that are open.
func (p *Plan) writeRule(w io.Writer) {
	if n := p.Lossy(); n > 1 {
		fmt.Fprintf(w, "\n# The names of %s of 2016 and 2017 are open. Where you KNOW that every hyphen of them was\n", text.Count(n, "claim"))
		fmt.Fprint(w, "# the same character, this decides all at once; what is decided on one claim outweighs it:\n")
		(&HyphenRule{Claims: claimsOfRule, Hyphen: cmp.Or(p.Hyphen, ".")}).write(w, "# ")
	}
}

const claimsOfRule = "claim-*"

func (p *Plan) writeLeftOut(w io.Writer, l *LeftOut) {
	what := "user " + text.Name(l.User)
	if l.Claim != "" {
		what = l.Claim
		if !l.Created.IsZero() {
			what += ", created " + day(l.Created)
		}
	}
	fmt.Fprintf(w, "\n# %s: %s\n", what, text.Clean(l.Why))
	if len(l.Candidates) > 1 {
		shown := make([]string, len(l.Candidates))
		for i, c := range l.Candidates {
			shown[i] = strconv.Quote(c)
		}
		fmt.Fprintf(w, "# candidates: %s\n", text.Clean(strings.Join(shown, ", ")))
	}
	if l.Hint != "" {
		fmt.Fprintf(w, "# %s is the likeliest: %s\n", text.Clean(strconv.Quote(l.Candidates[0])), text.Clean(l.Hint))
	}
	if l.Proposal != nil {
		l.Proposal.write(w, "")
		return
	}
	d := Decision{Claim: l.Claim, User: "FILL IN", Server: l.Server}
	if l.Namespace != p.Namespace {
		d.Namespace = l.Namespace
	}
	if len(l.Candidates) > 0 {
		d.User = l.Candidates[0]
	}
	d.write(w, "# ")
}

// write writes a decision as an item of a YAML list. Go's quoted text is YAML's
// where it holds no broken UTF-8, which no name here does.
func (d *Decision) write(w io.Writer, comment string) {
	lead := "- "
	line := func(key, value string) {
		fmt.Fprintf(w, "%s%s%s: %s\n", comment, lead, key, value)
		lead = "  "
	}
	for _, f := range []struct{ key, value string }{{"claim", d.Claim}, {"namespace", d.Namespace}, {"user", d.User}, {"server", d.Server}} {
		if f.value != "" {
			line(f.key, strconv.Quote(f.value))
		}
	}
	if d.ID != 0 {
		line("id", strconv.FormatInt(d.ID, 10))
	}
	if d.Admin != nil {
		line("admin", strconv.FormatBool(*d.Admin))
	}
	if d.LeaveOut {
		line("leaveOut", "true")
	}
}
