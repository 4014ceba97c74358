package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"strings"

	"mesos-docker-containerizer/config"
	executor "mesos-docker-containerizer/executor/manual"
)

const manualUsage = `
Usage: mesos-docker-containerizer manual mesos-docker-containerizer|mesos-docker-executor

Prints a manual page for man. Packages install both.
`

var manuals = []string{program, executor.Program}

// manual prints the page of a program.
func manual(*flag.FlagSet) action {
	return func(t terminal, _ *config.Config, arguments []string) error {
		pages := map[string]func(*page){program: ownManual, executor.Program: executorManual}
		if len(arguments) != 1 || pages[arguments[0]] == nil {
			return withStatus(exitUsage, fmt.Errorf("name one program: %s", strings.Join(manuals, ", ")))
		}
		p := &page{bufio.NewWriter(t.stdout)}
		fmt.Fprintf(p, ".TH %s 1 \"\" \"%s %s\"\n", strings.ToUpper(arguments[0]), roff(program), roff(version))
		pages[arguments[0]](p)
		return p.Flush()
	}
}

func ownManual(p *page) {
	p.section("NAME", program+" - run the Docker containers of Mesos tasks")
	p.section("SYNOPSIS", program+" SUBCOMMAND [FLAG...] [ARGUMENT...]")
	p.section("DESCRIPTION", "The Docker side of a Mesos agent: a daemon that owns the Docker Engine and a small executor that the agent starts per task. "+
		"Subcommands run the daemon, set it up, and show what it does.")
	for _, c := range commands() {
		p.section(strings.ToUpper(c.name))
		p.verbatim(c.usage)
		own, _ := c.flags()
		own.VisitAll(func(f *flag.Flag) { p.item(flagText(f)) })
	}
	p.section("SETTINGS", "Every setting is a flag of every subcommand but completion, manual and version, and a file below /etc/mesos-docker-containerizer: "+
		"the name of the file is the flag, its content the value.")
	for _, s := range config.Describe() {
		text := s.Doc + " Accepted: " + s.Accepts + "."
		if s.Default != "" {
			text += " Default: " + s.Default + "."
		}
		p.item("--"+s.Name+"=VALUE", strings.ReplaceAll(text, "`", ""))
	}
	p.section("SEE ALSO", executor.Program+"(1), /usr/share/doc/"+program)
}

func executorManual(p *page) {
	p.section("NAME", executor.Program+" - run one Mesos task in a Docker container")
	p.section("SYNOPSIS", executor.Program+" [FLAG...]")
	p.section("DESCRIPTION", executor.Description...)
	p.section("FLAGS")
	for _, f := range executor.Flags {
		spelling := "--" + f.Name
		if f.Value != "" {
			spelling += "=" + f.Value
		}
		p.item(spelling, f.Doc)
	}
	p.section("SEE ALSO", program+"(1)")
}

// page writes a manual page in roff.
type page struct{ *bufio.Writer }

// roff escapes text so that man shows it as it is.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`, `"`, `\(dq`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") { // would be a request
		return `\&` + text
	}
	return text
}

func (p *page) section(title string, paragraphs ...string) {
	fmt.Fprintf(p, ".SH %s\n", roff(title))
	for _, text := range paragraphs {
		fmt.Fprintf(p, "%s\n.PP\n", roff(text))
	}
}

// item writes a term, and indented below it what it means.
func (p *page) item(term, text string) {
	fmt.Fprintf(p, ".TP\n.B %s\n%s\n", roff(term), roff(strings.ReplaceAll(text, "\n", " ")))
}

// verbatim writes text whose lines stay as they are.
func (p *page) verbatim(text string) {
	io.WriteString(p, ".nf\n")
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		fmt.Fprintln(p, roff(line))
	}
	io.WriteString(p, ".fi\n")
}
