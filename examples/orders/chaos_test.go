package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

// The books are right after each of 200 bad days with duplicates, crashes, lost answers and all other faults of
// Chaos, half of all charges declined, clients that repeat failed requests, and redriven dead letters.
func TestTheBooksAreRightAfterABadDay(t *testing.T) {
	motiatest.Seeds(t, 200, func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			d := newBadDay(t, seed)
			d.placeOrders()
			d.redriveDeadLetters()
			d.checkOrders()
			d.checkBooks()
		})
	})
}

// badDay is the service on a Chaos backend, and what was ordered.
type badDay struct {
	t      *testing.T
	app    *motiatest.App
	orders []NewOrder
}

func newBadDay(t *testing.T, seed uint64) *badDay {
	shopLog.reset()
	config, err := parseFlags([]string{"-seed", strconv.FormatUint(seed, 10), "-summary", "@every 1h"}, io.Discard)
	require.NoError(t, err)
	d := &badDay{t: t}
	d.app = motiatest.RunApp(t, func(opts *motia.Options) (*motia.App, error) {
		return newApp(config, opts)
	}, motia.Options{Backend: motiatest.Chaos(t, seed, nil)})
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range 8 {
		order := orderOf(fmt.Sprintf("order-%d-%d", seed, i), fmt.Sprintf("customer-%d", random.IntN(3)))
		order.Items[0].Qty, order.Items[1].SKU = 1+random.IntN(5), fmt.Sprintf("pot-%d", random.IntN(3))
		d.orders = append(d.orders, order)
	}
	return d
}

// placeOrders places the orders from concurrent clients. They repeat a request until it succeeds.
func (d *badDay) placeOrders() {
	var clients sync.WaitGroup
	for _, order := range d.orders {
		clients.Go(func() {
			for try := 1; ; try++ {
				answer := httptest.NewRecorder()
				d.app.ServeHTTP(answer, motiatest.Request("POST", "/orders", order))
				if answer.Code == http.StatusCreated {
					return
				}
				if answer.Code != http.StatusInternalServerError || try == 20 {
					d.t.Errorf("try %d of %s: %d %s", try, order.ID, answer.Code, answer.Body)
					return
				}
				time.Sleep(time.Second)
			}
		})
	}
	clients.Wait()
	d.app.Idle()
}

// redriveDeadLetters redrives dead letters until there are none.
func (d *badDay) redriveDeadLetters() {
	for range 20 {
		if n, err := d.app.DeadLetters().Count(d.t.Context(), motia.DeadLetterQuery{}); n == 0 {
			require.NoError(d.t, err)
			return
		}
		time.Sleep(time.Hour) // nobody watches them all the time
		answer := d.app.Do(motiatest.Request("POST", "/dead-letters/redrive", nil))
		require.Equal(d.t, http.StatusOK, answer.Code, answer.Body)
		d.app.Idle()
	}
	letters, err := d.app.DeadLetters().List(d.t.Context(), motia.DeadLetterQuery{})
	require.NoError(d.t, err)
	require.Empty(d.t, letters, "redriving does not get rid of dead letters")
}

// checkOrders checks that each order is completed, once.
func (d *badDay) checkOrders() {
	completed := make(map[string]int)
	for _, change := range motiatest.StateChanges(d.t, d.app, Orders) {
		if change.Old != nil && change.New != nil && change.Old.Status == Pending && change.New.Status == Completed {
			completed[change.Key]++
		}
	}
	mails := make(map[string]int)
	for _, mail := range d.logged("email sent") {
		mails[fmt.Sprint(mail["template"], " ", mail["order"])]++
	}
	ctx := d.app.Context(d.t.Context())
	for _, ordered := range d.orders {
		order, found, err := Orders.Get(ctx, ordered.ID)
		require.NoError(d.t, err)
		require.True(d.t, found, ordered.ID)
		require.Equal(d.t, ordered, order.NewOrder)
		require.Equal(d.t, Completed, order.Status, "%s is stuck: %+v", ordered.ID, order)
		require.Equal(d.t, parts, order.CompletedSteps)
		require.Equal(d.t, Results{&Charge{ordered.total(), "EUR"}, &Reservation{ordered.pieces()}}, order.Results)
		require.Equal(d.t, 1, completed[ordered.ID], "completions of %s", ordered.ID)
		for _, template := range []string{"order-received", "order-completed"} {
			require.Equal(d.t, 1, mails[template+" "+ordered.ID], "mails %s of %s", template, ordered.ID)
		}
		live, _, err := Live.Get(ctx, ordered.Customer.ID, ordered.ID)
		require.NoError(d.t, err)
		require.Equal(d.t, LiveStatus{ordered.ID, Completed, parts, order.ChargeAttempts, ""}, live, "what followers see in the end")
	}
	require.Len(d.t, completed, len(d.orders))
	require.Len(d.t, mails, 2*len(d.orders))
}

// checkBooks checks that the charges, the completed orders, the summary and the reservations agree.
func (d *badDay) checkBooks() {
	total := int64(0)
	stock := make(map[string]Reserved)
	for _, order := range d.orders {
		total += order.total()
		for _, item := range order.Items {
			if stock[item.SKU] == nil {
				stock[item.SKU] = Reserved{}
			}
			stock[item.SKU][order.ID] = item.Qty
		}
	}
	charges := make(map[any]int)
	charged := int64(0)
	for _, record := range shopLog.records(d.t, "card charged") {
		charges[record["order"]]++
		charged += int64(record["amount"].(float64))
	}
	require.Len(d.t, charges, len(d.orders))
	require.Equal(d.t, total, charged, "each order is charged once: %v", charges)

	ctx := d.app.Context(d.t.Context())
	for sku, want := range stock {
		reserved, _, err := Stock.Get(ctx, sku)
		require.NoError(d.t, err)
		require.Equal(d.t, want, reserved, sku)
	}

	time.Sleep(time.Hour) // the next summary
	d.app.Idle()
	summaries := d.logged("summary")
	require.NotEmpty(d.t, summaries)
	text, err := json.Marshal(summaries[len(summaries)-1])
	require.NoError(d.t, err)
	require.JSONEq(d.t, fmt.Sprintf(`{"orders":%d,"completed":%d,"dead_letters":0,"revenue":"%d EUR"}`, len(d.orders), len(d.orders), total), string(text))
}

// logged returns the attributes of the steps' log records with the message.
func (d *badDay) logged(message string) []map[string]any {
	var found []map[string]any
	for _, e := range d.app.Events().Kind(motiatest.KindLog) {
		if e.Message == message {
			var attributes map[string]any
			require.NoError(d.t, json.Unmarshal(e.Data, &attributes))
			found = append(found, attributes)
		}
	}
	return found
}

func TestAChangeThatWasADeadLetterDoesNotSetTheStatusBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newBadDay(t, 1)
		older := Order{NewOrder: d.orders[0], Status: Pending, CompletedSteps: 1, ChargeAttempts: 1}
		newer := older
		newer.Status, newer.CompletedSteps, newer.ChargeAttempts = Completed, parts, 2
		for _, order := range []Order{older, newer, older} { // the last is redriven
			result := motiatest.Invoke(d.app, publishStatus, motiatest.State(Orders, order.ID, nil, &order))
			require.Equal(t, motiatest.OutcomeDone, result.Outcome, result.Err)
		}
		live, _, err := Live.Get(d.app.Context(t.Context()), older.Customer.ID, older.ID)
		require.NoError(t, err)
		require.Equal(t, LiveStatus{older.ID, Completed, parts, 2, ""}, live)
	})
}
