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
		all = append(all, Description{f.name, f.doc, v.accepts(), f.standard, v.form() == boolean, v.choices()})
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

// Row is one flag of a Config, for people.
type Row struct {
	Name    string  `json:"name"`
	Value   *string `json:"value"` // nil where the flag is not set; of a secret, that it is set
	Layer   string  `json:"layer"`
	Origin  string  `json:"origin"`
	Restart string  `json:"restart"` // what makes a change take effect: a reload of the daemon, or restarts
	Doc     string  `json:"doc"`     // what the flag does, with code in backquotes
}

// Text is the value; empty where the flag is not set.
func (r Row) Text() string {
	if r.Value == nil {
		return ""
	}
	return *r.Value
}

// Rows lists every flag, in the order of the table.
func (c *Config) Rows() []Row {
	var rows []Row
	for _, f := range flags {
		origin := c.Origin(f.name)
		r := Row{f.name, nil, origin.Layer.String(), origin.String(), f.restart(), f.doc}
		if text := f.shown(c); text != "" {
			r.Value = &text
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

// PrintJSON writes flags, or facts about them, in JSON for programs.
func PrintJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
