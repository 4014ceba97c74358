package agentflag

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib/time"
	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
		err  string // part of the error, empty where there is none
	}{
		{in: "0ns", want: 0},
		{in: "1ns", want: 1},
		{in: "1.9ns", want: 1},
		{in: "30secs", want: 30 * time.Second},
		{in: "5mins", want: 5 * time.Minute},
		{in: "1.5hrs", want: 90 * time.Minute},
		{in: "10days", want: 240 * time.Hour},
		{in: "2weeks", want: 336 * time.Hour},
		{in: "250us", want: 250 * time.Microsecond},
		{in: "007ms", want: 7 * time.Millisecond},
		{in: "0.57secs", want: 570 * time.Millisecond},
		{in: "9223372036854775807ns", want: math.MaxInt64},
		{in: "0.0000000019secs", want: 1},

		{in: "", err: "empty"},
		{in: "5", err: "unit is missing"},
		{in: "5.0", err: "unit is missing"},
		{in: "5m", err: `no unit "m"`},
		{in: "5min", err: `no unit "min"`},
		{in: "5 mins", err: `no unit " mins"`},
		{in: "5mins ", err: `no unit "mins "`},
		{in: "5MINS", err: `no unit "MINS"`},
		{in: "1hrs30mins", err: `no unit "hrs30mins"`},
		{in: "1e3secs", err: `no unit "e3secs"`},
		{in: "mins", err: "begin with a number"},
		{in: "+5mins", err: "begin with a number"},
		{in: " 5mins", err: "begin with a number"},
		{in: "-5secs", err: "negative"},
		{in: "1.2.3secs", err: "not a decimal number"},
		{in: ".5secs", err: "not a decimal number"},
		{in: "5.secs", err: "not a decimal number"},
		{in: ".secs", err: "not a decimal number"},
		{in: "٣secs", err: "begin with a number"},
		{in: "9223372036854775808ns", err: "too long"},
		{in: "20000weeks", err: "too long"},
		{in: strings.Repeat("9", 1<<20) + "ns", err: "more than 64 characters"},
		{in: "1" + strings.Repeat("x", 1<<20), err: "no unit"},
	}
	for _, tt := range tests {
		got, err := ParseDuration(tt.in)
		if text := fmt.Sprint(err); (err != nil) != (tt.err != "") || !strings.Contains(text, tt.err) || len(text) > 1000 {
			t.Errorf("%.80q: the error is %.2000q, want %q in it", tt.in, text, tt.err)
		}
		if err == nil && got != tt.want {
			t.Errorf("%q is %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                       "0ns",
		5 * time.Second:         "5secs",
		15 * time.Minute:        "15mins",
		90 * time.Minute:        "90mins",
		240 * time.Hour:         "10days",
		7 * 24 * time.Hour:      "1weeks",
		1500 * time.Millisecond: "1500ms",
		math.MaxInt64:           "9223372036854775807ns",
		-5 * time.Second:        "-5secs",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}

func TestDurationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom(durationUnits).Draw(t, "unit").size
		d := unit * time.Duration(rapid.Int64Range(0, math.MaxInt64/int64(unit)).Draw(t, "n"))
		text := FormatDuration(d)
		if got, err := ParseDuration(text); err != nil || got != d {
			t.Fatalf("%v is written %q, which reads %v, %v", d, text, got, err)
		}
		// Where mesos-go is exact, both must agree.
		if d < 1<<53 {
			if got, err := mesos.ParseDuration(text); err != nil || got != d {
				t.Fatalf("mesos-go reads %q as %v, %v", text, got, err)
			}
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"0ns", "5mins", "1.5hrs", "10days", "-1secs", "1e9weeks", ".", "99999999999999999999ns"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("%q is negative: %v", s, d)
		}
		if again, err := ParseDuration(FormatDuration(d)); err != nil || again != d {
			t.Fatalf("%q is %v, which reads %v, %v", s, d, again, err)
		}
		// Whatever we accept, the agent does too.
		if _, err := mesos.ParseDuration(s); err != nil {
			t.Fatalf("mesos-go refuses %q: %v", s, err)
		}
	})
}
