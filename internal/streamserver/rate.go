package streamserver

import (
	"sync"
	"time"
)

// rateBurst is how many seconds' worth of frames a client may save up.
const rateBurst = 10

// rate is a token bucket. The zero value is full.
type rate struct {
	mu    sync.Mutex // the goroutine that closes the connection may read pings as well
	last  time.Time
	spent float64
}

func (r *rate) allow(now time.Time, perSecond int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spent = max(0, r.spent-now.Sub(r.last).Seconds()*float64(perSecond))
	r.last = now
	r.spent++
	return r.spent <= float64(perSecond*rateBurst)
}
