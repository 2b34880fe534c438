package main

import (
	"time"

	"github.com/motia-go/motia"
)

// service holds what the steps need besides their input: the steps are its methods.
type service struct {
	app      *motia.App
	terminal terminal
	mailed   *memory // by the mail server
	summary  string
}

// newApp wires the service: an app with all its steps, ready to serve. Tests pass options, which it extends; nil
// means none.
func newApp(c config, opts *motia.Options) (*motia.App, error) {
	s := &service{
		terminal: terminal{failRate: c.failRate, seed: c.seed, charged: new(memory)},
		mailed:   new(memory),
		summary:  c.summary,
	}
	if opts == nil {
		opts = new(motia.Options)
	}
	opts.Streams = []motia.StreamConfig{{Name: string(Live)}}
	opts.ShutdownTimeout = 10 * time.Second
	s.app = motia.New(opts)
	return s.app, s.app.Register(
		createOrder, getOrder, followOrder, // orders.go, follow.go
		s.charge(), reserveStock, completeOrder, s.sendEmail(), // fulfil.go, email.go
		publishStatus,                    // follow.go
		s.listDeadLetters(), s.redrive(), // deadletters.go
		s.summarise(), // summary.go
	)
}
