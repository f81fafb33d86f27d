package checks

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"hubaudit/internal/text"
)

func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

func idText(n int64) string { return strconv.FormatInt(n, 10) }

func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// percent writes part of whole with one decimal.
func percent(part, whole float64) string {
	return strconv.FormatFloat(100*part/whole, 'f', 1, 64) + " %"
}

// list joins at most most words and says how many more there are.
func list(words []string, most int) string { return joined(words, ", ", most) }

func joined(words []string, separator string, most int) string {
	if len(words) <= most {
		return strings.Join(words, separator)
	}
	return strings.Join(words[:most], separator) + " and " + text.Number(len(words)-most) + " more"
}

// commonest sorts what was counted by how often it was.
func commonest(counted map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counted), func(a, b string) int {
		return cmp.Or(counted[b]-counted[a], strings.Compare(a, b))
	})
}
