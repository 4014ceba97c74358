package runspec

import (
	"slices"
	"strings"
	"unicode"

	"mesos-docker-containerizer/config/nearest"
)

// shortNames are the options of docker run with one letter. A parameter has the long name.
var shortNames = map[string]string{
	"c": "cpu-shares", "e": "env", "h": "hostname", "l": "label", "m": "memory", "P": "publish-all", "p": "publish", "t": "tty",
	"u": "user", "v": "volume", "w": "workdir",
}

// suggest returns the key that was meant by one that docker run does not have, "" if none is near or what is meant is refused.
func suggest(name string) string {
	bare := strings.TrimSpace(strings.Trim(strings.TrimSpace(name), "-"))
	var known []string
	for _, rule := range Rules {
		if rule.Decision != Refused {
			known = append(known, rule.Name)
		}
	}
	if long, short := shortNames[bare]; short {
		bare = long
	}
	same := func(key string) bool { return plainLetters(key) == plainLetters(bare) }
	if i := slices.IndexFunc(known, same); i >= 0 {
		return known[i]
	}
	if _, refused := ruleFor(strings.ToLower(bare)); refused {
		return ""
	}
	return nearest.Name(bare, known)
}

// plainLetters are the letters and digits of a key in lower case: what is left of it however its words are joined.
func plainLetters(key string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, key)
}
