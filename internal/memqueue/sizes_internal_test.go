package memqueue

import (
	"strconv"
	"testing"
	"unsafe"
)

// Each of these structs fills a size class of the allocator where words have 64 bits, so one more field costs more
// than its own size. Where they have 32 bits, the structs do not fill their classes but must not outgrow them either.
func TestSizes(t *testing.T) {
	for _, test := range []struct {
		name       string
		got        uintptr
		on64, on32 uintptr // the size class
	}{
		{"item", unsafe.Sizeof(item{}), 112, 80},
		{"extra", unsafe.Sizeof(extra{}), 48, 32},
		{"group", unsafe.Sizeof(group{}), 24, 16},
		{"lease", unsafe.Sizeof(lease{}), 256, 176},
	} {
		switch {
		case strconv.IntSize == 64 && test.got != test.on64:
			t.Errorf("%s has %d bytes, want %d", test.name, test.got, test.on64)
		case strconv.IntSize == 32 && test.got > test.on32:
			t.Errorf("%s has %d bytes, want at most %d", test.name, test.got, test.on32)
		}
	}
}
