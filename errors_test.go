package motia_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

// fullQueue is a queue of another driver, which puts context of its own before the errors of the contract.
type fullQueue struct{ driver.Queue }

func (fullQueue) Publish(context.Context, ...driver.Message) error {
	return fmt.Errorf("table messages: %w", driver.ErrFull)
}

func TestErrorsShowTheirPrefixOnceAtTheBeginning(t *testing.T) {
	app, _ := testkit.NewApp(t, &motia.Options{MaxValueSize: 100}, queueStep("pay", "orders",
		func(*motia.Ctx[int], int) error { return nil }, motia.QueueConfig{MaxPending: 1}))
	ctx := app.Context(t.Context())
	queueSend(t, app, "orders", 1)
	full := motia.InMemory(nil)
	full.Queue = fullQueue{full.Queue}
	other, _ := testkit.NewApp(t, &motia.Options{Backend: full})
	var fromStep error
	require.NoError(t, enqueueFrom(t, app, []string{"orders"}, func(ctx *motia.FlowContext[any, motia.None]) error {
		fromStep = motia.Topic[int]("orders").Enqueue(ctx, 2)
		return nil
	}))
	_, conflict := motia.Scope[int]("stock").Set(ctx, "tea", 1, motia.IfRevision(7))
	_, large := motia.Scope[string]("stock").Set(ctx, "tea", strings.Repeat("x", 100))
	for want, err := range map[string]error{
		`motia: enqueue "orders": queue is full`:                                                   motia.Topic[int]("orders").Enqueue(ctx, 2),
		`motia: enqueue "orders" from step "sender": queue is full`:                                fromStep,
		`motia: enqueue "orders": table messages: queue is full`:                                   motia.Topic[int]("orders").Enqueue(other.Context(t.Context()), 2),
		`motia: set state "stock" key "tea": revision conflict`:                                    conflict,
		`motia: set state "stock" key "tea": value is too large: 102 bytes, limit 100`:             large,
		`motia: step "": argument 0 has no name`:                                                   app.Register(regStep[int]("", motia.Queue("t"))).(interface{ Unwrap() []error }).Unwrap()[0],
		`motia: context belongs to no invocation: pass the handler's ctx, or one from App.Context`: motia.Topic[int]("t").Enqueue(t.Context(), 1),
	} {
		require.EqualError(t, err, want)
	}
}

// The sentinels have the prefix, and one package puts context before errors, so that the prefix is not repeated.
func TestSentinelsHaveThePrefixAndContextIsPutBeforeThemInOneWay(t *testing.T) {
	sentinel := regexp.MustCompile(`\b(Err[A-Z]\w*)\s*=\s*errors\.New\("(.*)"\)`)
	byHand := regexp.MustCompile(`fmt\.Errorf\("motia: [^"]*: %w.*`)
	found := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		require.Empty(t, byHand.FindAllString(string(source), -1), "%s: use wrap.Errorf", path)
		if dir := filepath.Dir(path); dir == "." || dir == "driver" {
			for _, match := range sentinel.FindAllStringSubmatch(string(source), -1) {
				require.True(t, strings.HasPrefix(match[2], "motia: "), "%s: %s", path, match[1])
				found++
			}
		}
		return err
	}))
	require.Greater(t, found, 10)
}
