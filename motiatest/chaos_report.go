package motiatest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// fault is a fault that has happened.
type fault struct {
	kind    faultKind
	what    string // what has happened
	where   string // the topic, subscription, key or subject
	attempt int    // 0 if there is none
	by      time.Duration
	data    []byte // the payload or value
}

// lastFaults is how many faults a report lists: all of them in a small test, enough to see what came before the
// failure in a large one.
const lastFaults = 100

// note keeps a fault for the report.
func (c *chaos) note(f fault) {
	f.data = timeless(f.data)
	d := digest(f.kind).text(f.what).text(f.where).number(uint64(f.attempt)).number(uint64(f.by))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[f.kind]++
	c.sum += uint64(d)
	if len(c.last) < lastFaults {
		c.last = append(c.last, f)
		return
	}
	c.last[c.next] = f
	c.next = (c.next + 1) % lastFaults
}

// report lists the faults that happened, and says how to repeat them.
func (c *chaos) report(test string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	var counts []string
	for kind, name := range [faultKinds]string{"duplicates", "crashes", "reorderings", "slow acknowledgements", "slow subscribers", "failed writes", "clock jumps"} {
		n := c.counts[kind]
		total += n
		if c.probability(faultKind(kind)) > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, name))
		}
	}
	if len(counts) == 0 {
		counts = []string{"no faults are enabled"}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "chaos: seed %d, %d faults: %s (fingerprint %016x)\n", c.seed, total, strings.Join(counts, ", "), c.sum)
	fmt.Fprintf(&text, "to repeat: motiatest.Chaos(t, %d, ...) in GOMAXPROCS=1 go test -run '%s'\n", c.seed, pattern(test))
	if omitted := total - len(c.last); omitted > 0 {
		fmt.Fprintf(&text, "    %d earlier faults\n", omitted)
	}
	for i := range c.last {
		fmt.Fprintf(&text, "    %s\n", &c.last[(c.next+i)%len(c.last)])
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// pattern returns the argument of go test -run that runs only this test.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// String returns the fault in one line.
func (f *fault) String() string {
	text := f.what
	if f.by != 0 {
		text += fmt.Sprintf(" by %v", f.by)
	}
	text += ": " + f.where
	if f.attempt > 0 {
		text += fmt.Sprintf(", attempt %d", f.attempt)
	}
	const longest = 120 // enough to recognise it
	switch {
	case len(f.data) > longest:
		text += fmt.Sprintf(" %.*s…", longest, f.data)
	case len(f.data) > 0:
		text += fmt.Sprintf(" %s", f.data)
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\n", `\n`)
}
