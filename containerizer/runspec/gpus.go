package runspec

import (
	"math"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// maxGPUs is far more than any host has.
const maxGPUs = 1024

// describeGPUs asks the Engine for as many GPUs as the task has of the gpus resource. Stock accounts for them and hands out
// none (contract 1.2, step 7); here the task gets them or is refused.
func (r *runOptions) describeGPUs(info mesos.TaskInfo, o Options) error {
	const field = "resources.gpus"
	amount, found, err := scalar(resourcesOf(info), "gpus")
	if err != nil {
		return err
	}
	if !found {
		return nil
	}
	if amount != math.Trunc(amount) || amount > maxGPUs {
		return fault(field, "The 'gpus' resource must be an unsigned integer")
	}
	if !o.GPUs {
		return fault(field, "the task asks for %v GPUs, but the Engine on this host has no GPU runtime", amount)
	}
	r.gpus = int(amount)
	return nil
}
