// Package faults throws faults at a whole host and checks that no task is lost by them: a real daemon, a real Engine of its own and
// real executors under the agent of internal/localagent. A schedule follows from a seed and the number of a round alone
// (schedule_test.go), so a round that failed can be run again. What happened is judged by what the tasks themselves wrote into
// their sandboxes (task_test.go), not by what any part of the product says.
//
//	go test ./test/faults -run TestFaults -minutes=20 -seed=7
//	go test ./test/faults -run TestSoak -minutes=30
//
// Without -minutes a few rounds are run, as a part of all tests.
package faults
