package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// assignment is what a shell file makes of one variable.
type assignment struct {
	value string
	line  int
	// fault says why only a shell could tell the value.
	fault error
}

// errShell marks values that depend on a shell running the file.
var errShell = errors.New("only a shell could tell the value")

// parseShell reads the assignments of a file in shell syntax as a shell that
// sources the file would, without running anything: comments, quotes,
// backslashes, export, unset, here-documents. The result is by the variable's
// name. Its errors name the line.
//
// A value that takes a shell to tell (an expansion, a command, an assignment
// that depends on a condition) carries a fault, since most of a file like
// /etc/default/mesos is of no interest to us. Files that this one sources are
// not followed.
func parseShell(text string) (map[string]assignment, error) {
	p := &shellParser{text: text, line: 1, result: map[string]assignment{}}
	for !p.end() {
		if err := p.step(); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	p.finish("")
	return p.result, nil
}

// shellWord is one word of a command, quotes taken off.
type shellWord struct {
	text string
	// name and value are set where the word has the form of an assignment.
	name  string
	value string
	line  int
	// fault is set where the text is not what a shell would make of it.
	fault error
}

// shellParser cuts a file into commands and keeps their assignments.
type shellParser struct {
	text string
	pos  int
	line int

	command []shellWord
	// joined says that the command before this one decides whether it runs.
	joined bool
	// depth counts compound commands and parens subshells that are open.
	depth, parens int
	// heredocs are the delimiters of here-documents that begin after this line.
	heredocs []heredoc
	result   map[string]assignment
}

type heredoc struct {
	delimiter string
	tabs      bool
}

func (p *shellParser) end() bool { return p.pos >= len(p.text) }

// rest is what has not been read.
func (p *shellParser) rest() string { return p.text[p.pos:] }

// skip moves over n bytes and counts their lines.
func (p *shellParser) skip(n int) {
	p.line += strings.Count(p.text[p.pos:p.pos+n], "\n")
	p.pos += n
}

// step reads one token.
func (p *shellParser) step() error {
	rest := p.rest()
	switch {
	case strings.HasPrefix(rest, "\\\n"):
		p.skip(2)
	case rest[0] == ' ' || rest[0] == '\t':
		p.skip(1)
	case rest[0] == '#':
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			p.skip(n)
		} else {
			p.skip(len(rest))
		}
	case rest[0] == '\n':
		p.finish("\n")
		p.skip(1)
		p.skipHeredocs()
	case strings.HasPrefix(rest, "&>"):
		p.skip(1)
	case rest[0] == '<' || rest[0] == '>':
		return p.redirection()
	case strings.IndexByte(";&|()", rest[0]) >= 0:
		p.operator()
	default:
		w, err := p.word()
		// A number before < or > is a file descriptor.
		number := w.text != "" && strings.Trim(w.text, "0123456789") == ""
		if err == nil && !(number && !p.end() && strings.IndexByte("<>", p.text[p.pos]) >= 0) {
			p.command = append(p.command, w)
		}
		return err
	}
	return nil
}

func (p *shellParser) operator() {
	operators := []string{"&&", "||", ";;", "|&", ";", "&", "|", "(", ")"}
	n := slices.IndexFunc(operators, func(o string) bool { return strings.HasPrefix(p.rest(), o) })
	p.finish(operators[n])
	p.skip(len(operators[n]))
	switch operators[n] {
	case "(":
		p.parens++
	case ")":
		// The one after a pattern of case closes nothing.
		p.parens = max(p.parens-1, 0)
	}
}

// redirection skips < and > with what they redirect to, and remembers a
// here-document.
func (p *shellParser) redirection() error {
	n := len(p.rest()) - len(strings.TrimLeft(p.rest(), "<>&|"))
	operator := p.rest()[:n]
	p.skip(n)
	document := operator == "<<"
	tabs := document && strings.HasPrefix(p.rest(), "-")
	if tabs {
		p.skip(1)
	}
	for !p.end() && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.skip(1)
	}
	if strings.HasPrefix(p.rest(), "(") {
		p.skip(1)
		return p.skipNested(')')
	}
	if p.end() || strings.IndexByte("\n;&|<>()", p.text[p.pos]) >= 0 {
		return nil
	}
	w, err := p.word()
	if document {
		p.heredocs = append(p.heredocs, heredoc{w.text, tabs})
	}
	return err
}

// skipHeredocs skips the here-documents that begin at this line. One without
// its end takes the rest of the file, as it does in a shell.
func (p *shellParser) skipHeredocs() {
	for _, h := range p.heredocs {
		for !p.end() {
			line, _, more := strings.Cut(p.rest(), "\n")
			if more {
				p.skip(len(line) + 1)
			} else {
				p.skip(len(line))
			}
			if h.tabs {
				line = strings.TrimLeft(line, "\t")
			}
			if line == h.delimiter {
				break
			}
		}
	}
	p.heredocs = nil
}

// finish ends the command that has been read; operator is what follows it.
func (p *shellParser) finish(operator string) {
	words := p.reserved(p.command)
	p.command = nil
	conditional := p.joined || p.depth > 0 || p.parens > 0 || operator == "|" || operator == "|&" || operator == "&"
	if len(words) > 0 || operator != "\n" {
		p.joined = operator == "&&" || operator == "||" || operator == "|" || operator == "|&"
	}
	for _, w := range assignments(words) {
		if conditional {
			w.fault = fmt.Errorf("it is assigned under a condition or in a subshell: %w", errShell)
		}
		p.result[w.name] = assignment{w.value, w.line, w.fault}
	}
}

// reserved takes the reserved words off the front of a command and counts what
// they open and close.
func (p *shellParser) reserved(words []shellWord) []shellWord {
	for len(words) > 0 {
		switch words[0].text {
		case "if", "while", "until", "for", "select", "case", "{":
			p.depth++
		case "fi", "done", "esac", "}":
			p.depth = max(p.depth-1, 0)
		case "then", "elif", "else", "do", "!", "time":
		default:
			return words
		}
		words = words[1:]
	}
	return words
}

// assignments are those of a simple command. One before a command is only for
// the command, and so none of them.
func assignments(words []shellWord) []shellWord {
	n := slices.IndexFunc(words, func(w shellWord) bool { return w.name == "" })
	if n < 0 {
		return words
	}
	arguments := words[n+1:]
	switch words[n].text {
	case "export", "readonly", "declare", "typeset":
		// Its options and bare names change no value.
		named := slices.DeleteFunc(slices.Clone(arguments), func(w shellWord) bool { return w.name == "" })
		return append(slices.Clone(words[:n]), named...)
	case "unset":
		return unsets(arguments)
	}
	return nil
}

// unsets are the variables that unset takes away.
func unsets(words []shellWord) []shellWord {
	var all []shellWord
	for _, w := range words {
		if name := variableName.FindString(w.text); name != "" && name == w.text {
			all = append(all, shellWord{name: name, line: w.line, fault: errUnset})
		}
	}
	return all
}

// errUnset marks a variable that the file takes away again.
var errUnset = errors.New("the variable is unset")

var (
	variableName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)
	assignmentHead = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(\[[^]\n]*\])?(\+?)=`)
)
