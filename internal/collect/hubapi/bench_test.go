package hubapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
)

// body is a page of users with a stopped server each.
func body(b *testing.B, hub *fakeHub, offset int) []byte {
	b.Helper()
	var items []any
	for _, n := range hub.names[offset:min(offset+pageSize, len(hub.names))] {
		items = append(items, hub.user(n))
	}
	page, err := json.Marshal(map[string]any{"items": items, "_pagination": map[string]int{"offset": offset, "limit": pageSize, "total": len(hub.names)}})
	if err != nil {
		b.Fatal(err)
	}
	return page
}

func BenchmarkDecodePage(b *testing.B) {
	page := body(b, newFake(pageSize), 0)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := decodePage(bytes.NewReader(page))
		if err != nil || len(p.users) != pageSize {
			b.Fatalf("%d users: %v", len(p.users), err)
		}
	}
}

// BenchmarkRead reads whole hubs, whose answers are ready, over the loopback.
func BenchmarkRead(b *testing.B) {
	for _, users := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			hub := newFake(users)
			bodies := map[int][]byte{}
			for offset := 0; offset < users; offset += pageSize - 1 {
				bodies[offset] = body(b, hub, offset)
			}
			hub.answer = func(w http.ResponseWriter, _ *http.Request, offset int) bool {
				_, err := w.Write(bodies[offset])
				return err == nil
			}
			b.ReportAllocs()
			for b.Loop() {
				api, err := read(b, hub)
				if err != nil || len(api.Users) != users || len(api.Spawners) != users {
					b.Fatalf("%d users, %d servers: %v", len(api.Users), len(api.Spawners), err)
				}
			}
		})
	}
}
