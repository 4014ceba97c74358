// Package cni joins containers to networks of the Container Network Interface, with libcni and the admin's plugins.
//
// A Network is what one configuration file of an admin's defines. A Book attaches the network namespace of a container to networks
// and detaches it again. What is attached stands in a file of the daemon's state directory from before the first plugin runs until
// after the last DEL, so that a daemon, or a host, that dies in between leaves nothing behind for good. DEL is repeated where its
// outcome is not known, as the specification allows.
//
// A task chooses networks by their names alone. Of what it says the plugins see the NetworkInfo, as with Mesos's own network/cni
// isolator, and the ports that the caller has checked.
package cni
