// Package nearest finds what a person meant who mistyped a name.
package nearest

import (
	"slices"
	"strings"
)

// Name returns the known name that a mistyped one most likely stands for, "" if none is near. Upper and lower case are the same.
func Name(mistyped string, known []string) string {
	const longest = 64 // no known name is near that length; the time to compare grows with it
	if len(mistyped) > longest {
		return ""
	}
	// A third of the letters may be wrong: enough for typos and plurals, too little for guesses.
	best, limit := "", max(len(mistyped)/3, 1)
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		if d := editDistance(strings.ToLower(mistyped), strings.ToLower(candidate)); d <= limit {
			best, limit = candidate, d-1
		}
	}
	return best
}

// editDistance is the number of bytes to insert, delete or replace to make b of a (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
