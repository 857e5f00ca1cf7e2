package engine

import "net/netip"

// specialUse4 are the IPv4 addresses that are not somewhere on the internet: the
// IANA special-purpose registry (RFC 6890), multicast, and the address at which
// a cloud's host answers its guests.
//
//nolint:gochecknoglobals // read only
var specialUse4 = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private use
	"100.64.0.0/10",    // shared address space of carriers
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // the host of a virtual machine in Azure
	"169.254.0.0/16",   // link-local, and metadata services of clouds
	"172.16.0.0/12",    // private use
	"192.0.0.0/24",     // protocol assignments
	"192.0.2.0/24",     // documentation
	"192.31.196.0/24",  // AS112
	"192.52.193.0/24",  // automatic multicast tunnelling
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private use
	"192.175.48.0/24",  // AS112
	"198.18.0.0/15",    // benchmarking
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, and broadcast
)

// globalUnicast6 is all of IPv6 that is given out to networks. What lies outside
// (loopback, unique local, link-local, multicast, NAT64 …) is special.
//
//nolint:gochecknoglobals // read only
var globalUnicast6 = netip.MustParsePrefix("2000::/3")

// specialUse6 are the special addresses within globalUnicast6.
//
//nolint:gochecknoglobals // read only
var specialUse6 = prefixes(
	"2001::/23",         // protocol assignments, Teredo and ORCHID among them
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4: there is an IPv4 address in it
	"2620:4f:8000::/48", // AS112
	"3fff::/20",         // documentation
)

func prefixes(all ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(all))
	for i, s := range all {
		list[i] = netip.MustParsePrefix(s)
	}
	return list
}

// isPublic reports whether an address is somewhere on the internet, and so
// nothing that only this server can reach. An IPv4 address in IPv6 clothes
// (::ffff:127.0.0.1) is looked at as what it is.
func isPublic(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	special := specialUse4
	if a.Is6() {
		if !globalUnicast6.Contains(a) {
			return false
		}
		special = specialUse6
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
