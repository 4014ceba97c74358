package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/docker/api/types/registry"

	"mesos-docker-containerizer/internal/beneath"
)

// Credentials are looked up in this order. The first entry for the registry wins:
//
//  1. .docker/config.json in the sandbox, where the fetcher unpacks the task's uris (contract 1.2, step 4),
//  2. .dockercfg in the sandbox,
//  3. the same two files in the directory that the agent makes from its docker_config,
//  4. the operator's, in the order of Options.DockerConfigs (operator.go).
//
// A file that cannot be read is a failure: without its credentials the pull would fail for another reason. Only plain entries of
// the directories are used, because a credential helper named there would run as root. The login of the daemon's user is never
// used.
//
// Errors repeat no content of a file except names of registries.
const (
	sandboxConfig = ".docker/config.json"
	sandboxLegacy = ".dockercfg"
)

// logins are the entries of one file by registry address. They stay encoded, so a malformed entry does not affect the others.
type logins map[string]json.RawMessage

// parseConfig parses the entries of a config.json.
func parseConfig(content []byte) (logins, error) {
	var file struct {
		Auths logins `json:"auths"`
	}
	err := malformed(json.Unmarshal(content, &file))
	return file.Auths, err
}

// parseLegacy parses a .dockercfg, which has nothing but entries.
func parseLegacy(content []byte) (file logins, err error) {
	err = malformed(json.Unmarshal(content, &file))
	return file, err
}

// malformed describes a JSON error without content of the document.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not valid JSON at byte %d", syntax.Offset)
	}
	return errors.New(`not an object, or its "auths" is none`)
}

// hub is the address that docker login uses for Docker Hub; hubNames are its other names.
const hub = "https://index.docker.io/v1/"

var hubNames = []string{"docker.io", "index.docker.io", "registry-1.docker.io"}

// find returns the login for the domain of a reference. An empty entry counts as none: docker writes one if a helper has the
// secret.
func (l logins) find(domain string) (login registry.AuthConfig, found bool, err error) {
	for _, address := range l.addresses(domain) {
		login, err := decodeLogin(address, l[address])
		if err != nil {
			return registry.AuthConfig{}, false, err
		}
		if login.Username != "" || login.Password != "" || login.IdentityToken != "" || login.RegistryToken != "" {
			return login, true, nil
		}
	}
	return registry.AuthConfig{}, false, nil
}

// addresses returns the keys of the entries for a registry, exact matches first.
func (l logins) addresses(domain string) []string {
	exact := []string{domain}
	names := exact
	if slices.Contains(hubNames, domain) {
		exact, names = []string{hub}, hubNames
	}
	var found []string
	for _, address := range exact {
		if _, ok := l[address]; ok {
			found = append(found, address)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(l)) {
		host := credentials.ConvertToHostname(address)
		if !slices.Contains(exact, address) && slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, host) }) {
			found = append(found, address)
		}
	}
	return found
}

// decodeLogin decodes one entry in the same way as docker.
func decodeLogin(address string, entry json.RawMessage) (registry.AuthConfig, error) {
	wrong := fmt.Errorf("entry of registry %q is not a login: want username and password, auth (base64 of user:password) or a token", address)
	content, err := json.Marshal(map[string]logins{"auths": {address: entry}})
	if err != nil {
		return registry.AuthConfig{}, wrong
	}
	file := configfile.New("")
	if err := file.LoadFromReader(bytes.NewReader(content)); err != nil {
		return registry.AuthConfig{}, wrong // not the error itself, which may repeat content
	}
	login := file.AuthConfigs[address]
	return registry.AuthConfig{
		Username:      login.Username,
		Password:      login.Password,
		ServerAddress: address,
		IdentityToken: login.IdentityToken,
		RegistryToken: login.RegistryToken,
	}, nil
}

// directoryFiles are the files with credentials in a directory, in the order of precedence.
var directoryFiles = []struct {
	path  string
	parse func([]byte) (logins, error)
}{
	{sandboxConfig, parseConfig},
	{sandboxLegacy, parseLegacy},
}

// The owners of directories with credentials, for messages.
const (
	ofSandbox = "the sandbox"
	ofAgent   = "the agent's docker_config"
)

// directoryLogin returns the encoded login for a registry from a directory, and its file. Both are empty without a login or a
// directory.
func directoryLogin(directory, owner, domain string) (auth, source string, err error) {
	if directory == "" {
		return "", "", nil
	}
	for _, c := range directoryFiles {
		content, err := readBeneath(directory, c.path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", "", fmt.Errorf("credentials in %s: %w", owner, err)
		}
		file, err := c.parse(content)
		if err != nil {
			return "", "", fmt.Errorf("credentials in %s: %s is %w", owner, c.path, err)
		}
		login, found, err := file.find(domain)
		if err != nil {
			return "", "", fmt.Errorf("credentials in %s: %s: %w", owner, c.path, err)
		}
		if found {
			auth, err = registry.EncodeAuthConfig(login)
			return auth, c.path + " of " + owner, err
		}
	}
	return "", "", nil
}

// maxCredentialsFile is far more than a file of credentials needs.
const maxCredentialsFile = 1 << 20

// readBeneath reads a small file in a sandbox, which is the task's: see beneath.Open.
func readBeneath(sandbox, path string) ([]byte, error) {
	file, err := beneath.Open(sandbox, path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxCredentialsFile+1))
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: errors.Unwrap(err)}
	}
	if len(content) > maxCredentialsFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxCredentialsFile)
	}
	return content, nil
}
