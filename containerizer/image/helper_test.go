package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/registry"
	"github.com/google/go-cmp/cmp"
)

// helperIn puts a credential helper, which is a shell script, among the programs that loginFor uses.
func helperIn(t *testing.T, sandbox, name, script string) {
	t.Helper()
	directory := filepath.Join(sandbox, helperPrograms)
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "docker-credential-"+name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// answering is a helper that knows the login of one address.
func answering(address, user string) string {
	return fmt.Sprintf(`/bin/cat > "${0%%/*}/asked"
case "$1 $(/bin/cat "${0%%/*}/asked")" in
"get %s") echo '{"ServerURL":"%s","Username":"%s","Secret":"x"}';;
*) echo credentials not found in native keychain; exit 1;;
esac`, address, address, user)
}

func TestHelpers(t *testing.T) {
	const here = "registry.example.com"
	for _, tt := range []struct {
		name, domain, admin string
		helpers             map[string]string // script by name
		want                registry.AuthConfig
		source              string
	}{
		{"of the registry", here, `{"credHelpers":{"` + here + `":"one"},"credsStore":"two"}`,
			map[string]string{"one": answering(here, "u")},
			registry.AuthConfig{Username: "u", Password: "x", ServerAddress: here}, "docker_config (credential helper one)"},
		{"of all registries", here, `{"credHelpers":{"other.example.com":"one"},"credsStore":"two"}`,
			map[string]string{"two": answering(here, "u")},
			registry.AuthConfig{Username: "u", Password: "x", ServerAddress: here}, "docker_config (credential helper two)"},
		{"of Docker Hub", "docker.io", `{"credsStore":"two"}`, map[string]string{"two": answering(hub, "u")},
			registry.AuthConfig{Username: "u", Password: "x", ServerAddress: hub}, "docker_config (credential helper two)"},
		{"of Docker Hub by name", "docker.io", `{"credHelpers":{"index.docker.io":"one"}}`, map[string]string{"one": answering(hub, "u")},
			registry.AuthConfig{Username: "u", Password: "x", ServerAddress: hub}, "docker_config (credential helper one)"},
		{"that has an identity token", here, `{"credsStore":"two"}`, map[string]string{"two": answering(here, "<token>")},
			registry.AuthConfig{IdentityToken: "x", ServerAddress: here}, "docker_config (credential helper two)"},
		{"that knows nothing", here, `{"credsStore":"two","auths":{"` + here + `":{"auth":"` + encoded("plain:x") + `"}}}`,
			map[string]string{"two": answering("other.example.com", "u")},
			registry.AuthConfig{Username: "plain", Password: "x", ServerAddress: here}, "docker_config"},
		{"that nobody needs", here, `{"credHelpers":{"other.example.com":"absent"},"auths":{"` + here + `":{"auth":"` + encoded("plain:x") + `"}}}`, nil,
			registry.AuthConfig{Username: "plain", Password: "x", ServerAddress: here}, "docker_config"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sandbox := t.TempDir()
			for name, script := range tt.helpers {
				helperIn(t, sandbox, name, script)
			}
			login, source, err := loginFor(t, agents(tt.admin), tt.domain, sandbox)
			if err != nil || source != tt.source {
				t.Errorf("from %q, %v", source, err)
			}
			if diff := cmp.Diff(tt.want, login); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What the first file knows nothing of is looked for in the second.
func TestAdminFilesInOrder(t *testing.T) {
	first := DockerConfig{Source: "first", Content: []byte(config("one.example.com", "first:x"))}
	second := DockerConfig{Source: "second", Content: []byte(`{"one.example.com":{"auth":"` + encoded("second:x") + `"},"two.example.com":{"auth":"` + encoded("second:x") + `"}}`)}
	for domain, want := range map[string]string{"one.example.com": "first", "two.example.com": "second", "three.example.com": ""} {
		login, source, err := loginFor(t, []DockerConfig{first, second}, domain, t.TempDir())
		if err != nil || source != want || login.Username != want {
			t.Errorf("%s: %q from %q, %v", domain, login.Username, source, err)
		}
	}
}

// A helper sees nothing of the daemon's environment, and no error repeats what it prints.
func TestHelperIsConfined(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "geheim")
	t.Setenv("HOME", "/root")
	sandbox := t.TempDir()
	helperIn(t, sandbox, "env", `echo "{\"Username\":\"u\",\"Secret\":\"$(/usr/bin/env | /usr/bin/sort | /usr/bin/tr '\n' ';')\"}"`)
	login, _, err := loginFor(t, agents(`{"credsStore":"env"}`), "r.example.com", sandbox)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(login.Password, "geheim") || strings.Contains(login.Password, "/root") || !strings.Contains(login.Password, "HOME=/nonexistent") {
		t.Errorf("environment %q", login.Password)
	}
	for script, part := range map[string]string{
		"echo geheim; echo geheim >&2; exit 3":         "exit status 3",
		"echo geheim":                                  "no secret",
		`echo '{"Username":"geheim"}'`:                 "no secret",
		"/usr/bin/yes geheim":                          "failed",
		`echo '{"Secret":"geheim"}'; kill -9 $$`:       "killed",
		`exec /usr/bin/head -c 2000000 /dev/zero`:      "failed",
		`echo "credentials not found: geheim"; exit 1`: "exit status 1",
	} {
		helperIn(t, sandbox, "bad", script)
		_, _, err := loginFor(t, agents(`{"credsStore":"bad"}`), "r.example.com", sandbox)
		failed, ok := errors.AsType[*Error](err)
		if !ok || failed.Kind != Credentials || failed.Kind.Fault() != Platform || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", script, err)
		}
	}
	_, _, err = loginFor(t, agents(`{"credsStore":"missing"}`), "r.example.com", sandbox)
	if err == nil || !strings.Contains(err.Error(), "no program docker-credential-missing") {
		t.Errorf("absent: %v", err)
	}
}

// A helper that hangs ends with the one who waits for it, and its children with it.
func TestHungHelper(t *testing.T) {
	sandbox := t.TempDir()
	helperIn(t, sandbox, "hung", `/bin/sleep 600 & echo $! > "${0%/*}/child"; wait`)
	directories := []string{filepath.Join(sandbox, helperPrograms)}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, _, err := askHelper(ctx, directories, "hung", "r")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	child, err := os.ReadFile(filepath.Join(directories[0], "child"))
	if err != nil {
		t.Fatal(err)
	}
	// It has got its SIGKILL, and takes its time to die on a busy machine.
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(30 * time.Second); ; {
		stat, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(child)), "stat"))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("a child of the helper lives: %s", stat)
		}
	}
}

func TestHelperNames(t *testing.T) {
	for _, name := range []string{"/bin/sh", "../x", "a b", "x;y", "", "ä", "a\x00", strings.Repeat("a", 101)} {
		for _, content := range []string{fmt.Sprintf(`{"credsStore":%q}`, name), fmt.Sprintf(`{"credHelpers":{"r":%q}}`, name)} {
			_, err := New(Options{InactivityTimeout: time.Minute, DockerConfigs: agents(content)})
			if want := name != "" || strings.Contains(content, "credHelpers"); (err != nil) != want {
				t.Errorf("%s: %v", content, err)
			}
		}
	}
	for _, content := range []string{`{"credsStore":7}`, `{"credHelpers":["a"]}`, `{"credHelpers":{"r":{}}}`} {
		if _, err := New(Options{InactivityTimeout: time.Minute, DockerConfigs: agents(content)}); err == nil {
			t.Errorf("%s is accepted", content)
		}
	}
}
