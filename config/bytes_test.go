package config

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestParseBytes(t *testing.T) {
	tests := []struct {
		in   string
		want Bytes
		err  string
	}{
		{in: "0B", want: 0},
		{in: "1B", want: 1},
		{in: "512MB", want: 512 << 20},
		{in: "1.5GB", want: 3 << 29},
		{in: "0.5KB", want: 512},
		{in: "2tb", want: 2 << 40},
		{in: "18446744073709551615B", want: math.MaxUint64},

		{in: "", err: "empty"},
		{in: "512", err: "unit is missing"},
		{in: "512M", err: `no unit "M"`},
		{in: "512MiB", err: `no unit "MiB"`},
		{in: "512 MB", err: `no unit " MB"`},
		{in: "MB", err: "begin with a number"},
		{in: "-1MB", err: "negative"},
		{in: "0.3B", err: "whole bytes"},
		{in: "0.3KB", err: "whole bytes"},
		{in: "18446744073709551616B", err: "too large"},
		{in: "16777216TB", err: "too large"},
	}
	for _, tt := range tests {
		got, err := ParseBytes(tt.in)
		checkError(t, tt.in, err, tt.err)
		if err == nil && got != tt.want {
			t.Errorf("%q is %d bytes, want %d", tt.in, got, tt.want)
		}
	}
}

func TestBytesString(t *testing.T) {
	for b, want := range map[Bytes]string{0: "0B", 1023: "1023B", 1024: "1KB", 1536: "1536B", 512 << 20: "512MB", 3 << 40: "3TB", 3 << 50: "3072TB"} {
		if got := b.String(); got != want {
			t.Errorf("%d bytes are written %q, want %q", uint64(b), got, want)
		}
	}
}

func TestBytesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom(byteUnits).Draw(t, "unit").size
		b := unit * Bytes(rapid.Uint64Range(0, math.MaxUint64/uint64(unit)).Draw(t, "n"))
		if got, err := ParseBytes(b.String()); err != nil || got != b {
			t.Fatalf("%d bytes are written %q, which reads %d, %v", uint64(b), b, uint64(got), err)
		}
	})
}

func FuzzParseBytes(f *testing.F) {
	for _, s := range []string{"0B", "512MB", "1.5GB", "0.3B", "99999999TB", "1.KB", "-1B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseBytes(s)
		if err != nil {
			return
		}
		if again, err := ParseBytes(b.String()); err != nil || again != b {
			t.Fatalf("%q is %d bytes, which reads %d, %v", s, uint64(b), uint64(again), err)
		}
	})
}
