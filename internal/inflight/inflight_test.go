package inflight_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/inflight"
)

// isEmpty reports whether the channel of a closed gate says that all have left.
func isEmpty(empty <-chan struct{}) bool {
	select {
	case <-empty:
		return true
	default:
		return false
	}
}

func TestAGateThatNothingEnteredIsEmptyWhenItCloses(t *testing.T) {
	var gate inflight.Gate
	require.True(t, isEmpty(gate.Close()))
	require.False(t, gate.Enter())
}

func TestAClosedGateIsEmptyWhenTheLastHasLeft(t *testing.T) {
	var gate inflight.Gate
	for range 3 {
		require.True(t, gate.Enter())
	}
	gate.Leave()
	empty := gate.Close()
	require.False(t, isEmpty(empty))
	gate.Leave()
	require.False(t, gate.Enter(), "it is closed")
	require.False(t, isEmpty(empty), "one is still inside")
	gate.Leave()
	require.True(t, isEmpty(empty))
	require.False(t, gate.Enter())
	require.True(t, isEmpty(empty), "it stays empty")
}

func TestAGateThatWasEmptyBeforeItClosedStillWaits(t *testing.T) {
	var gate inflight.Gate
	require.True(t, gate.Enter())
	gate.Leave()
	require.True(t, gate.Enter())
	empty := gate.Close()
	require.False(t, isEmpty(empty))
	gate.Leave()
	require.True(t, isEmpty(empty))
}

func TestClosingAgainChangesNothing(t *testing.T) {
	var gate inflight.Gate
	require.True(t, gate.Enter())
	first, second := gate.Close(), gate.Close()
	require.Equal(t, first, second)
	gate.Leave()
	require.True(t, isEmpty(first))
	require.True(t, isEmpty(gate.Close()))
}

func TestNothingIsInsideOnceAGateIsEmptyWhoeverKnocks(t *testing.T) {
	for range 50 {
		var gate inflight.Gate
		var inside atomic.Int64
		begin := make(chan struct{})
		var visitors sync.WaitGroup
		for range 4 {
			visitors.Go(func() {
				<-begin
				for gate.Enter() {
					inside.Add(1)
					inside.Add(-1)
					gate.Leave()
				}
			})
		}
		for range 2 {
			visitors.Go(func() {
				<-begin
				<-gate.Close()
				assert.Zero(t, inside.Load())
			})
		}
		close(begin)
		visitors.Wait()
		require.False(t, gate.Enter())
	}
}

func TestEnteringDoesNotAllocate(t *testing.T) {
	var gate inflight.Gate
	require.Zero(t, testing.AllocsPerRun(100, func() {
		gate.Enter()
		gate.Leave()
	}))
}
