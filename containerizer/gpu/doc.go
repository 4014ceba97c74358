// Package gpu hands out the GPUs of a host by name, each to one container at a time.
//
// [Discover] learns what there is, from the Engine, its CDI specifications and NVIDIA's driver. An [Inventory] knows which names mean
// one device: identity is the set of device nodes, for NVIDIA the uuid. A [Book] gives a container what it asks for, in whatever way, or
// says who has it. What is held is asked of the Engine each time: a container holds its devices from its create to its exit. In memory
// are those alone whose container is not created yet.
package gpu
