package image

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/registry"
)

// DockerConfig is a file with credentials of the host's operator.
type DockerConfig struct {
	Source  string // its name in messages, such as "docker_config"
	Content []byte // a config.json or a .dockercfg (contract 1.2, step 4)
}

// operator is what the host's operator can change while a Puller works.
type operator struct {
	files []operatorFile
	marks bool
}

// operatorFile is a parsed DockerConfig. Unlike a task's file it may name credential helpers.
type operatorFile struct {
	source  string
	logins  logins
	helpers map[string]string // helper names by registry
	store   string            // helper name for all other registries; empty for none
}

// parseOperatorFile parses a file of either form. A key of config.json tells which form it is.
func parseOperatorFile(c DockerConfig) (operatorFile, error) {
	file := operatorFile{source: c.Source}
	var err error
	if file.logins, err = parseLegacy(c.Content); err != nil {
		return file, err
	}
	modern := false
	for _, key := range []string{"auths", "credHelpers", "credsStore"} {
		_, found := file.logins[key]
		modern = modern || found
	}
	if !modern {
		return file, nil
	}
	if file.logins, err = parseConfig(c.Content); err != nil {
		return file, err
	}
	var named struct {
		CredHelpers map[string]string `json:"credHelpers"`
		CredsStore  string            `json:"credsStore"`
	}
	if err := json.Unmarshal(c.Content, &named); err != nil {
		return file, fmt.Errorf(`not usable: its "credHelpers" or "credsStore" is not made of names`)
	}
	file.helpers, file.store = named.CredHelpers, named.CredsStore
	for registry, helper := range file.helpers {
		if !helperName.MatchString(helper) {
			return file, fmt.Errorf("not usable: %w for registry %q", errHelperName, registry)
		}
	}
	if file.store != "" && !helperName.MatchString(file.store) {
		return file, fmt.Errorf("not usable: %w as credsStore", errHelperName)
	}
	return file, nil
}

// helper returns the helper for a registry and the address to ask it for. Both are empty for none.
func (f operatorFile) helper(domain string) (name, address string) {
	exact := domain
	if domain == "docker.io" {
		exact = hub
	}
	// Helpers are found by the same rules as logins; only the addresses of these matter.
	addresses := make(logins, len(f.helpers))
	for address := range f.helpers {
		addresses[address] = nil
	}
	if found := addresses.addresses(domain); len(found) > 0 {
		return f.helpers[found[0]], exact
	}
	if f.store == "" {
		return "", ""
	}
	return f.store, exact
}

// operatorLogin returns the operator's encoded credentials for a registry and their source. Both are empty for none. With an error,
// source is the file that caused it.
func (p *Puller) operatorLogin(ctx context.Context, named reference.Named) (auth, source string, err error) {
	domain := reference.Domain(named)
	for _, file := range p.operator.Load().files {
		login, source, err := file.login(ctx, domain, p.helperDirectories)
		if err != nil {
			return "", file.source, fmt.Errorf("%s: %w", file.source, err)
		}
		if source != "" {
			auth, err = registry.EncodeAuthConfig(login)
			return auth, source, err
		}
	}
	return "", "", nil
}

// login asks the registry's helper, if any, and then looks for a plain login.
func (f operatorFile) login(ctx context.Context, domain string, directories []string) (login registry.AuthConfig, source string, err error) {
	if name, address := f.helper(domain); name != "" {
		login, found, err := askHelper(ctx, directories, name, address)
		if err != nil {
			return login, "", err
		}
		if found {
			return login, fmt.Sprintf("%s (credential helper %s)", f.source, name), nil
		}
	}
	login, found, err := f.logins.find(domain)
	if err != nil || !found {
		return login, "", err
	}
	return login, f.source, nil
}
