package image

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/registry"
)

// DockerConfig is a file of credentials that the operator of the host has written.
type DockerConfig struct {
	Source  string // what it is called in messages: "docker_config", say
	Content []byte // a config.json, or in the form of a .dockercfg (contract 1.2, step 4)
}

// adminFile is what a DockerConfig says. Unlike a task's it may name credential helpers.
type adminFile struct {
	source  string
	logins  logins
	helpers map[string]string // name of the helper by registry
	store   string            // name of the helper for all others; empty for none
}

// parseAdmin reads a file of either form: one with a key that only a config.json has is one.
func parseAdmin(c DockerConfig) (adminFile, error) {
	file := adminFile{source: c.Source}
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
		if !isHelperName(helper) {
			return file, fmt.Errorf("not usable: %w for registry %q", errHelperName, registry)
		}
	}
	if file.store != "" && !isHelperName(file.store) {
		return file, fmt.Errorf("not usable: %w as credsStore", errHelperName)
	}
	return file, nil
}

// helper returns the name of the helper for a registry and the address to ask it for; both are empty if there is none.
func (f adminFile) helper(domain string) (name, address string) {
	exact := domain
	if domain == "docker.io" {
		exact = hub
	}
	// The addresses are looked up like those of logins, whose values do not matter for that.
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

// adminLogin returns the operator's credentials for a registry, encoded, and where they are from; both are empty if there are
// none. With an error source says whose it is.
func (p *Puller) adminLogin(ctx context.Context, named reference.Named) (auth, source string, err error) {
	domain := reference.Domain(named)
	for _, file := range p.admin {
		login, source, err := file.login(ctx, domain, p.helperDirectories)
		if err != nil {
			return "", file.source, fmt.Errorf("%s: %w", file.source, err)
		}
		if source != "" {
			return encodeLogin(login, source)
		}
	}
	return "", "", nil
}

// login asks the helper for the registry, if one is named, and then looks for a plain login.
func (f adminFile) login(ctx context.Context, domain string, directories []string) (login registry.AuthConfig, source string, err error) {
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
