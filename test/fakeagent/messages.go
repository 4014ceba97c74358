package fakeagent

import (
	"fmt"

	"github.com/gogo/protobuf/proto"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// The messages of contract 5.2, for the protocol buffer library to encode and decode: what the executor does by hand is
// measured against it.
type (
	registerExecutor struct {
		FrameworkID *mesos.FrameworkID `protobuf:"bytes,1,req,name=framework_id"`
		ExecutorID  *mesos.ExecutorID  `protobuf:"bytes,2,req,name=executor_id"`
	}
	reregisterExecutor struct {
		ExecutorID  *mesos.ExecutorID  `protobuf:"bytes,1,req,name=executor_id"`
		FrameworkID *mesos.FrameworkID `protobuf:"bytes,2,req,name=framework_id"`
		Tasks       []*mesos.TaskInfo  `protobuf:"bytes,3,rep,name=tasks"`
		Updates     []*update          `protobuf:"bytes,4,rep,name=updates"`
	}
	statusUpdate struct {
		Update *update `protobuf:"bytes,1,req,name=update"`
		PID    *string `protobuf:"bytes,2,opt,name=pid"`
	}
	update struct {
		FrameworkID *mesos.FrameworkID `protobuf:"bytes,1,req,name=framework_id"`
		ExecutorID  *mesos.ExecutorID  `protobuf:"bytes,2,opt,name=executor_id"`
		AgentID     *mesos.AgentID     `protobuf:"bytes,3,opt,name=slave_id"`
		Status      *mesos.TaskStatus  `protobuf:"bytes,4,req,name=status"`
		Timestamp   *float64           `protobuf:"fixed64,5,req,name=timestamp"`
		UUID        []byte             `protobuf:"bytes,6,opt,name=uuid"`
		LatestState *int32             `protobuf:"varint,7,opt,name=latest_state"`
	}
	executorRegistered struct {
		ExecutorInfo  *mesos.ExecutorInfo  `protobuf:"bytes,2,req,name=executor_info"`
		FrameworkID   *mesos.FrameworkID   `protobuf:"bytes,3,req,name=framework_id"`
		FrameworkInfo *mesos.FrameworkInfo `protobuf:"bytes,4,req,name=framework_info"`
		AgentID       *mesos.AgentID       `protobuf:"bytes,5,req,name=slave_id"`
		AgentInfo     *mesos.AgentInfo     `protobuf:"bytes,6,req,name=slave_info"`
	}
	executorReregistered struct {
		AgentID   *mesos.AgentID   `protobuf:"bytes,1,req,name=slave_id"`
		AgentInfo *mesos.AgentInfo `protobuf:"bytes,2,req,name=slave_info"`
	}
	reconnectExecutor struct {
		AgentID *mesos.AgentID `protobuf:"bytes,1,req,name=slave_id"`
	}
	runTask struct {
		FrameworkID *mesos.FrameworkID   `protobuf:"bytes,1,opt,name=framework_id"`
		Framework   *mesos.FrameworkInfo `protobuf:"bytes,2,req,name=framework"`
		PID         *string              `protobuf:"bytes,3,opt,name=pid"`
		Task        *mesos.TaskInfo      `protobuf:"bytes,4,req,name=task"`
	}
	killTask struct {
		FrameworkID *mesos.FrameworkID `protobuf:"bytes,1,opt,name=framework_id"`
		TaskID      *mesos.TaskID      `protobuf:"bytes,2,req,name=task_id"`
		KillPolicy  *mesos.KillPolicy  `protobuf:"bytes,3,opt,name=kill_policy"`
	}
	acknowledgement struct {
		AgentID     *mesos.AgentID     `protobuf:"bytes,1,req,name=slave_id"`
		FrameworkID *mesos.FrameworkID `protobuf:"bytes,2,req,name=framework_id"`
		TaskID      *mesos.TaskID      `protobuf:"bytes,3,req,name=task_id"`
		UUID        []byte             `protobuf:"bytes,4,req,name=uuid"`
	}
	shutdownExecutor struct {
		ExecutorID  *mesos.ExecutorID  `protobuf:"bytes,1,opt,name=executor_id"`
		FrameworkID *mesos.FrameworkID `protobuf:"bytes,2,opt,name=framework_id"`
	}
	frameworkToExecutor struct {
		AgentID     *mesos.AgentID     `protobuf:"bytes,1,req,name=slave_id"`
		FrameworkID *mesos.FrameworkID `protobuf:"bytes,2,req,name=framework_id"`
		ExecutorID  *mesos.ExecutorID  `protobuf:"bytes,3,req,name=executor_id"`
		Data        []byte             `protobuf:"bytes,4,req,name=data"`
	}
)

// What the library demands of a message.
func (m *registerExecutor) Reset()     { *m = registerExecutor{} }
func (m *reregisterExecutor) Reset()   { *m = reregisterExecutor{} }
func (m *statusUpdate) Reset()         { *m = statusUpdate{} }
func (m *update) Reset()               { *m = update{} }
func (m *executorRegistered) Reset()   { *m = executorRegistered{} }
func (m *executorReregistered) Reset() { *m = executorReregistered{} }
func (m *reconnectExecutor) Reset()    { *m = reconnectExecutor{} }
func (m *runTask) Reset()              { *m = runTask{} }
func (m *killTask) Reset()             { *m = killTask{} }
func (m *acknowledgement) Reset()      { *m = acknowledgement{} }
func (m *shutdownExecutor) Reset()     { *m = shutdownExecutor{} }
func (m *frameworkToExecutor) Reset()  { *m = frameworkToExecutor{} }

func (m *registerExecutor) String() string     { return proto.CompactTextString(m) }
func (m *reregisterExecutor) String() string   { return proto.CompactTextString(m) }
func (m *statusUpdate) String() string         { return proto.CompactTextString(m) }
func (m *update) String() string               { return proto.CompactTextString(m) }
func (m *executorRegistered) String() string   { return proto.CompactTextString(m) }
func (m *executorReregistered) String() string { return proto.CompactTextString(m) }
func (m *reconnectExecutor) String() string    { return proto.CompactTextString(m) }
func (m *runTask) String() string              { return proto.CompactTextString(m) }
func (m *killTask) String() string             { return proto.CompactTextString(m) }
func (m *acknowledgement) String() string      { return proto.CompactTextString(m) }
func (m *shutdownExecutor) String() string     { return proto.CompactTextString(m) }
func (m *frameworkToExecutor) String() string  { return proto.CompactTextString(m) }

func (*registerExecutor) ProtoMessage()     {}
func (*reregisterExecutor) ProtoMessage()   {}
func (*statusUpdate) ProtoMessage()         {}
func (*update) ProtoMessage()               {}
func (*executorRegistered) ProtoMessage()   {}
func (*executorReregistered) ProtoMessage() {}
func (*reconnectExecutor) ProtoMessage()    {}
func (*runTask) ProtoMessage()              {}
func (*killTask) ProtoMessage()             {}
func (*acknowledgement) ProtoMessage()      {}
func (*shutdownExecutor) ProtoMessage()     {}
func (*frameworkToExecutor) ProtoMessage()  {}

// check is what an agent demands of an update (contract 5.2) and of the status in it (section 5.1).
func (u *update) check(o *Options) error {
	status := u.Status
	switch {
	case u.FrameworkID.Value != o.FrameworkID:
		return fmt.Errorf("framework_id is %q", u.FrameworkID.Value)
	case u.ExecutorID == nil || u.ExecutorID.Value != o.ExecutorID:
		return fmt.Errorf("executor_id is %v", u.ExecutorID)
	case u.AgentID == nil || u.AgentID.Value != o.AgentID:
		return fmt.Errorf("slave_id is %v", u.AgentID)
	case status.AgentID == nil || status.AgentID.Value != o.AgentID:
		return fmt.Errorf("status.slave_id is %v", status.AgentID)
	case len(u.UUID) != 16:
		return fmt.Errorf("uuid has %d bytes", len(u.UUID))
	case string(status.UUID) != string(u.UUID):
		return fmt.Errorf("status.uuid is %x, uuid is %x", status.UUID, u.UUID)
	case *u.Timestamp <= 0 || status.Timestamp == nil || *status.Timestamp != *u.Timestamp:
		return fmt.Errorf("timestamp is %v, status.timestamp %v", *u.Timestamp, status.Timestamp)
	case status.State == nil || *status.State == mesos.TASK_STAGING:
		return fmt.Errorf("state is %v", status.State)
	case status.ExecutorID != nil && status.ExecutorID.Value != o.ExecutorID:
		return fmt.Errorf("status.executor_id is %v", status.ExecutorID)
	}
	return nil
}
