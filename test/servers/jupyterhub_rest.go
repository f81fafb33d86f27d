package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// ask sends a request as the tests' own service.
func (h *JupyterHub) ask(ctx context.Context, method, address string, body any) (status int, answer []byte, err error) {
	var b []byte
	if body != nil {
		if b, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(b))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "token "+h.tokens[hubAdmin])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// Do sends a request to the hub's API, which must answer with one of the wanted
// statuses.
func (h *JupyterHub) Do(ctx context.Context, method, path string, body any, want ...int) (status int, err error) {
	status, answer, err := h.ask(ctx, method, h.APIURL+path, body)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	for _, w := range want {
		if status == w {
			return status, nil
		}
	}
	return status, fmt.Errorf("%s %s: status %d: %.300s", method, path, status, answer)
}

// CreateUsers makes many users at once; the hub writes their names in lower case.
func (h *JupyterHub) CreateUsers(tb testing.TB, names ...string) {
	tb.Helper()
	_, err := h.Do(tb.Context(), http.MethodPost, "/users", map[string]any{"usernames": names}, http.StatusCreated)
	check(tb, err)
}

// CreateUser makes a user with exactly that name.
func (h *JupyterHub) CreateUser(tb testing.TB, name string) {
	tb.Helper()
	_, err := h.Do(tb.Context(), http.MethodPost, "/users/"+url.PathEscape(name), nil, http.StatusCreated)
	check(tb, err)
}

// DeleteUser deletes a user.
func (h *JupyterHub) DeleteUser(tb testing.TB, name string) {
	tb.Helper()
	_, err := h.Do(tb.Context(), http.MethodDelete, "/users/"+url.PathEscape(name), nil, http.StatusNoContent)
	check(tb, err)
}

// serverPath is a server's in the API; "" is the default server.
func serverPath(user, server string) string {
	path := "/users/" + url.PathEscape(user) + "/server"
	if server != "" {
		path += "s/" + url.PathEscape(server)
	}
	return path
}

// StartServer starts a user's server and waits until it is ready.
func (h *JupyterHub) StartServer(ctx context.Context, user, server string) error {
	return h.settle(ctx, http.MethodPost, user, server, map[string]any{}, http.StatusCreated)
}

// HoldServer begins to start a user's server, which stays pending.
func (h *JupyterHub) HoldServer(tb testing.TB, user, server string) {
	tb.Helper()
	_, err := h.Do(tb.Context(), http.MethodPost, serverPath(user, server), map[string]any{"hold": true}, http.StatusAccepted)
	check(tb, err)
}

// StopServer stops a user's server and waits until it is stopped.
func (h *JupyterHub) StopServer(ctx context.Context, user, server string) error {
	return h.settle(ctx, http.MethodDelete, user, server, nil, http.StatusNoContent)
}

// settle starts or stops a server. On a busy machine the hub may answer that it
// is still at it (202); it is then asked again until nothing is left to be done,
// which it says with 400 to a start and 204 to a stop.
func (h *JupyterHub) settle(ctx context.Context, method, user, server string, options any, done int) error {
	want := []int{done, http.StatusAccepted}
	for {
		status, err := h.Do(ctx, method, serverPath(user, server), options, want...)
		if err != nil || status != http.StatusAccepted {
			return err
		}
		want = []int{done, http.StatusAccepted, http.StatusBadRequest}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
