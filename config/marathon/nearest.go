package marathon

import (
	"maps"
	"slices"
	"strings"
)

// nearest returns the known key that a mistyped key most likely stands for, or "" if none is near.
func nearest(key string, known map[string]bool) string {
	const longest = 64 // no known key is near that length; comparing longer ones would only cost time
	if len(key) > longest {
		return ""
	}
	// A third of the letters may be wrong: enough for typos and plurals, too little for guesses.
	best, limit := "", max(len(key)/3, 1)
	for _, candidate := range slices.Sorted(maps.Keys(known)) {
		if d := editDistance(strings.ToLower(key), strings.ToLower(candidate)); d <= limit {
			best, limit = candidate, d-1
		}
	}
	return best
}

// editDistance is the Levenshtein distance in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
