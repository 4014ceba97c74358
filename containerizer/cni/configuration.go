package cni

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/cni/libcni"
)

// Bounds of a directory of configurations. It is an admin's, and hosts have a handful of small files in it.
const (
	maxFiles    = 1000
	maxFileSize = 1 << 20
)

// Network is defined by an admin's file.
type Network struct {
	Name, File string
	content    []byte
}

// Networks are those of a host, by name.
type Networks map[string]Network

// Names lists the networks, for people.
func (n Networks) Names() string {
	if len(n) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(n)), ", ")
}

// Load reads every file in the directories, in the order of these and of the files' names. Of several files that define one network
// the first counts. The error names the files that were passed over, and does not keep the rest from being used.
func Load(directories []string) (Networks, error) {
	found := Networks{}
	var errs []error
	for _, directory := range directories {
		errs = append(errs, found.loadDirectory(directory))
	}
	return found, errors.Join(errs...)
}

func (n Networks) loadDirectory(directory string) error {
	opened, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer opened.Close()
	names, err := opened.Readdirnames(maxFiles + 1)
	var errs []error
	if err != nil && !errors.Is(err, io.EOF) {
		errs = append(errs, err)
	}
	if len(names) > maxFiles {
		names = names[:maxFiles]
		errs = append(errs, fmt.Errorf("%s: only %d of its files were looked at", directory, maxFiles))
	}
	slices.Sort(names)
	for _, name := range names {
		file := filepath.Join(directory, name)
		content, err := readBounded(file)
		if content == nil && err == nil {
			continue // not a regular file
		}
		var named struct {
			Name string `json:"name"`
		}
		if err == nil {
			err = json.Unmarshal(content, &named)
		}
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		case named.Name == "":
			errs = append(errs, fmt.Errorf("%s: it has no name", file))
		case n[named.Name].Name == "":
			n[named.Name] = Network{named.Name, file, content}
		}
	}
	return errors.Join(errs...)
}

// readBounded returns nil for what is no regular file. Opening a pipe would hang.
func readBounded(file string) ([]byte, error) {
	status, err := os.Stat(file)
	if err != nil || !status.Mode().IsRegular() {
		return nil, err
	}
	opened, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, maxFileSize+1))
	if err == nil && len(content) > maxFileSize {
		err = fmt.Errorf("it is larger than %d bytes", maxFileSize)
	}
	return content, err
}

// mesosArgs is the key under which Mesos's network/cni isolator passes the NetworkInfo. It is reserved: a file must not set it.
const mesosArgs = "org.apache.mesos"

// describe returns the network as a list of plugins, each with the NetworkInfo among its args, and the text of that list.
func (n Network) describe(networkInfo json.RawMessage) (*libcni.NetworkConfigList, json.RawMessage, error) {
	list, text, err := n.withArgs(networkInfo)
	if err != nil {
		return nil, nil, &Error{Network: n.Name, File: n.File, err: fmt.Errorf("the configuration is wrong: %w", err)}
	}
	return list, text, nil
}

func (n Network) withArgs(networkInfo json.RawMessage) (*libcni.NetworkConfigList, json.RawMessage, error) {
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(n.content, &whole); err != nil {
		return nil, nil, err
	}
	var plugins []map[string]json.RawMessage
	if raw, isList := whole["plugins"]; !isList {
		plugins = append(plugins, whole)
		whole = map[string]json.RawMessage{"name": whole["name"]}
		if version := plugins[0]["cniVersion"]; version != nil {
			whole["cniVersion"] = version
		}
	} else if err := json.Unmarshal(raw, &plugins); err != nil {
		return nil, nil, fmt.Errorf("plugins: %w", err)
	}
	for _, plugin := range plugins {
		args := map[string]json.RawMessage{}
		if raw := plugin["args"]; raw != nil {
			if err := json.Unmarshal(raw, &args); err != nil {
				return nil, nil, fmt.Errorf("args: %w", err)
			}
		}
		if args[mesosArgs] != nil {
			return nil, nil, fmt.Errorf("args: %s is reserved by Mesos", mesosArgs)
		}
		if plugin == nil || networkInfo == nil {
			continue // null is refused below
		}
		if args == nil {
			args = map[string]json.RawMessage{}
		}
		args[mesosArgs] = marshal(map[string]json.RawMessage{"network_info": networkInfo})
		plugin["args"] = marshal(args)
	}
	whole["plugins"] = marshal(plugins)
	text := marshal(whole)
	list, err := libcni.ConfListFromBytes(text)
	return list, text, err
}

// marshal encodes what was decoded from JSON, which cannot fail.
func marshal(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// has reports whether a plugin of the list takes a capability.
func has(list *libcni.NetworkConfigList, capability string) bool {
	return slices.ContainsFunc(list.Plugins, func(p *libcni.PluginConfig) bool { return p.Network.Capabilities[capability] })
}
