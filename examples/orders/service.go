package main

import (
	"time"

	"github.com/motia-go/motia"
)

// service holds what the steps need besides their input: the steps are its methods.
type service struct {
	app      *motia.App
	terminal terminal
	summary  string
}

// newApp wires the service: an app with all its steps, ready to serve.
func newApp(c config) (*motia.App, error) {
	s := &service{
		terminal: terminal{failRate: c.failRate, seed: c.seed},
		summary:  c.summary,
	}
	s.app = motia.New(&motia.Options{
		Streams:         []motia.StreamConfig{{Name: string(Live)}},
		ShutdownTimeout: 10 * time.Second,
	})
	return s.app, s.app.Register(
		createOrder, getOrder, followOrder, // orders.go, follow.go
		s.charge(), reserveStock, completeOrder, sendEmail, // fulfil.go, email.go
		publishStatus,                    // follow.go
		s.listDeadLetters(), s.redrive(), // deadletters.go
		s.summarise(), // summary.go
	)
}
