package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"mesos-docker-containerizer/internal/agentflag"
	"mesos-docker-containerizer/internal/strictjson"

	"go.uber.org/zap/zapcore"
)

// value is one field of a Config, seen as text.
type value interface {
	// parse stores what text says. Its errors say what is wrong without
	// repeating the text, which may be secret.
	parse(text string) error
	// text is the field in a form that parse takes; empty where not set.
	text() string
	// accepts says what parse takes.
	accepts() string
	// form says how a value may be given.
	form() form
	// choices are all that parse takes, nil where they cannot be listed.
	choices() []string
}

// form is how the text of a value may be given.
type form int

const (
	_ form = iota // the text itself alone
	// boolean values may be given by a bare name, and negated by "no-".
	boolean
	// document values may be given by the path of a file that holds them.
	document
)

// field implements value for one type.
type field[T any] struct {
	target *T
	read   func(string) (T, error)
	write  func(T) string
	wants  string
	as     form
	words  []string
}

func (f field[T]) parse(text string) error {
	v, err := f.read(text)
	if err == nil {
		*f.target = v
	}
	return err
}

func (f field[T]) text() string      { return f.write(*f.target) }
func (f field[T]) accepts() string   { return f.wants }
func (f field[T]) form() form        { return f.as }
func (f field[T]) choices() []string { return f.words }

// stringValue is a field of text.
func stringValue(p *string, wants string, read func(string) (string, error)) value {
	return field[string]{target: p, read: read, write: func(s string) string { return s }, wants: wants}
}

// textValue accepts text that is right; mistake says that it is not.
func textValue(p *string, wants, mistake string, right func(string) bool) value {
	return stringValue(p, wants, func(s string) (string, error) {
		if !right(s) {
			return "", errors.New(mistake)
		}
		return s, nil
	})
}

// commasValue accepts a list with commas, without white space around its items, and stores each item once. check says what is wrong
// with an item.
func commasValue(p *[]string, wants string, check func(item string) error) value {
	read := func(s string) (items []string, err error) {
		if strings.Contains(s, ";") {
			return nil, errSemicolon
		}
		for item := range strings.SplitSeq(s, ",") {
			item = strings.TrimSpace(item)
			if err := check(item); err != nil {
				return nil, err
			}
			if !slices.Contains(items, item) {
				items = append(items, item)
			}
		}
		return items, nil
	}
	return field[[]string]{target: p, read: read, write: joined(","), wants: wants}
}

// joined writes a list with a separator.
func joined(separator string) func([]string) string {
	return func(items []string) string { return strings.Join(items, separator) }
}

// boolValue accepts what the agent accepts, where an empty value is true.
func boolValue(p *bool) value {
	read := func(s string) (bool, error) {
		switch s {
		case "true", "1", "":
			return true, nil
		case "false", "0":
			return false, nil
		}
		return false, errors.New("it is not a boolean")
	}
	return field[bool]{target: p, read: read, write: strconv.FormatBool, wants: "true, 1, false or 0", as: boolean}
}

// durationValue accepts lowest to highest; no bound above where highest is 0.
func durationValue(p *time.Duration, lowest, highest time.Duration) value {
	read := func(s string) (time.Duration, error) {
		d, err := agentflag.ParseDuration(s)
		switch {
		case err != nil:
			return 0, err
		case d < lowest:
			return 0, errors.New("it is too short")
		case highest > 0 && d > highest:
			return 0, errors.New("it is too long")
		}
		return d, nil
	}
	wants := agentflag.DurationExamples
	switch {
	case highest > 0 && lowest == 0:
		wants += ", up to " + agentflag.FormatDuration(highest)
	case highest > 0:
		wants += fmt.Sprintf(", from %s to %s", agentflag.FormatDuration(lowest), agentflag.FormatDuration(highest))
	case lowest > 0:
		wants += ", above 0"
	}
	return field[time.Duration]{target: p, read: read, write: agentflag.FormatDuration, wants: wants}
}

// optionalDurationValue is above zero where it is set, and zero where not.
func optionalDurationValue(p *time.Duration) value {
	v := durationValue(p, 1, 0).(field[time.Duration])
	v.write = func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return agentflag.FormatDuration(d)
	}
	return v
}

// countValue accepts a whole number up to highest.
func countValue(p *int, highest int) value {
	read := func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return 0, errors.New("it is not a whole number")
		}
		if n > highest {
			return 0, errors.New("it is too large")
		}
		return n, nil
	}
	return field[int]{target: p, read: read, write: strconv.Itoa, wants: fmt.Sprintf("a whole number from 0 to %d", highest)}
}

// percentValue accepts a whole number of percent and stores it as a share.
func percentValue(p *float64) value {
	read := func(s string) (float64, error) {
		number, ok := strings.CutSuffix(s, "%")
		n, err := strconv.ParseUint(number, 10, 8)
		if !ok || err != nil || n > 100 {
			return 0, errors.New("it is not a whole number of percent")
		}
		return float64(n) / 100, nil
	}
	write := func(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }
	return field[float64]{target: p, read: read, write: write, wants: "0% to 100%"}
}

// patternsValue accepts names of images in which * stands for anything.
func patternsValue(p *[]string) value {
	return commasValue(p, "a comma-separated list such as registry.example/base/*,busybox", func(item string) error {
		if item == "" || strings.ContainsFunc(item, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return errors.New("an item of the list is not the name of an image")
		}
		return nil
	})
}

// choiceValue accepts one of some words.
func choiceValue(p *string, words ...string) value {
	last := len(words) - 1
	wants := strings.Join(words[:last], ", ") + " or " + words[last]
	v := textValue(p, wants, "there is no such choice", func(s string) bool { return slices.Contains(words, s) }).(field[string])
	v.words = words
	return v
}

// consistsOf reports whether a text has nothing but letters and digits of ASCII and the given signs.
func consistsOf(s, signs string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(signs, r)
	})
}

// pathValue accepts an absolute path other than the root and stores it clean.
func pathValue(p *string) value {
	return stringValue(p, "an absolute path", absolutePath)
}

// pathsValue accepts a search path of absolute paths. Empty items do not count, as for the agent.
func pathsValue(p *[]string) value {
	read := func(s string) (paths []string, err error) {
		for item := range strings.SplitSeq(s, ":") {
			if item == "" {
				continue
			}
			path, err := absolutePath(item)
			if err != nil {
				return nil, err
			}
			paths = append(paths, path)
		}
		if paths == nil {
			return nil, errors.New("it names no directory")
		}
		return paths, nil
	}
	return field[[]string]{target: p, read: read, write: joined(":"), wants: "absolute paths with colons between them"}
}

// socketValue accepts a path that fits a socket address, bare or as a URL.
func socketValue(p *string) value {
	// sun_path of sockaddr_un has 108 bytes, one for the NUL at its end.
	const longest = 107
	return stringValue(p, "an absolute path of a Unix socket, with or without unix:// before it", func(s string) (string, error) {
		path, err := absolutePath(strings.TrimPrefix(s, "unix://"))
		if err == nil && len(path) > longest {
			return "", fmt.Errorf("a socket's path has at most %d bytes, this one has %d", longest, len(path))
		}
		return path, err
	})
}

func absolutePath(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("it is empty")
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", errors.New("it contains a control character")
	case !filepath.IsAbs(s):
		return "", errors.New("it is not an absolute path")
	}
	s = filepath.Clean(s)
	if s == "/" {
		return "", errors.New("the root directory cannot be meant")
	}
	return s, nil
}

func ipValue(p *netip.Addr) value {
	read := func(s string) (netip.Addr, error) {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			return netip.Addr{}, errors.New("it is not an IP address")
		}
		return ip, nil
	}
	write := func(ip netip.Addr) string {
		if !ip.IsValid() {
			return ""
		}
		return ip.String()
	}
	return field[netip.Addr]{target: p, read: read, write: write, wants: "an IPv4 or IPv6 address"}
}

func portValue(p *uint16) value {
	read := func(s string) (uint16, error) {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return 0, errors.New("it is not a port")
		}
		return uint16(n), nil
	}
	write := func(n uint16) string { return strconv.Itoa(int(n)) }
	return field[uint16]{target: p, read: read, write: write, wants: "a port number from 0 to 65535"}
}

// addressValue accepts where to listen with TCP.
func addressValue(p *string) value {
	read := func(s string) (string, error) {
		host, port, err := net.SplitHostPort(s)
		if err != nil || host == "" {
			return "", errors.New("it is not a host with a port")
		}
		var number uint16
		if err := portValue(&number).parse(port); err != nil {
			return "", err
		}
		if _, err := netip.ParseAddr(host); err != nil {
			if err := hostnameValue(&host).parse(host); err != nil {
				return "", err
			}
		}
		return s, nil
	}
	return stringValue(p, "a host and a port, such as 127.0.0.1:9405 or, for all addresses, 0.0.0.0:9405", read)
}

// localAddressValue accepts where to listen so that only this host can connect.
func localAddressValue(p *string) value {
	read := func(s string) (string, error) {
		if strings.Contains(s, "/") {
			var path string
			err := socketValue(&path).parse(s)
			return path, err
		}
		host, port, err := net.SplitHostPort(s)
		if err != nil {
			return "", errors.New("it is neither a host with a port nor the path of a socket")
		}
		var number uint16
		if err := portValue(&number).parse(port); err != nil {
			return "", err
		}
		if host == "localhost" {
			host = "127.0.0.1"
		}
		if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
			return "", errors.New("it is no loopback address, and what is shown there is shown without a password; " +
				"for another host, forward the port or the socket (ssh -L)")
		}
		return net.JoinHostPort(host, port), nil
	}
	return stringValue(p, "an absolute path of a Unix socket, or a loopback address and a port, such as 127.0.0.1:9406", read)
}

func hostnameValue(p *string) value {
	return textValue(p, "a host name or an address", "it is not a host name", func(s string) bool { return len(s) <= 253 && consistsOf(s, "-_.:") })
}

// containerizerNames are all that an agent knows; external went with 1.1
// (contract 6).
var containerizerNames = []string{"docker", "mesos", "external"}

func containerizersValue(p *[]string) value {
	return commasValue(p, "a comma-separated list of "+strings.Join(containerizerNames, ", "), func(name string) error {
		if !slices.Contains(containerizerNames, name) {
			return fmt.Errorf("there is no containerizer %q", strictjson.Shorten(name))
		}
		return nil
	})
}

func logDriverValue(p *string) value {
	return textValue(p, "the name of a log driver, or nothing for the Engine's own default", "it is not the name of a log driver",
		func(s string) bool { return consistsOf(s, "-_./:@") })
}

var logLevels = []zapcore.Level{zapcore.DebugLevel, zapcore.InfoLevel, zapcore.WarnLevel, zapcore.ErrorLevel}

func logLevelValue(p *zapcore.Level) value {
	var words []string
	for _, l := range logLevels {
		words = append(words, l.String())
	}
	read := func(s string) (zapcore.Level, error) {
		if i := slices.Index(words, s); i >= 0 {
			return logLevels[i], nil
		}
		return 0, errors.New("it is not a level")
	}
	return field[zapcore.Level]{target: p, read: read, write: zapcore.Level.String, wants: "debug, info, warn or error", words: words}
}

// refusedValue stands for a flag of the agent that we cannot work with.
func refusedValue(reason string) value {
	return textValue(new(string), "only to leave it unset", reason, func(string) bool { return false })
}
