package runspec

import "testing"

func TestSuggest(t *testing.T) {
	for name, want := range map[string]string{
		"--net": "net", "-net": "net", "--network": "network", "shm_size": "shm-size", "shmSize": "shm-size", "SHM-SIZE": "shm-size", "ShmSize": "shm-size",
		"Memory-Swap": "memory-swap", "memory_swap": "memory-swap", "memorySwap": "memory-swap", " hostname ": "hostname", "addhost": "add-host",
		"cap_add": "cap-add", "capAdd": "cap-add", "volumes-from": "volumes-from", "volume_from": "volumes-from", "volumes": "volume", "ulimits": "ulimit",
		"e": "env", "-v": "volume", "--p": "publish", "P": "publish-all", "m": "memory", "labels": "label", "hostnam": "hostname", "log_driver": "log-driver",
		"name": "", "--name": "", "Name": "", "rm": "rm", "lxc-conf": "", "": "", "--": "", "x": "", "no-such-thing-at-all": "",
	} {
		if got := suggest(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	// Whatever is suggested is accepted.
	for _, rule := range Rules {
		if got := suggest("--" + rule.Name); rule.Decision != Refused && got != rule.Name || rule.Decision == Refused && got != "" {
			t.Errorf("--%s: %q", rule.Name, got)
		}
	}
}

func TestShortNamesAreKnown(t *testing.T) {
	for short, long := range shortNames {
		if rule, known := ruleFor(long); !known || rule.Decision == Refused {
			t.Errorf("-%s is %s, which no task can have", short, long)
		}
	}
}
