package engine

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestIsPublic(t *testing.T) {
	t.Parallel()
	for name, addrs := range map[string][]string{
		"this network":             {"0.0.0.0", "0.1.2.3"},
		"private use":              {"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"},
		"shared by carriers":       {"100.64.0.1", "100.100.100.200", "100.127.255.255"},
		"loopback":                 {"127.0.0.1", "127.255.255.254", "::1"},
		"link-local":               {"169.254.169.254", "169.254.0.1", "fe80::1", "febf::1", "fe80::1%eth0"},
		"host of the machine":      {"168.63.129.16"},
		"protocol assignments":     {"192.0.0.1", "192.0.0.192", "2001::1", "2001:1::1", "2001:1ff::1"},
		"documentation":            {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1", "3fff:fff:ffff::1"},
		"AS112, AMT":               {"192.31.196.1", "192.52.193.1", "192.175.48.1", "2620:4f:8000::1"},
		"6to4":                     {"192.88.99.1", "2002:7f00:1::", "2002:a00:1::1"},
		"benchmarking":             {"198.18.0.1", "198.19.255.255", "2001:2::1"},
		"multicast":                {"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"},
		"reserved":                 {"240.0.0.1", "255.255.255.255", "4000::1", "8000::1", "fec0::1"},
		"unspecified":              {"::"},
		"IPv4-mapped":              {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0"},
		"IPv4-compatible":          {"::127.0.0.1", "::8.8.8.8"},
		"IPv4-translated":          {"::ffff:0:7f00:1"},
		"NAT64":                    {"64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1"},
		"Teredo, ORCHID":           {"2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1"},
		"unique local":             {"fc00::1", "fd00:ec2::254", "fdff::1"},
		"discard, SRv6":            {"100::1", "5f00::1"},
		"public address in a zone": {"2606:4700::1111%eth0"},
	} {
		t.Run("CIMD-6 "+name, func(t *testing.T) {
			t.Parallel()
			for _, a := range addrs {
				assert.False(t, isPublic(netip.MustParseAddr(a)), a)
			}
		})
	}
	t.Run("CIMD-6 public addresses", func(t *testing.T) {
		t.Parallel()
		for _, a := range []string{
			"1.1.1.1", "8.8.8.8", "93.184.216.34", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
			"169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255",
			"::ffff:8.8.8.8", "2606:4700:4700::1111", "2001:200::1", "2001:4860:4860::8888", "2a00:1450::1", "3ffe::1",
		} {
			assert.True(t, isPublic(netip.MustParseAddr(a)), a)
		}
		assert.False(t, isPublic(netip.Addr{}), "no address at all")
	})
}
