// Command orders is a small order service built on motia. The README explains it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/motia-go/motia"
)

func main() {
	config, err := parseFlags(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // package flag has printed why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	// With LogHandler, records of slog.InfoContext(ctx, ...) name the step, wherever it is called.
	slog.SetDefault(slog.New(motia.LogHandler(slog.NewTextHandler(os.Stderr, nil))))
	if err := run(ctx, config); err != nil {
		slog.Error("orders", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and then lets what is running finish.
func run(ctx context.Context, config config) error {
	app, err := newApp(config, nil)
	if err != nil {
		return err
	}
	slog.Info("starting", "addr", config.addr, "fail_rate", config.failRate)
	return app.ListenAndServe(ctx, config.addr)
}

// config is what the flags say.
type config struct {
	addr     string
	failRate float64
	seed     uint64
	summary  string
}

func parseFlags(args []string, output io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("orders", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&c.addr, "addr", ":8080", "TCP `address` to listen on")
	flags.Float64Var(&c.failRate, "fail-rate", 0.5, "share of the charges that fail, from 0 to 1")
	flags.Uint64Var(&c.seed, "seed", 1, "decides which charges fail")
	flags.StringVar(&c.summary, "summary", "@every 5s", "cron `schedule` of the summary in the log")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	err := error(nil)
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case !(c.failRate >= 0 && c.failRate <= 1): // also NaN
		err = fmt.Errorf("-fail-rate must be from 0 to 1, not %v", c.failRate)
	}
	if err != nil {
		fmt.Fprintln(output, err)
		flags.Usage()
	}
	return c, err
}
