package image_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"mesos-docker-containerizer/containerizer/image"
)

// guard puts token authentication before a registry: a token server gives tokens for a login or an identity token.
func guard(t *testing.T, r *memoryRegistry) {
	t.Helper()
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		user, password, _ := q.BasicAuth()
		identity := q.Method == http.MethodPost && q.FormValue("grant_type") == "refresh_token" && q.FormValue("refresh_token") == "identity"
		if !identity && (user != "user" || password != "geheim") {
			answer(w, http.StatusUnauthorized, "UNAUTHORIZED")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"token":"letmein","access_token":"letmein","expires_in":300}`))
	}))
	t.Cleanup(tokens.Close)
	r.fault = func(w http.ResponseWriter, q *http.Request) bool {
		if q.Header.Get("Authorization") == "Bearer letmein" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="test",scope="repository:app:pull"`, tokens.URL))
		answer(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return true
	}
}

func TestTokenAuthentication(t *testing.T) {
	r := newMemoryRegistry(t)
	guard(t, r)
	encoded := func(login string) string { return base64.StdEncoding.EncodeToString([]byte(login)) }
	for _, tt := range []struct {
		name, entry string
		works       bool
	}{
		{"login", `{"auth":"` + encoded("user:geheim") + `"}`, true},
		{"identity token", `{"auth":"` + encoded("00000000-0000-0000-0000-000000000000:") + `","identitytoken":"identity"}`, true},
		{"wrong login", `{"auth":"` + encoded("user:falsch") + `"}`, false},
		{"wrong identity token", `{"auth":"` + encoded("user:") + `","identitytoken":"falsch"}`, false},
		{"nothing", `{}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			content := []byte(`{"auths":{"` + r.address + `":` + tt.entry + `}}`)
			sandbox := t.TempDir()
			if err := os.Mkdir(filepath.Join(sandbox, ".docker"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(sandbox, ".docker/config.json"), content, 0o600); err != nil {
				t.Fatal(err)
			}
			admin := image.Options{DockerConfigs: []image.DockerConfig{{Source: "docker_config", Content: content}}}
			for name, pull := range map[string]func() error{
				"operator's": func() error { return r.pull(t, admin) },
				"task's": func() error {
					_, err := r.puller(t, image.Options{}).Pull(t.Context(), image.Request{Reference: r.ref(), SandboxDirectory: sandbox})
					return err
				},
			} {
				err := pull()
				if tt.works && err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if !tt.works {
					wantKind(t, err, image.Denied, r.ref())
				}
				removeImage(r.socket, r.ref())
			}
		})
	}
}
