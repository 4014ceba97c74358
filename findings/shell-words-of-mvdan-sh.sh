#!/usr/bin/env bash
# The shell parser mvdan.cc/sh v3.14.1, by which Go programs read files such as /etc/default/NAME; bash beside it.
#
# expand.Literal, which is documented as what a shell makes of the value of an assignment, leaves a backslash outside of quotes where
# it is: "a\ b" stays "a\ b". Inside of double quotes it takes it off. The parser takes a carriage return before the end of a line for
# part of that end, so a file with lines of Windows gives other values than it gives to a shell. Neither is an error.
#
# Seen, as Go and %q of bash write text:
#   X='a b'          library "a b"      bash a\ b
#   X="a \$b"        library "a $b"     bash a\ \$b
#   X=a\ b           library "a\\ b"    bash a\ b
#   X=\$HOME         library "\\$HOME"  bash \$HOME
#   X=1, then CR LF  library "1"        bash $'1\r'
# shellcheck disable=SC1003,SC2016
# shellcheck source=findings/lib.sh
source "$(dirname "$0")/lib.sh"

program mvdan.cc/sh/v3@v3.14.1 <<'END'
package main

import (
	"fmt"
	"os"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

func main() {
	file, err := syntax.NewParser().Parse(os.Stdin, "")
	if err != nil {
		panic(err)
	}
	value, err := expand.Literal(nil, file.Stmts[0].Cmd.(*syntax.CallExpr).Assigns[0].Value)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%q\n", value)
}
END

# compare TEXT LIBRARY BASH
compare() {
	local library bash
	printf %s "$1" >file
	library=$(./program <file)
	bash=$(bash --norc --noprofile -c '. ./file; printf %q "$X"')
	printf '%q: library %s, bash %s\n' "$1" "$library" "$bash"
	[[ $library == "$2" && $bash == "$3" ]] || {
		echo "changed: they were $2 and $3 when this was written" >&2
		exit 1
	}
}

compare "X='a b'" '"a b"' 'a\ b'
compare 'X="a \$b"' '"a $b"' 'a\ \$b'
compare 'X=a\ b' '"a\\ b"' 'a\ b'
compare 'X=\$HOME' '"\\$HOME"' '\$HOME'
compare $'X=1\r\n' '"1"' "\$'1\\r'"
