package parameters

import (
	"encoding/csv"
	"fmt"
	"strings"

	"github.com/docker/cli/opts"
	"github.com/docker/docker/api/types/mount"
	"github.com/spf13/pflag"
)

// createSource is the part of a mount by which docker 29 has the Engine make a source that is missing. The parser here is older.
const createSource = "bind-create-src"

// mounts is docker's value of the option mount, for which it reads that part.
type mounts struct{ *opts.MountOpt }

// readCreateSource has a command's option mount read the part.
func readCreateSource(flags *pflag.FlagSet) {
	if option := flags.Lookup("mount"); option != nil {
		if value, ok := option.Value.(*opts.MountOpt); ok {
			option.Value = mounts{value}
		}
	}
}

// Set implements pflag.Value.
func (m mounts) Set(value string) error {
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return m.MountOpt.Set(value) // which says so in its own words
	}
	rest := []string{"type=volume"} // as docker has it where nothing is said
	create, given := false, false
	for _, field := range fields {
		key, text, hasValue := strings.Cut(field, "=")
		if strings.ToLower(key) != createSource {
			rest = append(rest, field)
			continue
		}
		given = true
		switch {
		case !hasValue, text == "1", text == "true":
			create = true
		case text == "0", text == "false":
			create = false
		default:
			return fmt.Errorf(`invalid value for '%s': invalid boolean value (%q): must be one of "true", "1", "false", or "0" (default "true")`, createSource, text)
		}
	}
	if !given {
		return m.MountOpt.Set(value)
	}
	var line strings.Builder
	writer := csv.NewWriter(&line)
	if err := writer.Write(rest); err != nil {
		return err
	}
	writer.Flush()
	if err := m.MountOpt.Set(strings.TrimSuffix(line.String(), "\n")); err != nil {
		return err
	}
	all := m.Value()
	last := &all[len(all)-1]
	if last.Type != mount.TypeBind {
		return fmt.Errorf("cannot mix 'bind-*' options with mount type '%s'", last.Type)
	}
	if last.BindOptions == nil {
		last.BindOptions = &mount.BindOptions{}
	}
	last.BindOptions.CreateMountpoint = create
	return nil
}
