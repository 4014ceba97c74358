// Package rules holds the project's architecture and style rules as tests: what may import what and why, how long files and
// functions get, where time may be slept away, which words stay out of the tree.
//
// A rule that stands in the way is discussed and changed here, with its reason, rather than worked around.
package rules
