package motiatest_test

import (
	"context"

	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

func TestWrongFaultsAreToldAtOnce(t *testing.T) {
	for _, c := range []struct {
		faults motiatest.Faults
		want   []string
	}{
		{motiatest.Faults{Crashes: 1.5}, []string{"Faults.Crashes is 1.5: must be from 0 to 1"}},
		{motiatest.Faults{Duplicates: -0.1, FailedWrites: math.NaN()}, []string{
			"Faults.Duplicates is -0.1: must be from 0 to 1", "Faults.FailedWrites is NaN: must be from 0 to 1",
		}},
		{motiatest.Faults{Reordering: 1, SlowAcks: 1, SlowSubscribers: 1}, []string{
			"Faults.Reordering is 1, but Faults.MaxDelay is 0", "Faults.SlowAcks is 1, but Faults.MaxDelay is 0", "Faults.SlowSubscribers is 1, but Faults.MaxDelay is 0",
		}},
		{motiatest.Faults{ClockJumps: 0.5}, []string{"Faults.ClockJumps is 0.5, but Faults.MaxJump is 0"}},
		{motiatest.Faults{MaxDelay: -1, MaxJump: -time.Second}, []string{"Faults.MaxDelay is negative: -1ns", "Faults.MaxJump is negative: -1s"}},
	} {
		failed, output := failsIn(t, func(t motiatest.TB) {
			motiatest.Chaos(t, 1, &c.faults)
			t.Logf("went on")
		})
		require.True(t, failed)
		require.Equal(t, "motiatest: chaos:\n"+strings.Join(c.want, "\n")+"\n", output)
	}
}

// chaosOrders runs concurrent orders of 7 customers on a Chaos backend, and returns the report in the log of the
// failed test.
func chaosOrders(t *testing.T, seed uint64, faults *motiatest.Faults, orders int) (report string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		_, report = failsIn(t, func(t motiatest.TB) {
			options := withLive()
			options.Backend = motiatest.Chaos(t, seed, faults)
			app := motiatest.Run(quiet{t}, options, createOrder, sendReceipt, publishStatus, mail, failing(1, motia.QueueConfig{}))
			var clients sync.WaitGroup
			for i := range orders {
				clients.Go(func() {
					order := Order{ID: fmt.Sprintf("o-%d", i), Email: fmt.Sprintf("o-%d@example.com", i), Total: 1 + i}
					motiatest.Enqueue(app, OrderCreated, order, motia.InGroup(fmt.Sprint("customer-", i%7)))
				})
			}
			clients.Wait()
			app.Idle()
			t.Errorf("the test fails in the end")
		})
	})
	require.Contains(t, report, "the test fails in the end\n")
	return report[strings.Index(report, "chaos: "):]
}

func TestAFailureSaysWhatChaosDidAndHowToRepeatIt(t *testing.T) {
	report := chaosOrders(t, 42, &motiatest.Faults{Duplicates: 0.5, Crashes: 0.5}, 3)
	require.Regexp(t, `^chaos: seed 42, \d+ faults: \d+ duplicates, \d+ crashes \(fingerprint [0-9a-f]{16}\)
to repeat: motiatest.Chaos\(t, 42, ...\) in GOMAXPROCS=1 go test -run '\^Fake\$'
(    (message stored twice|change handed over twice|crash before the handler|crash after the handler): .*
)+$`, report)
	require.Contains(t, report, `message stored twice: topic "order-created", group "customer-1" {"id":"o-1","email":"o-1@example.com","total":2}`)
	require.Contains(t, report, `to charge/queue/order-created, attempt 1 {"id"`)
}

func TestAFailureInASubtestSaysHowToRunOnlyThat(t *testing.T) {
	f := &fakeTB{name: "TestOrders/all_of_them/seed=17", failed: true}
	motiatest.Chaos(f, 17, nil)
	f.cleanups[0]()
	require.Contains(t, f.output.String(), `in GOMAXPROCS=1 go test -run '^TestOrders$/^all_of_them$/^seed=17$'`)
}

func TestATestThatPassesSaysNothingOfChaos(t *testing.T) {
	failed, output := failsIn(t, func(t motiatest.TB) { motiatest.Chaos(t, 1, nil) })
	require.False(t, failed)
	require.Empty(t, output)
}

func TestWhatIsOffDoesNotHappen(t *testing.T) {
	report := chaosOrders(t, 1, &motiatest.Faults{}, 50)
	require.Regexp(t, `^chaos: seed 1, 0 faults: no faults are enabled \(fingerprint 0{16}\)\nto repeat: .*\n$`, report)
	report = chaosOrders(t, 1, &motiatest.Faults{Crashes: 0.5, MaxDelay: time.Hour, MaxJump: time.Hour}, 50)
	require.Regexp(t, `^chaos: seed 1, (\d+) faults: (\d+) crashes \(fingerprint`, report, "nothing but crashes")
}

// chaosEverything makes faults of every kind likely.
func chaosEverything() *motiatest.Faults {
	return &motiatest.Faults{
		Duplicates: 0.2, Crashes: 0.2, Reordering: 0.3, SlowAcks: 0.3, SlowSubscribers: 0.3, FailedWrites: 0.1, ClockJumps: 0.3,
		MaxDelay: time.Second, MaxJump: time.Minute,
	}
}

func TestTheSameSeedMakesTheSameFaults(t *testing.T) {
	lines := func(seed uint64) []string { // all faults, in no order
		list := strings.Split(chaosOrders(t, seed, &motiatest.Faults{Duplicates: 0.2, Crashes: 0.2, FailedWrites: 0.1}, 12), "\n")
		require.Greater(t, len(list), 30)
		require.NotContains(t, list[2], "earlier faults")
		slices.Sort(list)
		return list
	}
	require.Equal(t, lines(7), lines(7))
	require.NotEqual(t, lines(7), lines(8))

	head := func(seed uint64) string { // the numbers and the fingerprint of more than are listed
		first, _, _ := strings.Cut(chaosOrders(t, seed, chaosEverything(), 300), "\n")
		return first
	}
	want := head(7)
	for range 5 {
		require.Equal(t, want, head(7))
	}
	fingerprint := regexp.MustCompile(`fingerprint [0-9a-f]{16}`)
	require.NotEqual(t, fingerprint.FindString(want), fingerprint.FindString(head(8)))
}

func TestALongListOfFaultsIsCut(t *testing.T) {
	list := strings.Split(strings.TrimSuffix(chaosOrders(t, 7, chaosEverything(), 300), "\n"), "\n")
	require.Len(t, list, 3+100)
	require.Regexp(t, `^    \d+ earlier faults$`, list[2])
}

func TestAWholeFlowSurvivesChaosAndIdleWaitsForItsEnd(t *testing.T) {
	flow := func(t *testing.T, seed uint64) {
		options := withLive()
		options.Backend = motiatest.Chaos(t, seed, nil)
		app := motiatest.Run(t, options, createOrder, sendReceipt, publishStatus, mail)
		const orders = 20
		for i := range orders {
			order := Order{ID: strconv.Itoa(i), Email: "eve@example.com", Total: 1}
			motiatest.Enqueue(app, OrderCreated, order, motia.InGroup(order.Email))
		}
		app.Idle()
		for i := range orders {
			status, found, err := Live.Get(app.Context(t.Context()), "all", strconv.Itoa(i))
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, "confirmed", status.Status)
		}
		n, err := app.DeadLetters().Count(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Zero(t, n)
	}
	motiatest.Seeds(t, 20, func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) { flow(t, seed) })
	})
	t.Run("in real time", func(t *testing.T) { flow(t, 1) })
}

func TestIdleEndsWithTheLastAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		options := &motia.Options{Backend: motiatest.Chaos(t, 1, &motiatest.Faults{SlowAcks: 1, MaxDelay: time.Minute})}
		app := motiatest.Run(t, options, failing(0, motia.QueueConfig{}))
		start := time.Now()
		motiatest.Enqueue(app, OrderCreated, tea)
		app.Idle()
		require.Positive(t, time.Since(start))
		require.LessOrEqual(t, time.Since(start), time.Minute, "not later, when schedules would have fired")
	})
}

func TestWhatChaosDuplicatesIsBelowWhatLedToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		options := &motia.Options{Backend: motiatest.Chaos(t, 1, &motiatest.Faults{Duplicates: 1})}
		app := motiatest.Run(t, options, createOrder, failing(0, motia.QueueConfig{}))
		require.Equal(t, http.StatusCreated, app.Do(motiatest.Request("POST", "/orders", tea)).Code)
		app.Idle()
		require.Equal(t, `POST /orders {"id":"o-1","email":"eve@example.com","total":450} → create-order
    state "orders" "o-1" created {"id":"o-1","email":"eve@example.com","total":450}
    enqueue order-created, group "eve@example.com" {"id":"o-1","email":"eve@example.com","total":450}
        → charge: done
        → charge: done
    ← 201 {"id":"o-1","email":"eve@example.com","total":450}
`, app.Events().String())
	})
}

func TestAWriteWhoseAnswerIsLostIsRecordedAsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		options := withLive()
		options.Backend = motiatest.Chaos(t, 1, &motiatest.Faults{FailedWrites: 1})
		app := motiatest.Run(t, options)
		ctx := app.Context(t.Context())
		const n = 50
		stored, seen := 0, 0
		for i := range n {
			id := strconv.Itoa(i)
			_, err := Statuses.Set(ctx, id, Status{id})
			require.ErrorIs(t, err, motiatest.ErrChaos)
			_, err = Live.Set(ctx, "all", id, Status{id})
			require.ErrorIs(t, err, motiatest.ErrChaos)
			require.ErrorIs(t, Live.Send(ctx, "all", id, "ping", id), motiatest.ErrChaos)
			require.ErrorIs(t, OrderCreated.Enqueue(ctx, tea), motiatest.ErrChaos)
			_, found, err := Statuses.Get(ctx, id)
			require.NoError(t, err)
			if found {
				stored++
			}
			_, found, err = Live.Get(ctx, "all", id)
			require.NoError(t, err)
			if found {
				seen++
			}
		}
		require.Len(t, app.Events().Kind(motiatest.KindState), stored)
		require.InDelta(t, n/2, stored, n/4)
		changes, sent := 0, 0
		for _, e := range app.Events().Kind(motiatest.KindStream) {
			if e.Name == "ping" {
				sent++
			} else {
				changes++
			}
		}
		require.Equal(t, seen, changes)
		require.InDelta(t, n/2, sent, n/4)
		require.InDelta(t, n/2, len(motiatest.Enqueued(t, app, OrderCreated)), n/4)
	})
}

func TestTheTestsOwnWritesInsistUnlessTheStoreTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := motiatest.Run(t, &motia.Options{Backend: motiatest.Chaos(t, 1, &motiatest.Faults{FailedWrites: 0.9})}, failing(0, motia.QueueConfig{}))
		for i := range 20 {
			order := Order{ID: strconv.Itoa(i), Email: "eve@example.com", Total: 1}
			motiatest.SetState(app, Orders, order.ID, order)
			motiatest.Enqueue(app, OrderCreated, order)
		}
		app.Idle()
		require.Len(t, motiatest.Enqueued(t, app, OrderCreated), 20)
		require.Len(t, motiatest.StateChanges(t, app, Orders), 20)
	})
}

func TestSeedsAreSubtestsThatCanBeRunAgain(t *testing.T) {
	var names []string
	t.Run("all", func(t *testing.T) {
		motiatest.Seeds(t, 3, func(t *testing.T, seed uint64) { names = append(names, fmt.Sprint(t.Name(), " ", seed)) })
	})
	prefix := t.Name() + "/all/"
	require.Equal(t, []string{prefix + "seed=1 1", prefix + "seed=2 2", prefix + "seed=3 3"}, names)
}

// A step that adds up values is not idempotent. One that stores them is.
func ExampleChaos() {
	type Payment struct {
		ID     string `json:"id"`
		Amount int    `json:"amount"`
	}
	const Paid motia.Topic[Payment] = "paid"
	const Balance motia.Scope[map[string]int] = "balance"
	account := func(update func(Payment) motia.UpdateOp) motia.Step {
		return motia.QueueStep(motia.StepConfig{Name: "account", Triggers: []motia.Trigger{Paid.Trigger()}},
			func(p Payment, ctx *motia.FlowContext[motia.None, Payment]) error {
				_, err := Balance.Update(ctx, "eve", update(p))
				return err
			})
	}
	adds := account(func(p Payment) motia.UpdateOp { return motia.Increment("total", p.Amount) })
	notes := account(func(p Payment) motia.UpdateOp { return motia.Set(p.ID, p.Amount) })

	test := func(t motiatest.TB, step motia.Step) { // func TestPaymentsAddUp(t *testing.T)
		const seed = 7
		app := motiatest.Run(t, &motia.Options{Backend: motiatest.Chaos(t, seed, &motiatest.Faults{Duplicates: 0.1})}, step)
		for i := range 10 {
			motiatest.Enqueue(app, Paid, Payment{ID: fmt.Sprint("p-", i), Amount: 10})
		}
		app.Idle()
		total := 0
		balance, _, err := Balance.Get(app.Context(context.Background()), "eve")
		for _, amount := range balance {
			total += amount
		}
		fmt.Println("total:", total, err)
	}
	exampleTest(func(t motiatest.TB) { test(t, adds) })
	exampleTest(func(t motiatest.TB) { test(t, notes) })
	// Output:
	// total: 120 <nil>
	// total: 100 <nil>
}
