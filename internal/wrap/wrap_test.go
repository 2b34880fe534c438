package wrap_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/wrap"
)

func TestThePrefixIsShownOnceAtTheBeginning(t *testing.T) {
	sentinel := errors.New("motia: queue is full")
	once := wrap.Errorf(sentinel, "subscription %q", "s")
	for want, err := range map[string]error{
		`motia: subscription "s": queue is full`:              once,
		`motia: enqueue "t": subscription "s": queue is full`: wrap.Errorf(once, "enqueue %q", "t"),
		`motia: enqueue: table "m": queue is full`:            wrap.Errorf(fmt.Errorf("table %q: %w", "m", sentinel), "enqueue"),
		`motia: enqueue: no route to motia: it is down`:       wrap.Errorf(errors.New("no route to motia: it is down"), "enqueue"),
		`motia: enqueue: `:           wrap.Errorf(errors.New(""), "enqueue"),
		`motia: 100%: queue is full`: wrap.Errorf(sentinel, "100%%"),
	} {
		require.EqualError(t, err, want)
	}
	require.ErrorIs(t, wrap.Errorf(once, "enqueue"), sentinel)
	require.Equal(t, "queue is full", wrap.Text(sentinel))
}
