package motiatest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
)

func TestAWrappedBusHasTheAbilitiesOfTheOneWithinAndNoOthers(t *testing.T) {
	memory := motia.InMemory(nil).Bus
	for _, inner := range []driver.Bus{memory, struct{ driver.Bus }{memory}} {
		_, want := inner.(driver.SubjectSyncer)
		_, got := newRecorder(false).bus(inner).(driver.SubjectSyncer)
		require.Equal(t, want, got)
	}
	require.Implements(t, (*driver.SubjectSyncer)(nil), Chaos(t, 1, nil).Bus)
}

func TestAWrappedKVHasTheAbilitiesOfTheOneWithinAndNoOthers(t *testing.T) {
	memory := motia.InMemory(nil).KV
	full := abilitiesOf(memory)
	require.NotContains(t, []any{full.updater, full.log, full.syncer}, nil)
	for i := range 8 {
		var some abilities
		if i&1 != 0 {
			some.updater = full.updater
		}
		if i&2 != 0 {
			some.log = full.log
		}
		if i&4 != 0 {
			some.syncer = full.syncer
		}
		limited := some.add(memory)
		recorded := abilitiesOf(newRecorder(false).kv(limited))
		captured := abilitiesOf(newCapture(&driver.Backend{KV: limited}).backend.KV)
		for _, wrapped := range []abilities{abilitiesOf(limited), recorded, captured} {
			require.Equal(t, some.updater != nil, wrapped.updater != nil)
			require.Equal(t, some.log != nil, wrapped.log != nil)
			require.Equal(t, some.syncer != nil, wrapped.syncer != nil)
		}
	}
}
