package checks

import (
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/verdict"
)

// measuredHomes finds what is known of how much is on a claim.
type measuredHomes struct {
	in    *Input
	usage map[claimKey]*facts.Usage
}

func (in *Input) measuredHomes() *measuredHomes {
	m := &measuredHomes{in: in, usage: make(map[claimKey]*facts.Usage, len(in.Usage))}
	for i := range in.Usage {
		u := &in.Usage[i]
		m.usage[claimKey{u.Namespace, u.Claim}] = u
	}
	return m
}

// home is a claim with what it holds now, and what it held.
type home struct {
	in       *Input
	claim    *facts.Claim
	lh       *replica.Volume // nil for other storage
	now, was sizes
}

// sizes are how much a home holds, by who measured; the zero value of one that
// was not to be had.
type sizes struct{ kubelet, longhorn facts.PastSize }

func (s *sizes) by(by string) *facts.PastSize {
	if by == facts.SizeByKubelet {
		return &s.kubelet
	}
	return &s.longhorn
}

var measures = []string{facts.SizeByKubelet, facts.SizeByLonghorn}

func (m *measuredHomes) of(c *facts.Claim) *home {
	h := &home{in: m.in, claim: c}
	if v := m.in.lhVolume(c); v != nil {
		h.lh = m.in.volumeNamed(v.Name)
	}
	if u := m.usage[claimKey{c.Namespace, c.Name}]; u != nil && u.UsedBytes > 0 && (u.Inodes == 0 || u.InodesUsed > 0) {
		h.now.kubelet = facts.PastSize{Bytes: u.UsedBytes, At: m.in.Now}
		if u.Inodes > 0 {
			h.now.kubelet.Inodes = u.InodesUsed
		}
	}
	if h.lh != nil && (h.sizeTells() || h.hollow()) {
		h.now.longhorn = facts.PastSize{Bytes: h.lh.ActualBytes, At: m.in.Now}
	}
	for _, by := range measures {
		*h.was.by(by) = m.in.Past.Sizes[facts.SizeKey{ClaimUID: c.UID, By: by}]
	}
	return h
}

// sizeTells tells whether Longhorn's size of the volume is that of its data. Of a
// volume made from a backup it is the backup's, counted in larger blocks; it is 0
// for a moment while a volume is attached.
func (h *home) sizeTells() bool {
	v := h.lh.LHVolume
	return v.ActualBytes > 0 && v.FromBackup == "" && h.in.finished(v) && (v.State == "attached" || v.State == "detached")
}

// hollow tells whether the volume certainly has nothing in it.
func (h *home) hollow() bool {
	_, hollow := madeHollow(h.lh)
	return hollow && h.in.finished(h.lh.LHVolume)
}

// appendSizes adds what the home holds to a list for the history.
func (h *home) appendSizes(to []verdict.Size, emptied bool) []verdict.Size {
	for _, by := range measures {
		if s := h.now.by(by); !s.At.IsZero() {
			to = append(to, verdict.Size{SizeKey: facts.SizeKey{ClaimUID: h.claim.UID, By: by}, Bytes: s.Bytes, Inodes: s.Inodes, Emptied: emptied})
		}
	}
	return to
}

// emptiedAt is when an earlier run first found the home emptied, zero if none
// did.
func (h *home) emptiedAt() time.Time {
	k, l := h.was.kubelet.EmptiedAt, h.was.longhorn.EmptiedAt
	if k.IsZero() || earlier(l, k) {
		return l
	}
	return k
}

// left is what a measure shows of the home: now, or in the run that found it
// emptied, which is what is judged until somebody accepts.
func (h *home) left(by string) (facts.PastSize, bool) {
	if p := h.was.by(by); !p.EmptiedAt.IsZero() {
		return facts.PastSize{Bytes: p.EmptiedBytes, Inodes: p.EmptiedInodes, At: p.EmptiedAt}, true
	}
	s := h.now.by(by)
	return *s, !s.At.IsZero()
}

// held is what a measure showed when the home was last in order.
func (h *home) held(by string) (facts.PastSize, bool) {
	p := h.was.by(by)
	return *p, !p.At.IsZero()
}

// isBack tells whether a home that was emptied holds about what it held again, by
// a measure that showed the loss.
func (h *home) isBack() bool {
	for _, by := range measures {
		now, held := h.now.by(by), h.was.by(by)
		lost := &facts.PastSize{Bytes: held.EmptiedBytes, Inodes: held.EmptiedInodes}
		if !now.At.IsZero() && !held.At.IsZero() && !held.EmptiedAt.IsZero() && !asMuch(lost, held) && asMuch(now, held) {
			return true
		}
	}
	return false
}

// asMuch tells whether a home holds at least about as much as it held.
func asMuch(now, held *facts.PastSize) bool {
	return now.Bytes >= held.Bytes/5*4 && now.Inodes >= held.Inodes/5*4
}
