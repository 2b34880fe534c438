package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/schedule"
)

// FuzzParse checks that Parse never panics, that its errors are readable, and that the times of accepted expressions
// grow and agree with an independent model of the expression.
func FuzzParse(f *testing.F) {
	for i, c := range valid {
		f.Add(c.expression, uint8(i), int64(1709164710+i*86400))
	}
	for _, c := range bad {
		if len(c.expression) < 100 {
			f.Add(c.expression, uint8(0), int64(0))
		}
	}
	f.Add("30 2 * * *", uint8(17), int64(1710053999))
	zoneCache := map[string]*time.Location{}
	f.Fuzz(func(t *testing.T, expression string, zoneIndex uint8, after int64) {
		name := zones[int(zoneIndex)%len(zones)]
		if zoneCache[name] == nil {
			zoneCache[name] = load(t, name)
		}
		s, err := schedule.Parse(expression, zoneCache[name])
		if err != nil {
			require.Nil(t, s)
			assertReadable(t, expression, err)
			return
		}
		m := fuzzModel(expression)
		at := time.Unix(after%(1<<36), 0) // about the years -208 to 4147
		for range 4 {
			next := s.Next(at)
			require.True(t, next.After(at), "%v after %v", next, at)
			require.True(t, m == nil || confirms(m, next), "%v after %v", next, at)
			at = next
		}
	})
}

// fuzzModel returns the model of an expression, or nil for @every.
func fuzzModel(expression string) *model {
	words := strings.Fields(expression)
	if strings.Contains(words[0], "TZ=") {
		words = words[1:]
	}
	switch words[0] {
	case "@every":
		return nil
	case "@yearly", "@annually":
		return newModel("0 0 1 1 *")
	case "@monthly":
		return newModel("0 0 1 * *")
	case "@weekly":
		return newModel("0 0 * * SUN")
	case "@daily", "@midnight":
		return newModel("0 0 * * *")
	case "@hourly":
		return newModel("0 * * * *")
	}
	return newModel(strings.Join(words, " "))
}

// confirms reports whether the model matches at the time or, for fixed times, in a gap of the clock right before it.
func confirms(m *model, at time.Time) bool {
	if m.matches(faceOf(at)) {
		return true
	}
	u := at.Unix()
	for wall := wallAt(at.Location(), u-1) + 1; !m.interval && wall < wallAt(at.Location(), u); wall++ {
		if m.matches(wallFace(wall)) {
			return true
		}
	}
	return false
}
