package jsonops_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/motia-go/motia/internal/jsonops"
)

// Stored text is valid JSON. If it is damaged nevertheless, an update may fail or produce nonsense, but must not
// panic or hang.
func TestDamagedTextIsSurvived(t *testing.T) {
	whole := []byte(`{"a":[1,{"b\"":"x\\"},[]],"n":-1.5,"o":{"p":null}}`)
	paths := []string{"", "a", "a.0", "a.3", "a.1.b\"", "n", "o.p", "x.y"}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		damaged := append([]byte(nil), whole[:r.IntN(len(whole)+1)]...)
		for range r.IntN(4) {
			if len(damaged) > 0 {
				damaged[r.IntN(len(damaged))] = whole[r.IntN(len(whole))]
			}
		}
		path := paths[r.IntN(len(paths))]
		for _, op := range []jsonops.Op{
			set(path, `1`), del(path), increment(path, `1`), merge(path, `{"p":1}`), appendOne(path, `1`), merge("o", string(damaged)),
		} {
			assert.NotPanics(t, func() { _, _ = jsonops.Apply(damaged, []jsonops.Op{op}, jsonops.Limits{}) }, "%s %s of %q", op.Kind, path, damaged)
		}
	}
}
