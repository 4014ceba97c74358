package config

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"mesos-docker-containerizer/internal/strictjson"
)

// Setting is one flag of a Config as a person should see it.
type Setting struct {
	Name string
	// Value is empty where the flag is not set. It stands in for a secret.
	Value  string
	Origin Origin
	// Restart names what makes a change take effect: a reload of the daemon, or restarts.
	Restart string
	// Doc says what the flag does, with code in backquotes.
	Doc string
}

// Description is a flag without the value that it has in a Config.
type Description struct {
	Name string
	// Doc says what the flag does, and Accepts which values it takes.
	Doc, Accepts string
	// Default is empty where the flag is not set by default.
	Default string
	// Boolean flags may stand without a value, and with no- before the name.
	Boolean bool
	// Choices are all accepted values, nil where they cannot be listed.
	Choices []string
}

// Describe lists every flag, in the order of the table.
func Describe() []Description {
	all := make([]Description, 0, len(flags))
	for _, f := range flags {
		v := f.bind(new(Config))
		d := Description{Name: f.name, Doc: f.doc, Accepts: v.accepts(), Default: f.standard, Boolean: v.form() == boolean}
		if c, ok := v.(interface{ choices() []string }); ok {
			d.Choices = c.choices()
		}
		all = append(all, d)
	}
	return all
}

// Effective lists every flag, in the order of the table.
func (c *Config) Effective() []Setting {
	all := make([]Setting, 0, len(flags))
	for _, f := range flags {
		all = append(all, Setting{
			Name:    f.name,
			Value:   f.shown(c),
			Origin:  c.Origin(f.name),
			Restart: f.restart(),
			Doc:     f.doc,
		})
	}
	return all
}

// shown is the flag's value without its secrets.
func (f *flag) shown(c *Config) string {
	text := f.bind(c).text()
	switch {
	case f.secret && text != "":
		return hidden
	case f.name == "log_opts":
		return formatLogOpts(maskLogOpts(c.LogOpts))
	}
	return text
}

// Row is a Setting in words.
type Row struct {
	Name    string  `json:"name"`
	Value   *string `json:"value"` // nil where the flag is not set
	Layer   string  `json:"layer"`
	Origin  string  `json:"origin"`
	Restart string  `json:"restart"`
	Doc     string  `json:"doc"`
}

// Rows lists every flag, in the order of the table.
func (c *Config) Rows() []Row {
	var rows []Row
	for _, s := range c.Effective() {
		r := Row{s.Name, &s.Value, s.Origin.Layer.String(), s.Origin.String(), s.Restart, s.Doc}
		if s.Value == "" {
			r.Value = nil
		}
		rows = append(rows, r)
	}
	return rows
}

// Print writes a table of flags for people: name, value and origin. Long
// values are shortened; [PrintJSON] has them in full.
func Print(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FLAG\tVALUE\tFROM")
	for _, r := range rows {
		value := "(not set)"
		if r.Value != nil {
			value = strictjson.Shorten(printable(*r.Value))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", r.Name, value, printable(r.Origin))
	}
	return t.Flush()
}

// printable quotes text that would not stay within its cell.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// PrintJSON writes flags, or whatever else there is to tell of them, in JSON
// for programs.
func PrintJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
