// Package compat shows where Docker Engines of different ages answer the same request differently, of what the product sends and
// reads. Its tests hold each row of docs/engines.md against the Engine they are run with; test/compat/run runs them with several.
package compat
