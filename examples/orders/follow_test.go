package main

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThoseWhoFollowAnOrderSeeEveryChangeUntilItIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, nil)
		id := declinedOrder(chargeAttempts)
		s.place(orderOf(id, "ada"))
		settle()
		answers := make(chan string)
		go func() {
			res, text := s.request("GET", "/orders/"+id+"/events", "")
			answers <- res.Header.Get("Content-Type") + "\n" + text
		}()
		settle() // the follower waits
		s.request("POST", "/dead-letters/redrive", "")
		answer := strings.ReplaceAll(<-answers, id, "ID")
		require.Equal(t, `text/event-stream
event: sync
data: {"orderId":"ID","status":"pending","completedSteps":1,"chargeAttempts":3,"problem":"card declined"}

event: update
data: {"orderId":"ID","status":"pending","completedSteps":2,"chargeAttempts":4}

event: update
data: {"orderId":"ID","status":"completed","completedSteps":2,"chargeAttempts":4}

`, answer)

		_, text := s.request("GET", "/orders/"+id+"/events", "")
		require.Equal(t, "event: sync\ndata: {\"orderId\":\""+id+"\",\"status\":\"completed\",\"completedSteps\":2,\"chargeAttempts\":4}\n\n", text,
			"a late follower sees how it ended")
	})
}

func TestAShutdownLetsThoseGoWhoFollowAnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"-fail-rate", "1"})
		s.place(orderOf("A", "ada"))
		settle()
		status := make(chan int)
		go func() {
			res, _ := s.request("GET", "/orders/A/events", "")
			status <- res.StatusCode
		}()
		settle()
		asked := time.Now()
		require.NoError(t, s.stop())
		require.Equal(t, http.StatusOK, <-status)
		require.Less(t, time.Since(asked), time.Second)
	})
}
