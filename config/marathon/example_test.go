package marathon_test

import (
	"fmt"
	"time"

	"mesos-docker-containerizer/config/marathon"
)

func Example() {
	apps, err := marathon.Parse([]byte(`{
		"id": "/shop/web",
		"instances": 2,
		"networks": [{"mode": "container/bridge"}],
		"container": {"docker": {"image": "nginx:1"}, "portMappings": [{"containerPort": 80}]}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	ports, err := marathon.NewPorts("31000-32000")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := marathon.AssignServicePorts(&apps[0]); err != nil {
		fmt.Println(err)
		return
	}
	for _, app := range apps {
		for i := range app.Instances {
			task, err := marathon.Build(app, marathon.Offer{
				AgentID:      "local",
				Hostname:     "localhost",
				Ports:        ports,
				InstanceUUID: fmt.Sprintf("00000000-0000-0000-0000-%012d", i),
				Version:      time.Unix(0, 0),
			})
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(task.TaskID.Value, marathon.HostPorts(task))
		}
	}
	// Output:
	// shop_web.instance-00000000-0000-0000-0000-000000000000._app.1 [31000]
	// shop_web.instance-00000000-0000-0000-0000-000000000001._app.1 [31001]
}

func ExampleParse_mistakes() {
	_, err := marathon.Parse([]byte(`{
		"id": "web",
		"cmd": "serve",
		"args": ["serve"],
		"container": {"docker": {"image": "nginx:1", "network": "BRIDGE", "portMapings": []}}
	}`))
	fmt.Println(err)
	// Output:
	// 2 mistakes:
	//   /args: cmd and args exclude each other
	//   /container/docker/portMapings: unknown key; did you mean "portMappings"?
}
