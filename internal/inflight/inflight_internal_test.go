package inflight

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A goroutine that leaves an open gate may be delayed between the two steps of Leave. The test does the second step
// after another goroutine has entered and the gate is closed.
func TestOneThatLeftBeforeAnotherEnteredDoesNotSayThatAGateIsEmpty(t *testing.T) {
	var gate Gate
	require.True(t, gate.Enter())
	gate.inside.Add(-1) // leaves, and is held up
	require.True(t, gate.Enter())
	empty := gate.Close()
	gate.settle()
	select {
	case <-empty:
		t.Fatal("the gate counts as empty while one is inside")
	default:
	}
	gate.Leave()
	<-empty
}
