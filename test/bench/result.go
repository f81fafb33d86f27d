package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"hubaudit/internal/facts"
)

const mebibyte = 1 << 20

// printResult prints the figures as Markdown.
func printResult(w io.Writer, s *facts.Snapshot, body string, audits, downloads []usage) {
	bytes, err := strconv.ParseInt(body, 10, 64)
	if err != nil {
		bytes = 0
	}
	fmt.Fprintf(w, "%d users, %d claims, %d Longhorn volumes, %d replicas; the lists have %d MiB.\n\n",
		len(s.Hubs[0].Users), len(s.Kube.Claims), len(s.Longhorn.Volumes), len(s.Longhorn.Replicas), bytes/mebibyte)
	fmt.Fprintf(w, "| median of %d rounds (least to most) | `audit now` | bare download |\n|---|---|---|\n", len(audits))
	row := func(name string, of func(usage) string, by func(a, b usage) int) {
		fmt.Fprintf(w, "| %s | %s | %s |\n", name, spread(audits, of, by), spread(downloads, of, by))
	}
	row("wall time", func(u usage) string { return seconds(u.Wall) }, func(a, b usage) int { return cmp.Compare(a.Wall, b.Wall) })
	row("CPU time", func(u usage) string { return seconds(u.CPU) }, func(a, b usage) int { return cmp.Compare(a.CPU, b.CPU) })
	row("peak memory", func(u usage) string { return fmt.Sprintf("%d MiB", u.Peak/mebibyte) }, func(a, b usage) int { return cmp.Compare(a.Peak, b.Peak) })
	ratios := make([]float64, len(audits))
	for i := range audits {
		ratios[i] = float64(audits[i].Wall) / float64(downloads[i].Wall)
	}
	times := func(r float64) string { return fmt.Sprintf("%.2f", r) }
	fmt.Fprintf(w, "| wall time to the download's, round by round | %s | 1 |\n", spread(ratios, times, cmp.Compare[float64]))
	fmt.Fprintf(w, "| least wall time to the download's least | %s | 1 |\n", times(float64(least(audits))/float64(least(downloads))))
}

func least(all []usage) time.Duration {
	return slices.MinFunc(all, func(a, b usage) int { return cmp.Compare(a.Wall, b.Wall) }).Wall
}

// spread is the median, the least and the most.
func spread[T any](all []T, show func(T) string, compare func(a, b T) int) string {
	all = slices.SortedFunc(slices.Values(all), compare)
	return fmt.Sprintf("%s (%s to %s)", show(all[len(all)/2]), show(all[0]), show(all[len(all)-1]))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
