package runspec

import (
	"encoding/csv"
	"path/filepath"
	"strings"
)

// resolveRelative makes a host path that begins with a dot absolute. The docker command takes it from its own working
// directory, which under stock is the sandbox; the parser has none, and no task may leave the sandbox by it.
func (p *parameter) resolveRelative(sandbox string) error {
	switch p.name {
	case "volume":
		host, rest, found := strings.Cut(p.value, ":")
		if !found || !strings.HasPrefix(host, ".") {
			return nil
		}
		absolute, err := p.inSandbox(sandbox, host)
		if err != nil {
			return err
		}
		if strings.Contains(absolute, ":") {
			return fault(p.field, "%s lies in a sandbox whose path holds a colon, which a volume parameter cannot name; use a mount parameter",
				Quote(host))
		}
		p.value = absolute + ":" + rest
	case "mount":
		fields, err := csv.NewReader(strings.NewReader(p.value)).Read()
		if err != nil {
			return nil // docker's parser will say so in its own words.
		}
		changed := false
		for i, field := range fields {
			key, source, _ := strings.Cut(field, "=")
			if k := strings.ToLower(key); k != "source" && k != "src" || !strings.HasPrefix(source, ".") {
				continue
			}
			absolute, err := p.inSandbox(sandbox, source)
			if err != nil {
				return err
			}
			fields[i], changed = key+"="+absolute, true
		}
		if !changed {
			return nil
		}
		var line strings.Builder
		writer := csv.NewWriter(&line)
		if err := writer.Write(fields); err != nil {
			return fault(p.field, "%v", err)
		}
		writer.Flush()
		p.value = strings.TrimSuffix(line.String(), "\n")
	}
	return nil
}

// inSandbox joins a relative path to the sandbox.
func (p *parameter) inSandbox(sandbox, relative string) (string, error) {
	if !filepath.IsLocal(relative) {
		return "", fault(p.field, "%s leaves the sandbox", Quote(relative))
	}
	return filepath.Join(sandbox, relative), nil
}
