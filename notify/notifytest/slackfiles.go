package notifytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The three steps of an upload: ask for an address, send the bytes there,
// share the file.

func (s *SlackServer) uploadURL(r *http.Request) (map[string]any, string) {
	length, err := strconv.Atoi(r.FormValue("length"))
	if err != nil || length <= 0 || r.FormValue("filename") == "" {
		return nil, "invalid_arguments"
	}
	s.clock++
	id := fmt.Sprintf("F%08d", s.clock)
	s.pending[id] = &SlackFile{ID: id, Name: r.FormValue("filename"), Content: make([]byte, 0, length)}
	return map[string]any{"upload_url": s.http.URL + "/upload/" + id, "file_id": id}, ""
}

func (s *SlackServer) receive(w http.ResponseWriter, r *http.Request) {
	file := s.pending[strings.TrimPrefix(r.URL.Path, "/upload/")]
	if file == nil {
		http.Error(w, "no such upload", http.StatusNotFound)
		return
	}
	part, _, err := r.FormFile("file")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	content, err := io.ReadAll(part)
	if err != nil || len(content) != cap(file.Content) {
		http.Error(w, "not the announced length", http.StatusBadRequest)
		return
	}
	file.Content = content
	_, _ = fmt.Fprintf(w, "OK - %d", len(content))
}

func (s *SlackServer) completeUpload(r *http.Request) (map[string]any, string) {
	var files []struct{ ID, Title string }
	if err := json.Unmarshal([]byte(r.FormValue("files")), &files); err != nil || len(files) != 1 {
		return nil, "invalid_arguments"
	}
	file := s.pending[files[0].ID]
	if file == nil || len(file.Content) == 0 {
		return nil, "file_not_found"
	}
	channel := r.FormValue("channel_id")
	if !strings.HasPrefix(channel, "C") { // unlike chat.postMessage it takes no names
		return nil, "channel_not_found"
	}
	id, word := slackChannel(channel)
	if word != "" {
		return nil, word
	}
	delete(s.pending, file.ID)
	file.Title, file.Channel, file.ThreadTS = files[0].Title, id, r.FormValue("thread_ts")
	s.files = append(s.files, *file)
	return map[string]any{"files": []map[string]any{{"id": file.ID, "title": file.Title}}}, ""
}
