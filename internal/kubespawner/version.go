package kubespawner

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is a release of KubeSpawner, or of the chart Zero to JupyterHub. The
// zero Version is an unknown one.
type Version struct {
	Major, Minor, Patch int
	// Pre is what follows the numbers of a pre-release, such as b1, .dev0 or
	// -beta.1; it comes before the release.
	Pre string
}

// versionForm takes v7, 7.1, 7.1.1.dev0, 7.0.0b1, 4.0.0-beta.1 and
// 4.0.0-0.dev.git.6613.h1234567 apart.
var versionForm = regexp.MustCompile(`^v?(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?(-[0-9A-Za-z][0-9A-Za-z.-]*|(?:\.?(?:a|b|rc|dev)[0-9]*)+)?(?:\+[0-9A-Za-z.-]*)?$`)

// ParseVersion reads a version as KubeSpawner, its packages or the chart write
// it. Missing numbers are zero.
func ParseVersion(s string) (Version, error) {
	m := versionForm.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return Version{}, fmt.Errorf("%q is not a version such as 7.0.0", s)
	}
	v := Version{Pre: m[4]}
	for i, n := range []*int{&v.Major, &v.Minor, &v.Patch} {
		*n, _ = strconv.Atoi("0" + m[i+1]) // six digits at most
	}
	return v, nil
}

// Compare orders versions: -1 if v comes before w.
func (v Version) Compare(w Version) int {
	if c := cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch)); c != 0 {
		return c
	}
	switch {
	case v.Pre == w.Pre:
		return 0
	case v.Pre == "":
		return 1
	case w.Pre == "":
		return -1
	}
	return strings.Compare(v.Pre, w.Pre)
}

// AtLeast tells whether v is the release major.minor.patch or a later one. A
// pre-release counts as the release that it became.
func (v Version) AtLeast(major, minor, patch int) bool {
	v.Pre = ""
	return v.Compare(Version{Major: major, Minor: minor, Patch: patch}) >= 0
}

// IsZero tells whether the version is unknown.
func (v Version) IsZero() bool { return v == Version{} }

func (v Version) String() string {
	if v.IsZero() {
		return "unknown"
	}
	return fmt.Sprintf("%d.%d.%d%s", v.Major, v.Minor, v.Patch, v.Pre)
}
