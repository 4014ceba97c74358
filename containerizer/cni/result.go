package cni

import (
	"errors"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
)

// DNS is what plugins say of name servers.
type DNS = types.DNS

// addressesOf returns the addresses that a result gives to the container, and its name servers.
func addressesOf(result types.Result) (addresses []string, dns DNS, err error) {
	if result == nil {
		return nil, DNS{}, errors.New("the plugins have returned no result")
	}
	current, err := types100.NewResultFromResult(result)
	if err != nil {
		return nil, DNS{}, err
	}
	for _, ip := range current.IPs {
		if ip == nil || ip.Address.IP == nil {
			continue
		}
		// An address of an interface on the host, such as a bridge's, is not the container's.
		if i := ip.Interface; i != nil && *i >= 0 && *i < len(current.Interfaces) && current.Interfaces[*i] != nil && current.Interfaces[*i].Sandbox == "" {
			continue
		}
		addresses = append(addresses, ip.Address.IP.String())
	}
	return addresses, current.DNS, nil
}
