package motia_test

import (
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// form is a way to read and write values: state or a stream, typed or not. The values are Notes with a number.
type form struct {
	load   func(key string) (n int, revision uint64, err error)
	set    func(key string, n int, condition ...motia.RevisionOption) (revision uint64, err error)
	update func(key string, ops ...motia.UpdateOption) (revision uint64, err error)
	modify func(key string, change func(n int) (int, error)) (revision uint64, err error)
	delete func(key string, condition ...motia.RevisionOption) error
	list   func(opts ...motia.ListOption) ([]int, error)
	all    func(opts ...motia.ListOption) iter.Seq2[motia.Item[int], error]
}

// forms are all of them, for an app that has the stream "notes".
func forms(t testing.TB, app *motia.App) map[string]form {
	ctx := app.Context(t.Context())
	const scope motia.Scope[testkit.Note] = "typed"
	state, notes := stateOf(t, app), testkit.StreamsOf(t, app).Get("notes")
	return map[string]form{
		"Scope": {
			load: func(key string) (int, uint64, error) {
				v, revision, err := scope.Load(ctx, key)
				return v.N, revision, err
			},
			set: func(key string, n int, condition ...motia.RevisionOption) (uint64, error) {
				var opts []motia.SetOption
				for _, c := range condition {
					opts = append(opts, c)
				}
				change, err := scope.Set(ctx, key, testkit.Note{N: n}, opts...)
				return change.Revision, err
			},
			update: func(key string, ops ...motia.UpdateOption) (uint64, error) {
				change, err := scope.Update(ctx, key, ops...)
				return change.Revision, err
			},
			modify: func(key string, change func(int) (int, error)) (uint64, error) {
				made, err := scope.Modify(ctx, key, modifyNote(change))
				return made.Revision, err
			},
			delete: func(key string, condition ...motia.RevisionOption) error {
				_, _, err := scope.Delete(ctx, key, condition...)
				return err
			},
			list: func(opts ...motia.ListOption) ([]int, error) { return numbers(scope.List(ctx, opts...)) },
			all: func(opts ...motia.ListOption) iter.Seq2[motia.Item[int], error] {
				return numbered(scope.All(ctx, opts...))
			},
		},
		"StateManager": {
			load: func(key string) (int, uint64, error) {
				var v testkit.Note
				revision, err := state.Load("untyped", key, &v)
				return v.N, revision, err
			},
			set: func(key string, n int, condition ...motia.RevisionOption) (uint64, error) {
				var opts []motia.SetOption
				for _, c := range condition {
					opts = append(opts, c)
				}
				change, err := state.Set("untyped", key, testkit.Note{N: n}, opts...)
				return change.Revision, err
			},
			update: func(key string, ops ...motia.UpdateOption) (uint64, error) {
				change, err := state.Update("untyped", key, ops...)
				return change.Revision, err
			},
			modify: func(key string, change func(int) (int, error)) (uint64, error) {
				made, err := state.Modify("untyped", key, modifyJSON(change))
				return made.Revision, err
			},
			delete: func(key string, condition ...motia.RevisionOption) error {
				_, err := state.Delete("untyped", key, condition...)
				return err
			},
			list: func(opts ...motia.ListOption) ([]int, error) { return numbers(state.List("untyped", opts...)) },
			all: func(opts ...motia.ListOption) iter.Seq2[motia.Item[int], error] {
				return numbered(state.All("untyped", opts...))
			},
		},
		"StreamName": {
			load: func(key string) (int, uint64, error) {
				v, revision, err := testkit.Notes.Load(ctx, "typed", key)
				return v.N, revision, err
			},
			set: func(key string, n int, condition ...motia.RevisionOption) (uint64, error) {
				change, err := testkit.Notes.Set(ctx, "typed", key, testkit.Note{N: n}, condition...)
				return change.Revision, err
			},
			update: func(key string, ops ...motia.UpdateOption) (uint64, error) {
				change, err := testkit.Notes.Update(ctx, "typed", key, ops...)
				return change.Revision, err
			},
			modify: func(key string, change func(int) (int, error)) (uint64, error) {
				made, err := testkit.Notes.Modify(ctx, "typed", key, modifyNote(change))
				return made.Revision, err
			},
			delete: func(key string, condition ...motia.RevisionOption) error {
				_, _, err := testkit.Notes.Delete(ctx, "typed", key, condition...)
				return err
			},
			list: func(opts ...motia.ListOption) ([]int, error) {
				return numbers(testkit.Notes.List(ctx, "typed", opts...))
			},
			all: func(opts ...motia.ListOption) iter.Seq2[motia.Item[int], error] {
				return numbered(testkit.Notes.All(ctx, "typed", opts...))
			},
		},
		"StreamHandle": {
			load: func(key string) (int, uint64, error) {
				var v testkit.Note
				revision, err := notes.Load("untyped", key, &v)
				return v.N, revision, err
			},
			set: func(key string, n int, condition ...motia.RevisionOption) (uint64, error) {
				change, err := notes.Set("untyped", key, testkit.Note{N: n}, condition...)
				return change.Revision, err
			},
			update: func(key string, ops ...motia.UpdateOption) (uint64, error) {
				change, err := notes.Update("untyped", key, ops...)
				return change.Revision, err
			},
			modify: func(key string, change func(int) (int, error)) (uint64, error) {
				made, err := notes.Modify("untyped", key, modifyJSON(change))
				return made.Revision, err
			},
			delete: func(key string, condition ...motia.RevisionOption) error {
				_, err := notes.Delete("untyped", key, condition...)
				return err
			},
			list: func(opts ...motia.ListOption) ([]int, error) { return numbers(notes.List("untyped", opts...)) },
			all: func(opts ...motia.ListOption) iter.Seq2[motia.Item[int], error] {
				return numbered(notes.All("untyped", opts...))
			},
		},
	}
}

func modifyNote(change func(int) (int, error)) func(testkit.Note) (testkit.Note, error) {
	return func(v testkit.Note) (testkit.Note, error) {
		n, err := change(v.N)
		return testkit.Note{N: n}, err
	}
}

func modifyJSON(change func(int) (int, error)) func(json.RawMessage) (any, error) {
	return func(old json.RawMessage) (any, error) {
		n, err := number(old)
		if err == nil {
			n, err = change(n)
		}
		return testkit.Note{N: n}, err
	}
}

// number returns that of a testkit.Note or its JSON, 0 where there is none.
func number(v any) (int, error) {
	switch v := v.(type) {
	case testkit.Note:
		return v.N, nil
	case json.RawMessage:
		if v == nil {
			return 0, nil
		}
		var note testkit.Note
		err := json.Unmarshal(v, &note)
		return note.N, err
	}
	return 0, errors.New("no note")
}

func numbers[T any](values []T, err error) ([]int, error) {
	list := make([]int, len(values))
	for i, v := range values {
		n, bad := number(v)
		list[i], err = n, errors.Join(err, bad)
	}
	return list, err
}

func numbered[T any](items iter.Seq2[motia.Item[T], error]) iter.Seq2[motia.Item[int], error] {
	return func(yield func(motia.Item[int], error) bool) {
		for item, err := range items {
			n := 0
			if err == nil {
				n, err = number(item.Value)
			}
			if !yield(motia.Item[int]{Key: item.Key, Value: n, Revision: item.Revision}, err) {
				return
			}
		}
	}
}

func TestEveryFormTellsTheRevision(t *testing.T) {
	forEachForm(t, func(t *testing.T, f form) {
		n, revision, err := f.load("k")
		require.NoError(t, err)
		require.Zero(t, n)
		require.Zero(t, revision, "of a missing value")
		set, err := f.set("k", 1)
		require.NoError(t, err)
		n, revision, err = f.load("k")
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, set, revision)
		for item, err := range f.all() {
			require.NoError(t, err)
			require.Equal(t, motia.Item[int]{Key: "k", Value: 1, Revision: set}, item)
		}
	})
}

func TestEveryFormIsModifiedWithoutLoss(t *testing.T) {
	forEachForm(t, func(t *testing.T, f form) {
		broke := errors.New("broke")
		_, err := f.modify("k", func(int) (int, error) { return 1, broke })
		require.True(t, err == broke, "the error of change is returned as it is")
		const writers, times = 4, 50
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				for range times {
					if _, err := f.modify("k", func(n int) (int, error) { return n + 1, nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		n, revision, err := f.load("k")
		require.NoError(t, err)
		require.Equal(t, writers*times, n)
		same, err := f.modify("k", func(n int) (int, error) { return n, nil })
		require.NoError(t, err)
		require.Equal(t, revision, same, "an unchanged value is not written")
	})
}

func TestAnUntypedModifyTellsAMissingValueFromNull(t *testing.T) {
	app := testkit.NotesApp(t)
	state, notes := stateOf(t, app), testkit.StreamsOf(t, app).Get("notes")
	modify := map[string]func(func(json.RawMessage) (any, error)) (motia.Change, error){
		"state":  func(f func(json.RawMessage) (any, error)) (motia.Change, error) { return state.Modify("s", "k", f) },
		"stream": func(f func(json.RawMessage) (any, error)) (motia.Change, error) { return notes.Modify("s", "k", f) },
	}
	for name, modify := range modify {
		step := func(want, becomes string) {
			t.Helper()
			change, err := modify(func(old json.RawMessage) (any, error) {
				require.Equal(t, want, string(old), name)
				require.Equal(t, want == "", old == nil, name)
				if len(old) > 0 {
					old[0] = '!' // it is a copy
				}
				return json.RawMessage(becomes), nil
			})
			require.NoError(t, err)
			require.Equal(t, want, string(change.Old), name)
			require.Equal(t, becomes, string(change.New), name)
		}
		step("", "null")
		step("null", `{"a":1}`)
		step(`{"a":1}`, "2")
		_, err := modify(func(json.RawMessage) (any, error) { return make(chan int), nil })
		require.ErrorContains(t, err, "modify ", name)
	}
}

func TestAListBeginsAndEndsAsItsOptionsSay(t *testing.T) {
	forEachForm(t, func(t *testing.T, f form) {
		random := rand.New(rand.NewPCG(1, 2))
		text := func() string {
			const alphabet = "\x00a\xff"
			b := make([]byte, random.IntN(4))
			for i := range b {
				b[i] = alphabet[random.IntN(len(alphabet))]
			}
			return string(b)
		}
		stored := make(map[string]int)
		for n := range 30 {
			key := text()
			stored[key] = n
			_, err := f.set(key, n)
			require.NoError(t, err)
		}
		keys := slices.Sorted(maps.Keys(stored))
		for range 100 {
			from, prefix, most := text(), text(), random.IntN(5)
			opts := []motia.ListOption{motia.FromKey(from), motia.KeyPrefix(prefix), motia.AtMost(most)}
			switch random.IntN(4) {
			case 0:
				opts[0], from = nil, ""
			case 1:
				opts[1], prefix = nil, ""
			case 2:
				opts[2], most = nil, len(keys)
			}
			want, wantNumbers := []string{}, []int{}
			for _, key := range keys {
				if key >= from && strings.HasPrefix(key, prefix) && len(want) < most {
					want, wantNumbers = append(want, key), append(wantNumbers, stored[key])
				}
			}
			got := []string{}
			for item, err := range f.all(opts...) {
				require.NoError(t, err)
				got = append(got, item.Key)
			}
			require.Equal(t, want, got, "from %q, prefix %q, at most %d", from, prefix, most)
			list, err := f.list(opts...)
			require.NoError(t, err)
			require.Equal(t, wantNumbers, list)
		}

		after := []string{}
		for item, err := range f.all(motia.FromKey(keys[2] + "\x00")) {
			require.NoError(t, err)
			after = append(after, item.Key)
		}
		require.Equal(t, keys[3:], after)
		_, err := f.list(motia.AtMost(-1))
		require.ErrorContains(t, err, "limit -1 is negative")
		for _, err := range f.all(motia.AtMost(-1)) {
			require.ErrorContains(t, err, "limit -1 is negative")
		}
	})
}

func TestAnIterationThatIsNotTypedYieldsNullsAndCopies(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	state := stateOf(t, app)
	for key, value := range map[string]any{"a": nil, "b": []int{1}} {
		_, err := state.Set("s", key, value)
		require.NoError(t, err)
	}
	for range 2 {
		var got []string
		for item, err := range state.All("s") {
			require.NoError(t, err)
			got = append(got, item.Key+" "+string(item.Value))
			item.Value[0] = '!'
		}
		require.Equal(t, []string{"a null", "b [1]"}, got)
	}
}
