package localagent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// fetch brings the URIs of an executor's CommandInfo into its sandbox. An error reads as the agent's does, with the cause
// behind it, which a real agent leaves in the sandbox's stderr only; it is written there as well.
func (a *Agent) fetch(ctx context.Context, e *executorRun) error {
	uris := e.info.GetCommand().GetURIs()
	if len(uris) == 0 {
		return nil
	}
	root, err := os.OpenRoot(e.sandbox)
	if err != nil {
		return fmt.Errorf("open sandbox: %w", err)
	}
	defer root.Close()

	for _, uri := range uris {
		if err := fetchURI(ctx, root, uri, a.options.FetchTimeout); err != nil {
			failure := &fetchError{container: e.containerID, uri: redact(uri.Value), cause: err}
			if stderr, err := openOutput(e.sandbox, "stderr"); err == nil {
				fmt.Fprintln(stderr, failure.detail())
				stderr.Close()
			}
			return failure
		}
	}
	return nil
}

// fetchError is a URI that could not be fetched, in the agent's words.
type fetchError struct {
	container string
	uri       string
	cause     error
}

func (e *fetchError) Error() string {
	return fmt.Sprintf("Failed to fetch all URIs for container '%s': exited with status 1; %s", e.container, e.detail())
}

func (e *fetchError) detail() string { return fmt.Sprintf("Failed to fetch '%s': %v", e.uri, e.cause) }

func (e *fetchError) Unwrap() error { return e.cause }

// fetchURI fetches one URI: downloads or copies it, then makes it executable or, being an archive, extracts it.
func fetchURI(ctx context.Context, sandbox *os.Root, uri mesos.CommandInfo_URI, timeout time.Duration) error {
	name, err := outputName(uri)
	if err != nil {
		return err
	}
	if dir := filepath.Dir(name); dir != "." {
		if err := sandbox.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	source, err := openURI(ctx, uri.Value)
	if err != nil {
		return err
	}
	defer source.Close()

	mode := os.FileMode(0o644)
	if uri.GetExecutable() {
		mode = 0o755
	}
	if err := write(sandbox, name, mode, source); err != nil {
		return err
	}
	if uri.GetExecutable() || !uri.GetExtract() {
		return nil
	}
	return extract(ctx, sandbox, name)
}

// outputName is where a URI's file goes, relative to the sandbox: output_file, or the last part of the URI.
func outputName(uri mesos.CommandInfo_URI) (string, error) {
	if name := uri.GetOutputFile(); name != "" {
		if !filepath.IsLocal(name) {
			return "", fmt.Errorf("output file '%s' is not inside the sandbox", name)
		}
		return filepath.Clean(name), nil
	}
	value := uri.Value
	if _, rest, ok := strings.Cut(value, "://"); ok {
		value = rest
		if !strings.Contains(rest, "/") {
			return "", errors.New("malformed URI (missing path)")
		}
	}
	name := path.Base(value)
	if name == "/" || name == "." || name == ".." || strings.HasSuffix(value, "/") {
		return "", errors.New("URI does not end in the name of a file")
	}
	return name, nil
}

// openURI starts to read what a URI names: a local path, file:// or http(s)://.
func openURI(ctx context.Context, uri string) (io.ReadCloser, error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	switch {
	case !ok && path.IsAbs(uri):
		return openLocal(uri)
	case !ok:
		return nil, errors.New("a relative path was passed for the resource but the framework home was not specified")
	case scheme == "file":
		local := strings.TrimPrefix(rest, "localhost")
		if !path.IsAbs(local) {
			return nil, errors.New("file URI only supports absolute paths")
		}
		return openLocal(local)
	case scheme == "http" || scheme == "https":
		return download(ctx, uri)
	}
	return nil, fmt.Errorf("scheme %q is not supported; use a path, file://, http:// or https://", scheme)
}

func openLocal(name string) (io.ReadCloser, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return os.Open(name)
}

// download requests a URI. The connection ends with the body or with ctx, and is not kept.
func download(ctx context.Context, uri string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, errors.New("malformed URI") // the cause would repeat it, credentials and all
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, fmt.Errorf("error downloading resource: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("error downloading resource, received HTTP return code %d", response.StatusCode)
	}
	return response.Body, nil
}

// write puts a file into the sandbox. Nothing in the sandbox can lead it elsewhere.
func write(sandbox *os.Root, name string, mode os.FileMode, source io.Reader) error {
	file, err := sandbox.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, source)
	// Chmod, because a file that was there keeps its mode otherwise and the umask would count.
	return errors.Join(err, file.Chmod(mode), file.Close())
}

// redact leaves user, password and query, where secrets live, out of a URI that goes into a message.
func redact(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" {
		return uri
	}
	u.User = nil
	if u.RawQuery != "" {
		u.RawQuery = "..."
	}
	return u.String()
}
