package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/docker/api/types/registry"
)

// Credentials are looked for in this order, and the first entry for the registry wins:
//
//  1. .docker/config.json in the sandbox, where the fetcher puts what the task's uris deliver (contract 1.2, step 4),
//  2. .dockercfg in the sandbox,
//  3. the same two files in the directory that the agent made of its docker_config, where it has made one,
//  4. the operator's, in the order of Options.DockerConfigs (admin.go).
//
// A file without an entry for the registry leaves the question to the next; a file that cannot be read is a failure, since a
// pull without the credentials it should have would fail for a reason that nobody understands. From the directories only plain
// entries are taken: a credential helper named there would run as root. The login of the daemon's own user is never used.
//
// No error here repeats anything of a file but names of registries.
const (
	sandboxConfig = ".docker/config.json"
	sandboxLegacy = ".dockercfg"
)

// logins are the entries of one file by the address of the registry, each still encoded, so that one that is broken spoils no
// other.
type logins map[string]json.RawMessage

// parseConfig reads the entries of a config.json.
func parseConfig(content []byte) (logins, error) {
	var file struct {
		Auths logins `json:"auths"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, malformed(err)
	}
	return file.Auths, nil
}

// parseLegacy reads the entries of a .dockercfg, which is nothing else.
func parseLegacy(content []byte) (logins, error) {
	var file logins
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, malformed(err)
	}
	return file, nil
}

// malformed says what is wrong with JSON without repeating any of it.
func malformed(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not valid JSON at byte %d", syntax.Offset)
	}
	return errors.New(`not an object, or its "auths" is none`)
}

// hub is the address under which docker login keeps the login of Docker Hub, and hubNames are others that mean it.
const hub = "https://index.docker.io/v1/"

var hubNames = []string{"docker.io", "index.docker.io", "registry-1.docker.io"}

// find returns the login for a registry, given as the domain of a reference. An entry that holds nothing is as good as none:
// docker writes it where a helper has the secret.
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

// addresses are the keys of the entries for a registry, the most exact first.
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

// decodeLogin decodes one entry, as docker does.
func decodeLogin(address string, entry json.RawMessage) (registry.AuthConfig, error) {
	wrong := fmt.Errorf("entry of registry %q is not a login: want username and password, auth (base64 of user:password) or a token", address)
	content, err := json.Marshal(map[string]logins{"auths": {address: entry}})
	if err != nil {
		return registry.AuthConfig{}, wrong
	}
	file := configfile.New("")
	if err := file.LoadFromReader(bytes.NewReader(content)); err != nil {
		return registry.AuthConfig{}, wrong // not the error itself, which may repeat what it could not decode
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

// directoryFiles are where a directory has credentials, in the order in which they are looked at.
var directoryFiles = []struct {
	path  string
	parse func([]byte) (logins, error)
}{
	{sandboxConfig, parseConfig},
	{sandboxLegacy, parseLegacy},
}

// The owners of directories with credentials, as people know them.
const (
	ofSandbox = "the sandbox"
	ofAgent   = "the agent's docker_config"
)

// directoryLogin returns the login for a registry that a directory has, encoded, and the file it is from. Both are empty if there
// is none, or no directory.
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
			return encodeLogin(login, c.path+" of "+owner)
		}
	}
	return "", "", nil
}

// encodeLogin puts a login into the form that the Engine takes.
func encodeLogin(login registry.AuthConfig, source string) (auth, from string, err error) {
	auth, err = registry.EncodeAuthConfig(login)
	return auth, source, err
}
