// Package agents runs one agent and one master of Mesos, from an install tree, with the stock executor, with ours in its place
// (drop-in) and with ours as custom executor, and compares what a framework and an operator see. Everything goes through the
// public APIs: the scheduler's, the agent's, and the Engine's. See docs/contributing.md, "Build and test".
package agents
