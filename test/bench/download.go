package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/longhorn"
)

const (
	protobuf          = "application/vnd.kubernetes.protobuf"
	plainJSON         = "application/json"
	longhornNamespace = "longhorn-system"
)

// lists are the lists that an audit reads, each as a media type and a path.
func lists() []string {
	var all []string
	add := func(r *kube.Resource, path string) {
		media := protobuf
		if r.Custom {
			media = plainJSON
		}
		all = append(all, media+" "+path)
	}
	for _, r := range kube.NewTables().Resources() {
		add(r, r.ListPath())
	}
	for _, r := range longhorn.NewTables(longhornNamespace).Resources() {
		add(r, strings.Replace(r.ListPath(), "/"+r.Plural, "/namespaces/"+longhornNamespace+"/"+r.Plural, 1))
	}
	return all
}

// download is the bare download: all lists at once, each whole and over an
// HTTP/1.1 connection of its own, built-in kinds as protobuf and custom
// resources as JSON, compressed as Go's client asks for by itself. The bodies
// are read to their ends and thrown away. It prints how many bytes they had.
func download(args []string) error {
	config, err := clientcmd.BuildConfigFromFlags("", args[0])
	if err != nil {
		return err
	}
	config.NextProtos = []string{"http/1.1"}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var total atomic.Int64
	errs := make(chan error, len(args))
	for _, list := range args[1:] {
		media, path, _ := strings.Cut(list, " ")
		wg.Go(func() {
			n, err := fetch(client, strings.TrimSuffix(config.Host, "/")+path, media)
			total.Add(n)
			if err != nil {
				errs <- fmt.Errorf("download %s: %w", path, err)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		fmt.Print(total.Load())
		return nil
	}
}

func fetch(client *http.Client, url, media string) (int64, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept", media)
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %s", response.Status)
	}
	return io.Copy(io.Discard, response.Body)
}
