package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress is one line on a terminal that shows that sources are being read.
// Where standard error is no terminal it shows nothing.
type progress struct {
	container *mpb.Progress
	bar       *mpb.Bar
	mu        sync.Mutex
	counts    map[string]int
	total     atomic.Int64
	sources   atomic.Int64
	once      sync.Once
}

func startProgress(w io.Writer) *progress {
	p := &progress{counts: map[string]int{}}
	if !isTerminal(w) {
		return p
	}
	p.container = mpb.New(mpb.WithOutput(w))
	p.bar = p.container.New(0, mpb.SpinnerStyle().PositionLeft(), mpb.BarWidth(2), mpb.BarRemoveOnComplete(), mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
		return fmt.Sprintf(" %d sources, %d items read", p.sources.Load(), p.total.Load())
	})))
	return p
}

// items records how many items of a source are read so far.
func (p *progress) items(source string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.counts[source]; !ok {
		p.sources.Add(1)
	}
	p.total.Add(int64(n - p.counts[source]))
	p.counts[source] = n
}

// stop removes the line; it may be called more than once.
func (p *progress) stop() {
	p.once.Do(func() {
		if p.container != nil {
			p.bar.Abort(true)
			p.container.Wait()
		}
	})
}
