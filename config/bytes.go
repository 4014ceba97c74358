package config

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Bytes is a size in the syntax of Mesos, such as 512MB.
type Bytes uint64

// byteUnits are the units of a size, largest first. They are powers of 1024.
var byteUnits = []struct {
	name string
	size Bytes
}{
	{"TB", 1 << 40},
	{"GB", 1 << 30},
	{"MB", 1 << 20},
	{"KB", 1 << 10},
	{"B", 1},
}

// ParseBytes reads a number and a unit of B, KB, MB, GB or TB, in any case,
// with nothing between them. Mesos takes whole numbers only; a fraction is
// accepted here where it comes to whole bytes, as 1.5GB does.
func ParseBytes(s string) (Bytes, error) {
	number, unit, err := splitNumber(s)
	if err != nil {
		return 0, err
	}
	for _, u := range byteUnits {
		if !strings.EqualFold(u.name, unit) {
			continue
		}
		exact := number.Mul(number, new(big.Rat).SetUint64(uint64(u.size)))
		switch {
		case !exact.IsInt():
			return 0, errors.New("it does not come to whole bytes")
		case !exact.Num().IsUint64():
			return 0, errors.New("it is too large: a size ends at 2^64 bytes")
		}
		return Bytes(exact.Num().Uint64()), nil
	}
	return 0, fmt.Errorf("there is no unit %q", shorten(unit))
}

// String writes b in the largest unit that divides it exactly, so that
// [ParseBytes] gives b back.
func (b Bytes) String() string {
	if b == 0 {
		return "0B"
	}
	for _, u := range byteUnits {
		if b%u.size == 0 {
			return fmt.Sprintf("%d%s", uint64(b/u.size), u.name)
		}
	}
	panic("unreachable: one byte divides every size")
}
