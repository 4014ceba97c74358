package image

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/registry"
	"github.com/google/go-cmp/cmp"
)

func encoded(login string) string { return base64.StdEncoding.EncodeToString([]byte(login)) }

// config is a config.json with one login.
func config(address, login string) string {
	return `{"auths":{"` + address + `":{"auth":"` + encoded(login) + `"}}}`
}

// legacy is a .dockercfg with one login.
func legacy(address, login string) string {
	return `{"` + address + `":{"auth":"` + encoded(login) + `","email":"x@example.com"}}`
}

func TestCredentialsOrder(t *testing.T) {
	const here, there = "registry.example.com", "other.example.com"
	for _, tt := range []struct {
		name   string
		files  map[string]string
		admin  string
		login  string // user of who wins
		source string
	}{
		{"none", nil, "", "", ""},
		{"all", map[string]string{sandboxConfig: config(here, "first:x"), sandboxLegacy: legacy(here, "second:x")},
			config(here, "third:x"), "first", ".docker/config.json of the sandbox"},
		{"legacy and the agent's", map[string]string{sandboxLegacy: legacy(here, "second:x")}, config(here, "third:x"), "second", ".dockercfg of the sandbox"},
		{"the agent's", nil, config(here, "third:x"), "third", "docker_config"},
		{"the agent's in legacy form", nil, legacy(here, "third:x"), "third", "docker_config"},
		{"file for another registry", map[string]string{sandboxConfig: config(there, "first:x")}, config(here, "third:x"), "third", "docker_config"},
		{"none for this registry", map[string]string{sandboxConfig: config(there, "first:x")}, config(there, "third:x"), "", ""},
		{"helpers of the sandbox are not run", map[string]string{sandboxConfig: `{"credsStore":"desktop","credHelpers":{"` + here +
			`":"evil"},"auths":{"` + here + `":{}}}`}, config(here, "third:x"), "third", "docker_config"},
		{"files that hold nothing", map[string]string{sandboxConfig: `{}`, sandboxLegacy: `{}`}, `{}`, "", ""},
		{"a broken entry of another registry", map[string]string{sandboxConfig: `{"HttpHeaders":7,"auths":{"` + there +
			`":{"auth":"?"},"` + here + `":{"auth":"` + encoded("first:x") + `"}}}`}, "", "first", ".docker/config.json of the sandbox"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var admin []DockerConfig
			if tt.admin != "" {
				admin = agents(tt.admin)
			}
			login, source, err := loginFor(t, admin, here, sandboxWith(t, tt.files))
			if err != nil || source != tt.source {
				t.Fatalf("from %q, %v", source, err)
			}
			want := registry.AuthConfig{Username: tt.login, Password: "x", ServerAddress: here}
			if tt.login == "" {
				want = registry.AuthConfig{}
			}
			if diff := cmp.Diff(want, login); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// agents is the agent's docker_config.
func agents(content string) []DockerConfig {
	return []DockerConfig{{Source: "docker_config", Content: []byte(content)}}
}

// loginFor returns the credentials that the Engine is given for a registry, and where the failure of the pull says they are
// from. The error is that of a pull to which it did not come.
func loginFor(t *testing.T, admin []DockerConfig, domain, sandbox string) (login registry.AuthConfig, source string, err error) {
	t.Helper()
	e := &fakeEngine{
		pull: func(context.Context, func(string)) error { return errdefs.ErrNotFound },
		ask:  errdefs.ErrUnauthenticated,
	}
	p, err := New(Options{Engine: e, InactivityTimeout: time.Minute, DockerConfigs: admin})
	if err != nil {
		t.Fatal(err)
	}
	p.helperDirectories = []string{filepath.Join(sandbox, helperPrograms)}
	_, err = p.Pull(t.Context(), Request{Reference: domain + "/app:v1", SandboxDirectory: sandbox})
	if len(e.pulls) == 0 {
		return login, "", err
	}
	failed, ok := errors.AsType[*Error](err)
	if !ok || failed.Kind != Denied {
		t.Fatal(err)
	}
	if auth := strings.Fields(e.pulls[0]); len(auth) > 1 {
		decoded, err := registry.DecodeAuthConfig(auth[1])
		if err != nil {
			t.Fatal(err)
		}
		login = *decoded
	}
	return login, failed.Source, nil
}

// helperPrograms is where in a sandbox loginFor takes credential helpers from.
const helperPrograms = "programs"

// The login of the daemon's own user is not used.
func TestOwnLoginIsNotUsed(t *testing.T) {
	home := sandboxWith(t, map[string]string{sandboxConfig: config("registry.example.com", "root:x")})
	t.Setenv("HOME", home)
	t.Setenv("DOCKER_CONFIG", filepath.Join(home, ".docker"))
	t.Setenv("DOCKER_AUTH_CONFIG", config("registry.example.com", "root:x"))
	for _, sandbox := range []string{"", t.TempDir()} {
		if login, source, err := loginFor(t, nil, "registry.example.com", sandbox); err != nil || source != "" || login.Username != "" {
			t.Errorf("%q, %v", source, err)
		}
	}
}

func TestFindLogin(t *testing.T) {
	for _, tt := range []struct {
		name, domain, entries string
		user                  string
	}{
		{"host and port", "registry:5000", legacy("registry:5000", "u:x"), "u"},
		{"another port", "registry:5000", legacy("registry:5001", "u:x"), ""},
		{"as a URL", "registry:5000", legacy("https://registry:5000/v1/", "u:x"), "u"},
		{"in other letters", "registry.example.com", legacy("Registry.Example.COM", "u:x"), "u"},
		{"exact before URL", "registry", `{"http://registry":{"auth":"` + encoded("url:x") + `"},"registry":{"auth":"` + encoded("u:x") + `"}}`, "u"},
		{"Docker Hub", "docker.io", legacy(hub, "u:x"), "u"},
		{"Docker Hub by name", "docker.io", legacy("docker.io", "u:x"), "u"},
		{"Docker Hub of another kind", "docker.io", legacy("https://index.docker.io/v2/", "u:x"), "u"},
		{"user and password", "r", `{"r":{"username":"u","password":"x"}}`, "u"},
		{"auth wins", "r", `{"r":{"username":"v","password":"y","auth":"` + encoded("u:x") + `"}}`, "u"},
		{"colon in the password", "r", legacy("r", "u:x:y"), "u"},
		{"null", "r", `{"r":null}`, ""},
	} {
		entries, err := parseLegacy([]byte(tt.entries))
		if err != nil {
			t.Fatal(err)
		}
		login, found, err := entries.find(tt.domain)
		if err != nil || found != (tt.user != "") || login.Username != tt.user {
			t.Errorf("%s: user %q, found %v, %v", tt.name, login.Username, found, err)
		}
	}
	for _, entry := range []string{`{"identitytoken":"t"}`, `{"registrytoken":"t"}`} {
		if login, found, err := (logins{"r": json.RawMessage(entry)}).find("r"); !found || err != nil || login.IdentityToken+login.RegistryToken != "t" {
			t.Errorf("%s: %v, %v", entry, found, err)
		}
	}
}

// A file that should give credentials and cannot is a failure that names the file and nothing from it.
func TestBrokenCredentials(t *testing.T) {
	const secret = "geheim"
	for name, content := range map[string]string{
		"no JSON":           `{"auths":{"r":{"password":"` + secret + `"`,
		"stray letters":     `{"auths":{"r":{"password":` + secret + `}}}`,
		"a list":            `["` + secret + `"]`,
		"auths is a string": `{"auths":"` + secret + `"}`,
		"no base64":         `{"auths":{"r":{"auth":"` + secret + `!"}}}`,
		"no user":           `{"auths":{"r":{"auth":"` + encoded(":"+secret) + `"}}}`,
		"no colon":          `{"auths":{"r":{"auth":"` + encoded(secret) + `"}}}`,
		"a number":          `{"auths":{"r":{"password":77777777}}}`,
		"entry is a string": `{"auths":{"r":"` + secret + `"}}`,
		"empty":             ``,
	} {
		_, _, err := loginFor(t, nil, "r.example.com", sandboxWith(t, map[string]string{sandboxConfig: strings.ReplaceAll(content, `"r"`, `"r.example.com"`)}))
		if err == nil || !strings.Contains(err.Error(), sandboxConfig) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, part := range []string{secret, encoded(secret), encoded(":" + secret), "77777777"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v repeats the secret", name, err)
			}
		}
		if _, err := New(Options{InactivityTimeout: time.Minute, DockerConfigs: agents(content)}); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v repeats the secret", name, err)
		}
	}
	sandbox := sandboxWith(t, map[string]string{"other/config.json": config("r", "u:x")})
	if err := os.Symlink("other", filepath.Join(sandbox, ".docker")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := loginFor(t, nil, "r.example.com", sandbox); err == nil || !strings.Contains(err.Error(), "symbolic") {
		t.Errorf("symbolic link: %v", err)
	}
	if _, err := New(Options{InactivityTimeout: time.Minute, DockerConfigs: agents("[]")}); err == nil || !strings.Contains(err.Error(), "docker_config") {
		t.Errorf("docker_config is a list: %v", err)
	}
}

func operatorLogins(content []byte) (logins, error) {
	file, err := parseOperatorFile(DockerConfig{Content: content})
	return file.logins, err
}

func FuzzCredentials(f *testing.F) {
	f.Add([]byte(config("registry.example.com", "u:x")), "registry.example.com")
	f.Add([]byte(legacy(hub, "u:x")), "docker.io")
	f.Add([]byte(`{"auths":{"r":{"identitytoken":"t"}},"credsStore":"desktop"}`), "r")
	f.Add([]byte(`{"auths":{"\ud800":{"auth":"????"}}}`), "\ufffd")
	f.Fuzz(func(t *testing.T, content []byte, domain string) {
		for _, parse := range []func([]byte) (logins, error){parseConfig, parseLegacy, operatorLogins} {
			entries, err := parse(content)
			if err != nil {
				continue
			}
			login, found, err := entries.find(domain)
			if found && (err != nil || login.Username+login.Password+login.IdentityToken+login.RegistryToken == "") {
				t.Fatalf("found nothing: %v", err)
			}
			again, foundAgain, _ := entries.find(domain)
			if again != login || foundAgain != found {
				t.Fatal("another login the second time")
			}
		}
	})
}
