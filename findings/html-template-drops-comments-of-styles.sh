#!/usr/bin/env bash
# html/template of Go 1.26.
#
# It drops comments within style and script, which stand in the template itself and are no data. So the hash of what stands in the
# template is not that of what a browser gets, and a Content-Security-Policy with style-src 'sha256-…', computed from the
# file, has the browser throw the whole style away. Without a comment the two are the same, so that the first comment breaks the
# page. A value of type template.CSS is left as it is.
#
# Seen:
#   a style with a comment: another hash
#   a style without: the same hash
#   a style with a comment, as template.CSS: the same hash
# shellcheck source=findings/lib.sh
source "$(dirname "$0")/lib.sh"

program <<'END'
package main

import (
	"crypto/sha256"
	"fmt"
	"html/template"
	"os"
	"strings"
)

// compare prints whether a style that was made by a template is the one that stands in the file.
func compare(text string, style string) {
	var page strings.Builder
	if err := template.Must(template.New("").Parse("<style>"+text+"</style>")).Execute(&page, template.CSS(style)); err != nil {
		panic(err)
	}
	got := strings.TrimSuffix(strings.TrimPrefix(page.String(), "<style>"), "</style>")
	if sha256.Sum256([]byte(got)) == sha256.Sum256([]byte(style)) {
		fmt.Println("the same hash")
	} else {
		fmt.Println("another hash")
	}
}

func main() {
	const with, without = "p { color: red } /* errors */\n", "p { color: red }\n"
	switch os.Args[1] {
	case "with":
		compare(with, with)
	case "without":
		compare(without, without)
	case "value":
		compare("{{.}}", with)
	}
}
END

expect "a style with a comment" "$(./program with)" "another hash"
expect "a style without" "$(./program without)" "the same hash"
expect "a style with a comment, as template.CSS" "$(./program value)" "the same hash"
