// Package differential proves that a task becomes the container that the docker command would have made of it under the stock
// executor. It has tests only:
//
//	make test-differential                             # 320 generated tasks
//	go test ./test/differential -tasks 40              # fewer
//	go test ./test/differential -docker /path/docker   # another docker command than the machine's
//
// Each task goes two ways. On ours, runspec.Translate's result is given to the Engine. On the other, stock_test.go states anew,
// from contract 2 and without a line of package runspec, the arguments that stock would give to the docker command,
// and the real command is called with them. Then both have refused in the same words, or the two containers are equal under
// inspect.
//
// Where they are meant to differ, the table in differences_test.go says so: field, reason, and what is expected instead. Each
// of its rows has an example that fails without the row, so none can outlive its difference.
//
// draw_test.go and options_test.go generate tasks; run_test.go starts some of them and compares the running containers, too.
package differential
