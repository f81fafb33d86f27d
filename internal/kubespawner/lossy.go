package kubespawner

import (
	"strconv"
	"strings"
)

// claimPrefix begins every claim that a default template ever rendered.
const claimPrefix = "claim-"

// Lossy is the user name as KubeSpawner up to 0.5 (2016 to mid-2017) wrote it
// into a claim's name: lower case, every character outside a-z and 0-9 a
// hyphen. Different names can have the same Lossy form: it tells who may own a
// claim, not who does.
func Lossy(username string) string {
	var b strings.Builder
	b.Grow(len(username))
	for _, r := range username {
		c, combining := lower(r)
		if c == 0 {
			c = '-'
		}
		b.WriteByte(c)
		if combining {
			b.WriteByte('-')
		}
	}
	return b.String()
}

// LossyClaim is the claim name of those versions: claim-<lossy>-<users.id>.
func LossyClaim(username string, id int64) string {
	return claimPrefix + Lossy(username) + "-" + strconv.FormatInt(id, 10)
}

// ParseLossyClaim takes a claim name of the form claim-<lossy>-<id> apart. It
// tells only that the name has this form: claim-ann-7 may as well be a claim
// of a user ann-7 in another scheme.
func ParseLossyClaim(claim string) (lossy string, id int64, ok bool) {
	rest, found := strings.CutPrefix(claim, claimPrefix)
	dash := strings.LastIndexByte(rest, '-')
	if !found || dash < 0 {
		return "", 0, false
	}
	lossy, digits := rest[:dash], rest[dash+1:]
	if digits == "" || digits[0] < '1' || digits[0] > '9' || lossy != Lossy(lossy) {
		return "", 0, false
	}
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return "", 0, false
	}
	return lossy, id, true
}
