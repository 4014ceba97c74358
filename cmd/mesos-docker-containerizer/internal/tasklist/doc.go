// Package tasklist shows tasks to people: as a table that fits their terminal, by a template of theirs, or as JSON. Names of tasks can
// hold any characters, so that nothing of them reaches a terminal unescaped.
package tasklist
