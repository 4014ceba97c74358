package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"mesos-docker-containerizer/internal/agentflag"
	"mesos-docker-containerizer/internal/strictjson"
)

// hidden is shown in place of a secret.
const hidden = "(set, not shown)"

// Secret is text that no print, log or encoding shows. Convert it to []byte to
// use it.
type Secret []byte

// Format implements fmt.Formatter for every verb, since some of them would
// otherwise print the bytes.
func (Secret) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, hidden) }

func (Secret) String() string { return hidden }

// MarshalText keeps the secret from encoders that look for it.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// dockerConfigValue accepts any JSON object. Which registries are in it is for
// the code that pulls images to say. The errors of encoding/json can quote the
// document, so only the place of the mistake is taken from them.
func dockerConfigValue(p *Secret) value {
	read := func(s string) (Secret, error) {
		object := map[string]json.RawMessage{}
		err := json.Unmarshal([]byte(s), &object)
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			return nil, fmt.Errorf("it is not valid JSON, the first mistake is at byte %d", syntax.Offset)
		}
		if err != nil || object == nil {
			return nil, errors.New("it is JSON but not an object")
		}
		return Secret(s), nil
	}
	write := func(s Secret) string { return string(s) }
	return field[Secret]{target: p, read: read, write: write, wants: "a JSON object, or the absolute path of a file with one", as: document}
}

func dnsValue(p **agentflag.ContainerDNS) value {
	read := func(s string) (*agentflag.ContainerDNS, error) { return agentflag.ParseDNS([]byte(s)) }
	write := func(dns *agentflag.ContainerDNS) string {
		if dns == nil {
			return ""
		}
		return marshal(dns)
	}
	wants := `JSON such as {"docker":[{"network_mode":"BRIDGE","dns":{"nameservers":["192.0.2.1"]}}]}, or the absolute path of a file with it`
	return field[*agentflag.ContainerDNS]{target: p, read: read, write: write, wants: wants, as: document}
}

// logOptsValue accepts a list, or a JSON object for values with commas in them.
func logOptsValue(p *map[string]string) value {
	read := func(s string) (map[string]string, error) {
		opts := map[string]string{}
		if strings.HasPrefix(s, "{") {
			if err := json.Unmarshal([]byte(s), &opts); err != nil {
				return nil, errors.New("it is not a JSON object of strings")
			}
			if _, nameless := opts[""]; nameless {
				return nil, errors.New("an option has no name")
			}
			return opts, nil
		}
		if strings.Contains(s, ";") {
			return nil, errSemicolon
		}
		for item := range strings.SplitSeq(s, ",") {
			key, val, ok := strings.Cut(strings.TrimSpace(item), "=")
			if !ok || key == "" {
				return nil, errors.New("an item of the list is not key=value")
			}
			if _, twice := opts[key]; twice {
				return nil, fmt.Errorf("%q is in it twice", strictjson.Shorten(key))
			}
			opts[key] = val
		}
		return opts, nil
	}
	return field[map[string]string]{target: p, read: read, write: formatLogOpts, wants: "a list such as max-size=5m,max-file=2, or a JSON object of strings"}
}

func formatLogOpts(opts map[string]string) string {
	if len(opts) == 0 {
		return ""
	}
	var items []string
	for _, key := range slices.Sorted(maps.Keys(opts)) {
		item := key + "=" + opts[key]
		if strings.ContainsAny(key, "={") || strings.ContainsAny(item, ",;") || strings.TrimSpace(item) != item {
			return marshal(opts)
		}
		items = append(items, item)
	}
	return strings.Join(items, ",")
}

// maskLogOpts replaces the values of options that carry credentials, such as
// splunk-token.
func maskLogOpts(opts map[string]string) map[string]string {
	masked := maps.Clone(opts)
	for key := range masked {
		for _, word := range []string{"token", "secret", "password", "credential"} {
			if strings.Contains(strings.ToLower(key), word) {
				masked[key] = "(not shown)"
			}
		}
	}
	return masked
}

// marshal writes v, which holds nothing that cannot be encoded, in one line.
func marshal(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}
