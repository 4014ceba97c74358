package agentflag

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"mesos-docker-containerizer/internal/strictjson"
)

// durationUnits are the units of a Mesos duration, largest first.
var durationUnits = []struct {
	name string
	size time.Duration
}{
	{"weeks", 7 * 24 * time.Hour},
	{"days", 24 * time.Hour},
	{"hrs", time.Hour},
	{"mins", time.Minute},
	{"secs", time.Second},
	{"ms", time.Millisecond},
	{"us", time.Microsecond},
	{"ns", time.Nanosecond},
}

// DurationExamples says to a person what ParseDuration takes.
const DurationExamples = "a Mesos duration such as 30secs, 5mins or 1.5hrs (units: ns us ms secs mins hrs days weeks)"

// maxNumber is the most characters that the number of a duration may have. It
// keeps exact arithmetic cheap for any input.
const maxNumber = 64

// ParseDuration reads a duration as the Mesos agent writes it in flags: a
// decimal number and a unit with nothing between them (contract 1.4).
// It calculates exactly and cuts off below a nanosecond, where mesos-go's
// parser goes through floating point and lets large values overflow.
func ParseDuration(s string) (time.Duration, error) {
	number, unit, err := splitNumber(s)
	if err != nil {
		return 0, err
	}
	for _, u := range durationUnits {
		if u.name != unit {
			continue
		}
		exact := number.Mul(number, new(big.Rat).SetInt64(int64(u.size)))
		ns := new(big.Int).Quo(exact.Num(), exact.Denom())
		if !ns.IsInt64() {
			return 0, errors.New("it is too long: a duration ends at about 292 years")
		}
		return time.Duration(ns.Int64()), nil
	}
	return 0, fmt.Errorf("there is no unit %q", strictjson.Shorten(unit))
}

// FormatDuration writes d in the largest unit that divides it exactly, as the
// agent does, so that [ParseDuration] gives d back. A negative duration, which
// Mesos has no syntax for, gets a minus sign.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0ns"
	}
	for _, u := range durationUnits {
		if d%u.size == 0 {
			return fmt.Sprintf("%d%s", d/u.size, u.name)
		}
	}
	panic("unreachable: a nanosecond divides every duration")
}

// splitNumber splits "1.5hrs" into 1.5 and "hrs".
func splitNumber(s string) (*big.Rat, string, error) {
	end := strings.IndexFunc(s, func(r rune) bool {
		return r != '.' && (r < '0' || r > '9')
	})
	switch {
	case s == "":
		return nil, "", errors.New("it is empty")
	case s[0] == '-':
		return nil, "", errors.New("it must not be negative")
	case end < 0:
		return nil, "", errors.New("the unit is missing")
	case end == 0:
		return nil, "", errors.New("it does not begin with a number")
	case end > maxNumber:
		return nil, "", fmt.Errorf("its number has more than %d characters", maxNumber)
	}
	number, unit := s[:end], s[end:]
	whole, fraction, dotted := strings.Cut(number, ".")
	if strings.Contains(fraction, ".") || whole == "" || dotted && fraction == "" {
		return nil, "", fmt.Errorf("%q is not a decimal number", number)
	}
	rat, ok := new(big.Rat).SetString(number)
	if !ok {
		return nil, "", fmt.Errorf("%q is not a decimal number", number)
	}
	return rat, unit, nil
}
