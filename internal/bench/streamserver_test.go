//go:build unix

package bench_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkStreamServer1000 takes one stored item to 1,000 clients on WebSockets over the loopback interface. The
// ratio is that of the server's processor time, including the kernel's but not that of the clients.
func BenchmarkStreamServer1000(b *testing.B) { streamServer(b, 1000, 1) }

// BenchmarkStreamServer1000Burst does the same with up to 32 items under way.
func BenchmarkStreamServer1000Burst(b *testing.B) { streamServer(b, 1000, 32) }

// BenchmarkStreamServer10000 does the same with 10,000 clients.
func BenchmarkStreamServer10000(b *testing.B) { streamServer(b, 10_000, 1) }

func streamServer(b *testing.B, clients, window int) {
	floor, motia := newNetwork(b, "floor", clients, 0), newNetwork(b, "motia", clients, 0)
	orders := max(4000/clients, window)
	b.Run("ratio", func(b *testing.B) {
		var ratios, costs []float64
		for b.Loop() {
			x, y := alternate(len(ratios),
				func() float64 { return floor.publish(b, orders, window) },
				func() float64 { return motia.publish(b, orders, window) })
			ratios = append(ratios, y/x)
			costs = append(costs, y/float64(orders*clients))
		}
		b.ReportMetric(quantile(ratios, 0.5), "ratio")
		b.ReportMetric(quantile(costs, 0.5)/1000, "µs/delivery")
		b.ReportMetric(0, "ns/op") // hides the meaningless time of a turn
	})
}

// BenchmarkStreamServerStalled measures the 99th percentile of the delay of 990 clients. The ratio compares it with
// ten other clients that do not read and without them.
func BenchmarkStreamServerStalled(b *testing.B) {
	const clients, stalled, orders = 990, 10, 10
	floor, motia := newNetwork(b, "motia", clients, 0), newNetwork(b, "motia", clients, stalled)
	idle := motia.ask(b, "goroutines")
	for range 10 { // some goroutines were about to end
		idle = min(idle, motia.ask(b, "goroutines"))
	}
	for range 100 { // until each stalled client has a goroutine that waits to write
		motia.publish(b, 100, 16)
		if motia.ask(b, "goroutines") >= idle+stalled {
			break
		}
	}
	require.GreaterOrEqual(b, motia.ask(b, "goroutines"), idle+stalled, "of the clients that do not read")
	motia.publish(b, 1000, 16) // more than may wait for a client
	b.Run("ratio", func(b *testing.B) {
		floor.delays(b)
		motia.delays(b)
		var medians, ratios []float64
		measure := func(n *network) func() [2]float64 {
			return func() [2]float64 {
				n.publish(b, orders, 1)
				return n.delays(b)
			}
		}
		for b.Loop() {
			x, y := alternate(len(ratios), measure(floor), measure(motia))
			medians = append(medians, y[0]/x[0])
			ratios = append(ratios, y[1]/x[1])
		}
		b.ReportMetric(quantile(medians, 0.5), "p50-ratio")
		b.ReportMetric(quantile(ratios, 0.5), "ratio")
		b.ReportMetric(0, "ns/op") // hides the meaningless time of a turn
	})
}

func TestAnIdleClientCostsAtMost30PercentMoreMemoryThanByHand(t *testing.T) {
	const clients = 500
	each := func(part string) float64 {
		n := newNetwork(t, part, clients, 0)
		n.publish(t, 3, 1)
		return (n.ask(t, "memory") - n.empty) / clients
	}
	floor, motia := each("floor"), each("motia")
	t.Logf("%.0f bytes, by hand %.0f: %.2f", motia, floor, motia/floor)
	require.LessOrEqual(t, motia, 1.3*floor)
}

// alternate measures both, and swaps their order with every turn.
func alternate[T any](turn int, floor, motia func() T) (x, y T) {
	if turn%2 == 0 {
		x = floor()
		return x, motia()
	}
	y = motia()
	return floor(), y
}

// network is a server and the clients connected to it.
type network struct {
	server, readers *peer
	empty           float64 // memory of the server without clients
}

func newNetwork(tb testing.TB, part string, clients, stalled int) *network {
	tb.Helper()
	var limit syscall.Rlimit
	require.NoError(tb, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)) // the Go runtime has raised the soft limit
	if need := uint64(clients + stalled + 50); uint64(limit.Cur) < need {
		tb.Fatalf("%d connections need %d open files in each of two processes, and the limit is %d: see ulimit -n", clients+stalled, need, limit.Cur)
	}
	received, all, err := os.Pipe()
	require.NoError(tb, err)
	defer func() { _, _ = received.Close(), all.Close() }()
	n := &network{server: newPeer(tb, part, received)}
	address := n.server.answer(tb)
	n.empty = n.ask(tb, "memory")
	n.readers = newPeer(tb, fmt.Sprint("read ", address, " ", clients, " ", stalled), all)
	require.Equal(tb, "connected", n.readers.answer(tb))
	n.publish(tb, 10, 1)
	return n
}

// publish sends orders and returns the processor time of the server in nanoseconds.
func (n *network) publish(tb testing.TB, orders, window int) float64 {
	tb.Helper()
	return n.ask(tb, fmt.Sprint("publish ", orders, " ", window))
}

func (n *network) ask(tb testing.TB, command string) float64 {
	tb.Helper()
	n.server.tell(tb, command)
	answer, err := strconv.ParseFloat(n.server.answer(tb), 64)
	require.NoError(tb, err)
	return answer
}

// delays returns the 50th and the 99th percentile of the delays since the last call.
func (n *network) delays(tb testing.TB) (d [2]float64) {
	tb.Helper()
	n.readers.tell(tb, "delays")
	_, err := fmt.Sscan(n.readers.answer(tb), &d[0], &d[1])
	require.NoError(tb, err)
	return d
}

// peer is a process that plays a part.
type peer struct {
	part    string
	in      io.WriteCloser
	answers *bufio.Scanner
}

func newPeer(tb testing.TB, part string, extra *os.File) *peer {
	tb.Helper()
	program, err := os.Executable()
	require.NoError(tb, err)
	process := exec.Command(program)
	process.Env = append(os.Environ(), peerPart+"="+part)
	process.ExtraFiles = []*os.File{extra}
	process.Stderr = os.Stderr
	in, err := process.StdinPipe()
	require.NoError(tb, err)
	out, err := process.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, process.Start())
	tb.Cleanup(func() {
		_ = in.Close() // ends the process
		kill := time.AfterFunc(10*time.Second, func() { _ = process.Process.Kill() })
		defer kill.Stop()
		if err := process.Wait(); err != nil {
			tb.Errorf("%s: %v", part, err)
		}
	})
	return &peer{part, in, bufio.NewScanner(out)}
}

func (p *peer) tell(tb testing.TB, command string) {
	tb.Helper()
	_, err := io.WriteString(p.in, command+"\n")
	require.NoError(tb, err)
}

func (p *peer) answer(tb testing.TB) string {
	tb.Helper()
	if !p.answers.Scan() {
		tb.Fatalf("%s has ended", p.part)
	}
	return strings.TrimSpace(p.answers.Text())
}
