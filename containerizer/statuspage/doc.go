// Package statuspage shows the tasks of a host to a person with a browser: one page of HTML, without scripts, that changes nothing.
// Facts are what the daemon knows anyway, so a view asks the Docker Engine nothing and works while that hangs.
//
//	page := statuspage.New(statuspage.Options{Facts: server.Status, Settings: changed, Version: version, Host: name})
//	http.Serve(listener, page)
//
// The page has no authentication: its listener has to be one that only this host reaches. Texts of tasks are shown as text, whatever
// is in them. docs/status-page.md shows the page.
//
//   - page.go: who gets the page, and with which headers.
//   - view.go: facts in words; bar.go: bars; page.html and page.css: the page.
package statuspage
