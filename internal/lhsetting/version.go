package lhsetting

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is one of Longhorn's versions, such as v1.9.1-rc1.
type Version struct {
	Major, Minor, Patch int
	// Suffix is what follows the numbers, without its hyphen.
	Suffix string
}

var versionForm = regexp.MustCompile(`^v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z][0-9A-Za-z.-]*))?(?:\+[0-9A-Za-z.-]+)?$`)

// ParseVersion reads a version as the setting current-longhorn-version has it.
// False means that it cannot be placed among the releases, as that of a build
// of a branch (master-head, v1.9.x-head) cannot.
func ParseVersion(s string) (Version, bool) {
	m := versionForm.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return Version{}, false
	}
	v := Version{Suffix: m[4]}
	for i, n := range []*int{&v.Major, &v.Minor, &v.Patch} {
		*n, _ = strconv.Atoi(m[i+1]) // at most nine digits
	}
	return v, true
}

// Release is the version of these numbers without a suffix.
func Release(major, minor, patch int) Version {
	return Version{Major: major, Minor: minor, Patch: patch}
}

// String writes the version as Longhorn does, with a v.
func (v Version) String() string {
	s := fmt.Sprintf("v%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Suffix != "" {
		s += "-" + v.Suffix
	}
	return s
}

// Compare is negative if v came before w, 0 if they are the same and positive
// if v came after. What leads up to a release (-dev, -rc1, -preview) came
// before it, a hotfix after it, whatever is mended in that.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch),
		cmp.Compare(v.stage(), w.stage()), cmp.Compare(v.ordinal(), w.ordinal()), strings.Compare(v.Suffix, w.Suffix))
}

// AtLeast tells whether v is the release of these numbers or came after it.
func (v Version) AtLeast(major, minor, patch int) bool {
	return v.Compare(Release(major, minor, patch)) >= 0
}

// Hotfix tells whether v mends a release without being the next one.
func (v Version) Hotfix() bool { return strings.HasPrefix(v.Suffix, "hotfix") }

// stage orders the suffixes around a release: builds under development, release
// candidates, the release, its hotfixes.
func (v Version) stage() int {
	switch {
	case v.Suffix == "":
		return 0
	case v.Hotfix():
		return 1
	case strings.HasPrefix(v.Suffix, "rc"):
		return -1
	}
	return -2
}

var firstNumber = regexp.MustCompile(`\d{1,9}`)

// ordinal is the number in the suffix, so that rc10 comes after rc9.
func (v Version) ordinal() int {
	n, _ := strconv.Atoi(firstNumber.FindString(v.Suffix)) // 0 without a number
	return n
}
