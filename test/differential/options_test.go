package differential

import "pgregory.net/rapid"

// values are what options of docker run are tried with. {other} is the name of another container, {net} of a user network,
// {volume} begins the names of volumes, {directory} is one of the host.
type values struct {
	usual []string
	odd   []string // often refused
}

var (
	booleans = values{[]string{"true", "false", "1"}, []string{"", "maybe"}}
	caps     = values{[]string{"NET_ADMIN", "cap_kill", "CAP_SYS_TIME", "ALL"}, []string{"NOSUCH", ""}}
	rates    = values{[]string{"/dev/null:1mb", "/dev/zero:100"}, []string{"/dev/null", "null:1", "/dev/null:x", ""}}
	counts   = values{[]string{"/dev/null:100"}, []string{"/dev/null:x", "/dev/null", ""}}
	times    = values{[]string{"5s", "1m30s"}, []string{"1ns", "-1s", "5", ""}}
	networks = values{
		[]string{"bridge", "host", "none", "{net}", "container:{other}", "name={net},alias=web", "default"},
		[]string{"nosuch", "container:", "container:nosuch", "name=", "", "name={net},nokey=1"},
	}
)

// options has every option of docker run that a parameter may be, and the values to try.
var options = map[string]values{
	"add-host":              {[]string{"a:1.2.3.4", "b:::1", "gateway:host-gateway"}, []string{"nocolon", "a:b", ""}},
	"annotation":            {[]string{"a=b"}, []string{"a", ""}},
	"attach":                {nil, []string{"stdout"}},
	"blkio-weight":          {[]string{"0", "500"}, []string{"5", "1001", "-1", "x"}},
	"blkio-weight-device":   {[]string{"/dev/null:100"}, []string{"/dev/null", "x:100", "/dev/null:5"}},
	"cap-add":               caps,
	"cap-drop":              caps,
	"cgroup-parent":         {[]string{"/differential", "relative"}, []string{"x.slice", ""}},
	"cgroupns":              {[]string{"host", "private"}, []string{"other", ""}},
	"cidfile":               {nil, []string{"/nowhere/cid"}},
	"cpu-period":            {[]string{"50000"}, []string{"10", "x"}},
	"cpu-quota":             {[]string{"20000", "-1"}, []string{"10", "1.5"}},
	"cpu-rt-period":         {[]string{"0"}, []string{"1000000", "x"}},
	"cpu-rt-runtime":        {[]string{"0"}, []string{"950000", "x"}},
	"cpu-shares":            {[]string{"2", "512"}, []string{"-5", "x"}},
	"cpus":                  {[]string{"0.5", "1"}, []string{"6400", "0.0000000001", "-1", "x"}},
	"cpuset-cpus":           {[]string{"0", "0-1"}, []string{"99", "x"}},
	"cpuset-mems":           {[]string{"0"}, []string{"7", "x"}},
	"device":                {[]string{"/dev/null", "/dev/zero:/dev/x:rw"}, []string{"/dev/null:/x:q", "", "/dev/nosuch"}},
	"device-cgroup-rule":    {[]string{"c 1:3 mr", "a *:* rwm"}, []string{"x", ""}},
	"device-read-bps":       rates,
	"device-read-iops":      counts,
	"device-write-bps":      rates,
	"device-write-iops":     counts,
	"dns":                   {[]string{"8.8.8.8", "::1"}, []string{"x", "", "1.2.3"}},
	"dns-opt":               {[]string{"ndots:2", "rotate"}, []string{""}},
	"dns-option":            {[]string{"ndots:3"}, []string{""}},
	"dns-search":            {[]string{"a.example", "."}, []string{"-", "a..b", ""}},
	"domainname":            {[]string{"example.org", ""}, []string{"not a domain"}},
	"entrypoint":            {[]string{"/bin/echo", "sh -c"}, []string{""}},
	"env":                   {[]string{"A=b", "B=", "MESOS_SANDBOX=/else", "C=two\nlines", "D=a=b", "E= ü "}, []string{"BARE", "=x", ""}},
	"env-file":              {nil, []string{"/nowhere/env"}},
	"expose":                {[]string{"80", "53/udp", "10-12"}, []string{"80/x", "70000", "x", ""}},
	"gpus":                  {[]string{"all", "1", "device=0", `"capabilities=compute,utility"`}, []string{"x", "capabilities=compute,utility"}},
	"group-add":             {[]string{"app", "1000"}, []string{"nosuch", ""}},
	"health-cmd":            {[]string{"true", "exit 1"}, []string{""}},
	"health-interval":       times,
	"health-retries":        {[]string{"3", "0"}, []string{"-1", "x"}},
	"health-start-interval": times,
	"health-start-period":   times,
	"health-timeout":        times,
	"hostname":              {[]string{"web", "a.b.example", "UPPER"}, []string{"not a name", "-x", ""}},
	"init":                  booleans,
	"interactive":           booleans,
	"ip":                    {[]string{"10.213.77.9"}, []string{"x", "", "::1"}},
	"ip6":                   {[]string{"fd00::9"}, []string{"x", "1.2.3.4"}},
	"ipc":                   {[]string{"host", "private", "shareable", "none", "container:{other}"}, []string{"x", "container:", "container:nosuch"}},
	"isolation":             {[]string{"default", ""}, []string{"hyperv", "x"}},
	"kernel-memory":         {[]string{"0"}, []string{"64m", "x"}},
	"label":                 {[]string{"a=b", "b", "c=d=e", "f="}, []string{"=x", "", "a b=c"}},
	"label-file":            {nil, []string{"/nowhere/labels"}},
	"link":                  {[]string{"{other}:db", "{other}"}, []string{"nosuch:a", "", "a:b:c"}},
	"link-local-ip":         {[]string{"169.254.1.1"}, []string{"x"}},
	"log-driver":            {[]string{"json-file", "none", "local"}, []string{"nosuch", ""}},
	"log-opt":               {[]string{"max-size=2m", "max-file=2"}, []string{"nosuch=1", "max-size=x", "bare", ""}},
	"mac-address":           {[]string{"02:42:ac:11:00:99"}, []string{"x", ""}},
	"memory":                {[]string{"64m", "1g", "0"}, []string{"1k", "-1", "x", ""}},
	"memory-reservation":    {[]string{"6m", "32m"}, []string{"64g", "x"}},
	"memory-swap":           {[]string{"2g", "-1"}, []string{"1k", "x"}},
	"memory-swappiness":     {[]string{"0", "60"}, []string{"101", "-2", "x"}},
	"mount": {
		[]string{"type=bind,src={directory},dst=/bound", "type=bind,source={directory},target=/ro,readonly,bind-propagation=rslave", "src={volume}m,dst=/m,ro",
			"type=volume,dst=/anonymous", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700", "type=volume,src={volume}o,dst=/o,volume-label=a=b,volume-nocopy",
			`type=bind,src=./,"dst=/a,b"`},
		[]string{"type=bind,src={directory}/nosuch,dst=/x", "type=nosuch,dst=/x", "foo", "", "type=bind,src=../up,dst=/x", "dst=/x,color=red", "type=bind,dst=/x",
			"type=tmpfs,src=/a,dst=/x", "type=bind,src={directory},dst=relative", "type=volume,src={volume}m"},
	},
	"net":              networks,
	"net-alias":        {[]string{"web"}, []string{""}},
	"network":          networks,
	"network-alias":    {[]string{"db"}, []string{""}},
	"no-healthcheck":   booleans,
	"oom-kill-disable": booleans,
	"oom-score-adj":    {[]string{"100", "-500"}, []string{"1001", "x"}},
	"pid":              {[]string{"host", "container:{other}"}, []string{"x", "container:", "container:nosuch"}},
	"pids-limit":       {[]string{"100", "-1", "0"}, []string{"x"}},
	"platform":         {[]string{"linux/amd64"}, []string{"linux/nosuch", "a/b/c/d"}},
	"privileged":       booleans,
	"publish":          {[]string{"31100:80", "81", "127.0.0.1::82/udp", "31110-31112:90-92", "[::1]:31113:83/TCP"}, []string{"x", "1:2:3:4", "70000:1", "1-3:1-2", "999.1.1.1:80:80", "80/x", ""}},
	"publish-all":      booleans,
	"read-only":        booleans,
	"restart":          {[]string{"no", ""}, []string{"always", "on-failure:3"}},
	"rm":               booleans,
	"runtime":          {[]string{"runc", ""}, []string{"nosuch"}},
	"security-opt":     {[]string{"no-new-privileges", "seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined", "label=disable"}, []string{"nosuch", "a=b", "seccomp=/etc/passwd", ""}},
	"shm-size":         {[]string{"64m", "1g"}, []string{"-1", "x", ""}},
	"stop-signal":      {[]string{"SIGUSR1", "9"}, []string{"SIGNOSUCH", ""}},
	"stop-timeout":     {[]string{"5", "-1"}, []string{"x"}},
	"storage-opt":      {nil, []string{"size=1G", "x"}},
	"sysctl":           {[]string{"net.core.somaxconn=100", "kernel.msgmax=1000"}, []string{"bare", "vm.swappiness=1", ""}},
	"tmpfs":            {[]string{"/t", "/u:rw,size=1m,exec"}, []string{"relative", "/t:nosuch=1", ""}},
	"tty":              booleans,
	"ulimit":           {[]string{"nofile=10:20", "core=-1", "nproc=5"}, []string{"nofile=20:10", "nosuch=1", "nofile", ""}},
	"user":             {[]string{"app", "1000:1000", "nosuch"}, []string{""}},
	"userns":           {[]string{"host", ""}, []string{"x"}},
	"uts":              {[]string{"host", ""}, []string{"x"}},
	"volume": {
		[]string{"/anonymous", "{volume}v:/v", "{volume}v:/w:ro", "{directory}/a:/a:ro", "./rel:/rel", "/tmp:/host:ro,rslave", "{volume}n:/n:nocopy"},
		[]string{"", "a:b:c:d", "/a:relative", "/a:/", "{volume}x:/y:zz", "../up:/y", "./../../y:/y", ":", "/a::ro", "v!:/v"},
	},
	"volume-driver": {[]string{"local", ""}, []string{"nosuch"}},
	"volumes-from":  {[]string{"{other}", "{other}:ro"}, []string{"nosuch", "{other}:zz", ""}},
	"workdir":       {[]string{"/srv", "/a b"}, []string{"relative", ""}},
	"lxc-conf":      {nil, []string{"x"}},
	"e":             {nil, []string{"A=b"}},
}

// drawOption draws an option's value, seldom an odd one.
func drawOption(t *rapid.T, v values, label string) string {
	odd := len(v.usual) == 0 || len(v.odd) > 0 && seldom(t, 20, label+" is odd")
	if odd {
		return rapid.SampledFrom(v.odd).Draw(t, label)
	}
	return rapid.SampledFrom(v.usual).Draw(t, label)
}
