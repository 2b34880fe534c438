package motia_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestAConditionalWriteNeedsTheRevisionThatIsStored(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx := app.Context(t.Context())

	_, revision, err := scopeAccounts.Load(ctx, "a")
	require.NoError(t, err)
	require.Zero(t, revision, "of a missing value")
	first, err := scopeAccounts.Set(ctx, "a", scopeAccount{Balance: 1}, motia.IfRevision(0))
	require.NoError(t, err)
	_, err = scopeAccounts.Set(ctx, "a", scopeAccount{Balance: 2}, motia.IfRevision(0))
	require.ErrorIs(t, err, motia.ErrConflict, "it exists by now")

	account, revision, err := scopeAccounts.Load(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, scopeAccount{Balance: 1}, account)
	require.Equal(t, first.Revision, revision)
	_, err = scopeAccounts.Set(ctx, "a", scopeAccount{Balance: 3}, motia.IfRevision(revision), motia.TTL(time.Hour))
	require.NoError(t, err)
	_, err = scopeAccounts.Set(ctx, "a", scopeAccount{Balance: 4}, motia.IfRevision(revision))
	require.ErrorIs(t, err, motia.ErrConflict)
	require.ErrorContains(t, err, `set state "accounts" key "a"`)

	_, revision, err = scopeAccounts.Load(ctx, "a")
	require.NoError(t, err)
	_, _, err = scopeAccounts.Delete(ctx, "a")
	require.NoError(t, err)
	_, err = scopeAccounts.Set(ctx, "a", scopeAccount{}, motia.IfRevision(revision))
	require.ErrorIs(t, err, motia.ErrConflict, "it is gone")
	again, err := scopeAccounts.Set(ctx, "a", scopeAccount{Balance: 3}, motia.IfRevision(0))
	require.NoError(t, err)
	require.Greater(t, again.Revision, revision, "a revision is never used twice")
}

func TestOfManyConditionalWritesOneSucceeds(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx := app.Context(t.Context())
	for round := range 100 {
		_, revision, err := scopeAccounts.Load(ctx, "a")
		require.NoError(t, err)
		var group sync.WaitGroup
		results := make(chan error, 8)
		for w := range 8 {
			group.Go(func() {
				_, err := scopeAccounts.Set(ctx, "a", scopeAccount{Balance: round*8 + w + 1}, motia.IfRevision(revision))
				results <- err
			})
		}
		group.Wait()
		close(results)
		succeeded := 0
		for err := range results {
			if err == nil {
				succeeded++
			} else {
				require.ErrorIs(t, err, motia.ErrConflict)
			}
		}
		require.Equal(t, 1, succeeded)
	}
}

// forEachForm runs the test for each form, on a backend that has updates of its own and on one that has not.
func forEachForm(t *testing.T, test func(t *testing.T, f form)) {
	for how, backend := range updateBackends {
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend(), Streams: []motia.StreamConfig{{Name: "notes"}}})
		for name, f := range forms(t, app) {
			t.Run(name+" "+how, func(t *testing.T) { test(t, f) })
		}
	}
}

func TestOptionsOfAnUpdateCountAsPointersAndWithinOtherTypesToo(t *testing.T) {
	forEachForm(t, func(t *testing.T, f form) {
		created, err := f.update("k", motia.Increment("n", 1))
		require.NoError(t, err)
		op, condition, stale := motia.Increment("n", 1), motia.IfRevision(created), motia.IfRevision(created+1)
		_, err = f.update("k", &op, &stale)
		require.ErrorIs(t, err, motia.ErrConflict)
		_, err = f.update("k", &motia.UpdateOps{op}, struct{ motia.UpdateOp }{op}, &condition, nil)
		require.NoError(t, err)
		n, _, err := f.load("k")
		require.NoError(t, err)
		require.Equal(t, 3, n)
	})
}

func TestEveryWriteCanBeConditional(t *testing.T) {
	forEachForm(t, func(t *testing.T, f form) {
		refused := func(err error) {
			t.Helper()
			require.ErrorIs(t, err, motia.ErrConflict)
		}
		require.NoError(t, f.delete("k", motia.IfRevision(0)), "what does not exist need not be deleted")
		refused(f.delete("k", motia.IfRevision(1)))
		_, err := f.update("k", motia.Increment("n", 1), motia.IfRevision(1))
		refused(err)
		_, err = f.set("k", 1, motia.IfRevision(1))
		refused(err)
		_, revision, err := f.load("k")
		require.NoError(t, err)
		require.Zero(t, revision)

		created, err := f.update("k", motia.Increment("n", 1), motia.IfRevision(0))
		require.NoError(t, err)
		_, err = f.update("k", motia.IfRevision(0), motia.Increment("n", 1))
		refused(err)
		_, err = f.set("k", 7, motia.IfRevision(0))
		refused(err)
		refused(f.delete("k", motia.IfRevision(0)))
		refused(f.delete("k", motia.RevisionOption{}))

		set, err := f.set("k", 2, motia.IfRevision(created))
		require.NoError(t, err)
		refused(f.delete("k", motia.IfRevision(created)))
		updated, err := f.update("k", motia.UpdateOps{motia.Increment("n", 1)}, motia.IfRevision(set), motia.Increment("n", 1))
		require.NoError(t, err)
		n, revision, err := f.load("k")
		require.NoError(t, err)
		require.Equal(t, 4, n)
		require.Equal(t, updated, revision)

		_, err = f.update("k", motia.Increment("n.x", 1), motia.IfRevision(updated))
		require.ErrorAs(t, err, new(*motia.UpdateError))
		_, err = f.update("k", motia.Increment("n.x", 1), motia.IfRevision(set))
		refused(err)
		same, err := f.update("k", motia.IfRevision(updated))
		require.NoError(t, err)
		require.Equal(t, updated, same, "an update without operations changes nothing")
		_, err = f.update("k", motia.IfRevision(set), motia.IfRevision(updated))
		require.NoError(t, err, "the last condition counts")
		require.NoError(t, f.delete("k", motia.IfRevision(set), motia.IfRevision(updated)))
		_, err = f.update("k", motia.Increment("n", 1), motia.IfRevision(updated))
		refused(err)
		require.NoError(t, f.delete("k"))
	})
}

func TestOfManyConditionalDeletesAndUpdatesOneSucceeds(t *testing.T) {
	forEachForm(t, func(t *testing.T, f form) {
		for round := range 50 {
			set, err := f.set("k", round, motia.IfRevision(0))
			require.NoError(t, err)
			var deleted, updated atomic.Int32
			var group sync.WaitGroup
			contend := func(won *atomic.Int32, write func() error) {
				group.Go(func() {
					if err := write(); err == nil {
						won.Add(1)
					} else if !errors.Is(err, motia.ErrConflict) {
						t.Error(err)
					}
				})
			}
			for range 4 {
				contend(&deleted, func() error { return f.delete("k", motia.IfRevision(set)) })
				contend(&updated, func() error {
					_, err := f.update("k", motia.Increment("n", 1000), motia.IfRevision(set))
					return err
				})
				contend(&updated, func() error {
					_, err := f.set("k", round+1000, motia.IfRevision(set))
					return err
				})
			}
			group.Wait()
			require.EqualValues(t, 1, deleted.Load()+updated.Load())
			n, revision, err := f.load("k")
			require.NoError(t, err)
			if deleted.Load() == 1 {
				require.Zero(t, revision)
				continue
			}
			require.Equal(t, round+1000, n)
			require.NoError(t, f.delete("k", motia.IfRevision(revision)))
		}
	})
}

func TestAConditionalWriteThatIsRefusedFiresNothingAndIsToldToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app := testkit.NotesApp(t, stateRecord("watch", &seen, motia.State()), motia.StreamStep(motia.StepConfig{
			Name: "follow", Triggers: []motia.Trigger{testkit.Notes.Trigger()},
		}, func(in *motia.StreamInput[testkit.Note], _ *motia.Ctx[testkit.Note]) error {
			seen.Add(testkit.NoteText(*in))
			return nil
		}))
		ctx := app.Context(t.Context())
		const notes motia.Scope[testkit.Note] = "s"
		_, err := notes.Set(ctx, "k", testkit.Note{N: 1})
		require.NoError(t, err)
		testkit.SetNote(t, app, "g", "i", 1)
		testkit.Start(t, app)
		sub := testkit.SubscribeNotes(t, app, "g")
		require.Equal(t, "g/ sync i=1", testkit.NoteText(testkit.NextNote(t, sub)))
		synctest.Wait()
		before := seen.All()
		require.Len(t, before, 2)

		for _, revision := range []uint64{0, 1 << 40} {
			_, setErr := notes.Set(ctx, "k", testkit.Note{N: 2}, motia.IfRevision(revision), motia.TTL(time.Minute))
			_, updateErr := notes.Update(ctx, "k", motia.Set("n", 2), motia.IfRevision(revision))
			_, _, deleteErr := notes.Delete(ctx, "k", motia.IfRevision(revision))
			_, streamSetErr := testkit.Notes.Set(ctx, "g", "i", testkit.Note{N: 2}, motia.IfRevision(revision))
			_, streamUpdateErr := testkit.Notes.Update(ctx, "g", "i", motia.Set("n", 2), motia.IfRevision(revision))
			_, _, streamDeleteErr := testkit.Notes.Delete(ctx, "g", "i", motia.IfRevision(revision))
			for i, err := range []error{setErr, updateErr, deleteErr, streamSetErr, streamUpdateErr, streamDeleteErr} {
				require.ErrorIs(t, err, motia.ErrConflict, "%d", i)
			}
		}
		_, _, err = testkit.Notes.Delete(ctx, "g", "none", motia.IfRevision(0))
		require.NoError(t, err)
		testkit.NoNote(t, sub)
		time.Sleep(time.Hour)
		require.Equal(t, before, seen.All())
		note, found, err := notes.Get(ctx, "k")
		require.NoError(t, err)
		require.True(t, found, "the time to live of a refused write does not count")
		require.Equal(t, 1, note.N)

		_, revision, err := testkit.Notes.Load(ctx, "g", "i")
		require.NoError(t, err)
		_, _, err = testkit.Notes.Delete(ctx, "g", "i", motia.IfRevision(revision))
		require.NoError(t, err)
		require.Equal(t, "g/i delete 1", testkit.NoteText(testkit.NextNote(t, sub)))
	})
}

func TestAHolderThatOverranDoesNotReleaseTheLockOfTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil)
		ctx := app.Context(t.Context())
		testkit.Start(t, app) // whose end stops the timers of the store
		const locks motia.Scope[string] = "locks"
		acquire := func(holder string) (uint64, error) {
			change, err := locks.Set(ctx, "l", holder, motia.IfRevision(0), motia.TTL(time.Minute))
			return change.Revision, err
		}
		ada, err := acquire("ada")
		require.NoError(t, err)
		_, err = acquire("bob")
		require.ErrorIs(t, err, motia.ErrConflict)
		time.Sleep(time.Minute)
		_, _, err = locks.Delete(ctx, "l", motia.IfRevision(ada))
		require.ErrorIs(t, err, motia.ErrConflict, "it has expired")
		bob, err := acquire("bob")
		require.NoError(t, err)
		_, _, err = locks.Delete(ctx, "l", motia.IfRevision(ada))
		require.ErrorIs(t, err, motia.ErrConflict)
		holder, _, err := locks.Get(ctx, "l")
		require.NoError(t, err)
		require.Equal(t, "bob", holder)
		_, _, err = locks.Delete(ctx, "l", motia.IfRevision(bob))
		require.NoError(t, err)
		_, err = acquire("ada")
		require.NoError(t, err)
	})
}
