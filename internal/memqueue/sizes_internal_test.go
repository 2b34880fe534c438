package memqueue

import (
	"testing"
	"unsafe"
)

// These structs fill a size class of the allocator each. One more field costs more than its own size.
func TestSizes(t *testing.T) {
	for _, test := range []struct {
		name      string
		got, want uintptr
	}{
		{"item", unsafe.Sizeof(item{}), 112},
		{"extra", unsafe.Sizeof(extra{}), 48},
		{"group", unsafe.Sizeof(group{}), 24},
		{"lease", unsafe.Sizeof(lease{}), 256},
	} {
		if test.got != test.want {
			t.Errorf("%s has %d bytes, want %d", test.name, test.got, test.want)
		}
	}
}
