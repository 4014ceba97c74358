#!/usr/bin/env bash
# github.com/spf13/pflag v1.0.10, to whose flag sets cobra's commands and others move the flags of Go's package flag.
#
# FlagSet.AddGoFlagSet takes the flags over, but not their spelling with one dash, and a flag of one letter becomes a shorthand. So
# "-name=x", which Go's own package accepts and which is in the scripts of those who use the program, sets the flag "n", if there is
# one, to "ame=x". There is no error, and "name" keeps its default. Where there is no such flag it is an error about a shorthand.
#
# Seen:
#   --name=x    flag: name=x    pflag: name=x
#   -name=x     flag: name=x    pflag: n=ame=x
#   -dry        flag: dry=true  pflag: unknown shorthand flag: 'd' in -dry
# shellcheck source=findings/lib.sh
source "$(dirname "$0")/lib.sh"

program github.com/spf13/pflag@v1.0.10 <<'END'
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
)

func main() {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.String("name", "", "")
	flags.String("n", "", "")
	flags.Bool("dry", false, "")
	posix := pflag.NewFlagSet("", pflag.ContinueOnError)
	posix.AddGoFlagSet(flags)
	parse := flags.Parse
	if os.Args[1] == "pflag" {
		parse = posix.Parse
	}
	if err := parse(os.Args[2:]); err != nil {
		fmt.Println(err)
		return
	}
	flags.VisitAll(func(f *flag.Flag) {
		if f.Value.String() != f.DefValue {
			fmt.Printf("%s=%s\n", f.Name, f.Value)
		}
	})
}
END

# compare ARGUMENT FLAG PFLAG
compare() {
	local flag pflag
	flag=$(./program flag "$1")
	pflag=$(./program pflag "$1")
	echo "$1: flag: $flag, pflag: $pflag"
	[[ $flag == "$2" && $pflag == "$3" ]] || {
		echo "changed: they were $2 and $3 when this was written" >&2
		exit 1
	}
}

compare --name=x name=x name=x
compare -name=x name=x n=ame=x
compare -dry dry=true "unknown shorthand flag: 'd' in -dry"
