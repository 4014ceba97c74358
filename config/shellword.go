package config

import (
	"errors"
	"fmt"
	"strings"

	"mesos-docker-containerizer/internal/strictjson"
)

// word reads one word and takes off its quotes.
func (p *shellParser) word() (shellWord, error) {
	w := shellWord{line: p.line}
	start := p.pos
	if head := assignmentHead.FindStringSubmatch(p.rest()); head != nil {
		w.name = head[1]
		p.skip(len(head[0]))
		switch {
		case head[2] != "":
			w.fault = faultf("the variable is an array")
		case head[3] != "":
			w.fault = faultf("it is appended to")
		}
		if strings.HasPrefix(p.rest(), "(") {
			w.fault = faultf("the variable is an array")
			p.skip(1)
			if err := p.skipNested(')'); err != nil {
				return w, err
			}
		}
	}
	head := p.text[start:p.pos]
	value, err := p.wordText(&w)
	w.text, w.value = head+value, value
	return w, err
}

func faultf(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, errShell)...)
}

// wordText reads up to the end of a word.
func (p *shellParser) wordText(w *shellWord) (string, error) {
	var b strings.Builder
	for !p.end() {
		c := p.text[p.pos]
		var err error
		switch c {
		case ' ', '\t', '\n', ';', '&', '|', '(', ')', '<', '>':
			return b.String(), nil
		case '\'':
			err = p.singleQuoted(&b)
		case '"':
			err = p.doubleQuoted(&b, w)
		case '\\':
			p.escaped(&b)
		case '$':
			err = p.dollar(&b, w)
		case '`':
			err = p.backquoted(w)
		case '~':
			if b.Len() == 0 || strings.HasSuffix(b.String(), ":") {
				w.fault = faultf("~ stands for a home directory")
			}
			fallthrough
		default:
			b.WriteByte(c)
			p.skip(1)
		}
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func (p *shellParser) singleQuoted(b *strings.Builder) error {
	text, _, closed := strings.Cut(p.rest()[1:], "'")
	if !closed {
		return errors.New("the ' has no second one")
	}
	b.WriteString(text)
	p.skip(len(text) + 2)
	return nil
}

// escaped reads a backslash and what it keeps from being special. Before a
// line's end it takes both away.
func (p *shellParser) escaped(b *strings.Builder) {
	p.skip(1)
	if p.end() {
		b.WriteByte('\\')
		return
	}
	if c := p.text[p.pos]; c != '\n' {
		b.WriteByte(c)
	}
	p.skip(1)
}

func (p *shellParser) doubleQuoted(b *strings.Builder, w *shellWord) error {
	unclosed := fmt.Errorf(`the " of line %d has no second one`, p.line)
	p.skip(1)
	for !p.end() {
		c := p.text[p.pos]
		var err error
		switch c {
		case '"':
			p.skip(1)
			return nil
		case '\\':
			// The backslash stays before all but these.
			if p.pos+1 < len(p.text) && strings.IndexByte("$`\"\\\n", p.text[p.pos+1]) < 0 {
				b.WriteByte(c)
				p.skip(1)
				continue
			}
			p.escaped(b)
		case '$':
			// A quote after $ is special outside of quotes only.
			if next := p.rest()[1:]; strings.HasPrefix(next, `"`) || strings.HasPrefix(next, "'") {
				b.WriteByte(c)
				p.skip(1)
				continue
			}
			err = p.dollar(b, w)
		case '`':
			err = p.backquoted(w)
		default:
			b.WriteByte(c)
			p.skip(1)
		}
		if err != nil {
			return err
		}
	}
	return unclosed
}

// dollar reads an expansion, which is a fault, or a dollar that is none.
func (p *shellParser) dollar(b *strings.Builder, w *shellWord) error {
	p.skip(1)
	for strings.HasPrefix(p.rest(), "\\\n") { // a shell joins lines before it looks
		p.skip(2)
	}
	rest := p.rest()
	name := variableName.FindString(rest)
	switch {
	case strings.HasPrefix(rest, "("):
		w.fault = faultf("$(…) runs a command")
		p.skip(1)
		return p.skipNested(')')
	case strings.HasPrefix(rest, "{"):
		w.fault = faultf("${…} stands for another variable")
		p.assigned(rest[1:])
		p.skip(1)
		return p.skipNested('}')
	case strings.HasPrefix(rest, "'"):
		w.fault = faultf("$'…' is special to one shell")
		p.skip(1)
		return p.skipTo('\'')
	case strings.HasPrefix(rest, `"`):
		w.fault = faultf(`$"…" is special to one shell`)
	case name != "":
		w.fault = faultf("$%s stands for another variable", strictjson.Shorten(name))
		p.skip(len(name))
	case rest != "" && strings.IndexByte("0123456789@*#?-$!", rest[0]) >= 0:
		w.fault = faultf("$%c stands for another variable", rest[0])
		p.skip(1)
	default:
		b.WriteByte('$')
	}
	return nil
}

// assigned keeps the variable that an expansion like ${NAME:=default} sets.
func (p *shellParser) assigned(expansion string) {
	name := variableName.FindString(expansion)
	after := strings.TrimPrefix(expansion[len(name):], ":")
	if name != "" && strings.HasPrefix(after, "=") {
		p.result[name] = assignment{line: p.line, fault: faultf("${…=…} gives it a default")}
	}
}

func (p *shellParser) backquoted(w *shellWord) error {
	w.fault = faultf("`…` runs a command")
	p.skip(1)
	return p.skipTo('`')
}

// skipTo skips to behind the next quote that has no backslash before it.
func (p *shellParser) skipTo(quote byte) error {
	line := p.line
	for !p.end() {
		c := p.text[p.pos]
		if c == '\\' && p.pos+1 < len(p.text) {
			p.skip(1)
		}
		p.skip(1)
		if c == quote {
			return nil
		}
	}
	return fmt.Errorf("the %c of line %d has no second one", quote, line)
}

// skipNested skips to behind the bracket that closes one already read, over
// quotes and over brackets of the same kind.
func (p *shellParser) skipNested(closing byte) error {
	opening := map[byte]byte{')': '(', '}': '{'}[closing]
	line, depth := p.line, 1
	for !p.end() && depth > 0 {
		c := p.text[p.pos]
		var err error
		switch c {
		case '\'':
			err = p.singleQuoted(new(strings.Builder))
		case '"', '`':
			p.skip(1)
			err = p.skipTo(c)
		case '\\':
			p.skip(min(2, len(p.rest())))
		case opening:
			depth++
			p.skip(1)
		case closing:
			depth--
			p.skip(1)
		default:
			p.skip(1)
		}
		if err != nil {
			return err
		}
	}
	if depth > 0 {
		return fmt.Errorf("the %c of line %d is not closed", opening, line)
	}
	return nil
}
