package drivertest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/motia-go/motia/driver"
)

// strangeNames returns names that are legal, all different, and hard to encode.
func strangeNames() []string {
	return []string{
		"", " ", "  ", "a", "A", "a ", " a", "a.b", "a..b", ".", "..", "a.", "/", "//", "a/b", "a//b", "/a", "a/",
		"*", ">", "a.*", "a.>", "$", "$JS.API", "%", "%2F", "a%2Fb", "=", "==", "=20", "_", "-", "\\", "a\\.b", `"`, "'", "';--", "`",
		"\x00", "a\x00", "a\x00b", "\n", "a\nb", "\r\n", "\t", "\x7f", "\xff", "a\xffb", "\xc3\x28", "\xed\xa0\x80",
		"ü", "u\u0308", "漢字", "😀", "👩‍👩‍👧", "\u202e", "\ufeff", "\ufffd",
		"null", "true", "0", "00", "1e3", "{}", "[]", "<a>", "a:b", "a|b", "a,b", "a;b", "a&b=c", "a+b", "a#b", "a?b", "@", "!", "~",
		strings.Repeat("x", 255),
	}
}

// joinedNames returns pairs that become equal, or one a part of the other, when they are joined carelessly.
func joinedNames() [][2]string {
	var pairs [][2]string
	for _, separator := range []string{"", "/", ".", ":", "-", "_", "\x00", "|", " ", "=", "%"} {
		pairs = append(pairs,
			[2]string{"a" + separator + "b", "c"}, [2]string{"a", "b" + separator + "c"},
			[2]string{"", separator + "a"}, [2]string{separator, "a"}, [2]string{"", "a" + separator}, [2]string{"a", separator})
	}
	pairs = append(pairs, [2]string{"", "abc"}, [2]string{"abc", ""}, [2]string{"", ""})
	seen := make(map[[2]string]bool)
	return slices.DeleteFunc(pairs, func(p [2]string) bool {
		again := seen[p]
		seen[p] = true
		return again
	})
}

// longName returns a name that differs from other long names only at the end.
func longName(last string) string { return strings.Repeat("long name ", 6554)[:64<<10-1] + last }

func strangeTopics(x *trial) {
	names := strangeNames()
	for i, name := range names {
		x.bind(name, fmt.Sprint("s", i), driver.SubscriptionConfig{})
	}
	for i, name := range names {
		x.publish(driver.Message{Topic: name, Data: []byte(fmt.Sprint(i))})
	}
	for i, name := range names {
		if got := x.collect(fmt.Sprint("s", i), 1); len(got) != 1 || got[0] != fmt.Sprint(i) {
			x.errorf("the subscription of topic %q got the messages %q, want only number %d", name, got, i)
		}
	}
}

func strangeSubscriptions(x *trial) {
	names := strangeNames()
	for i, name := range names {
		x.bind(fmt.Sprint("t", i), name, driver.SubscriptionConfig{})
	}
	for i := range names {
		x.publish(driver.Message{Topic: fmt.Sprint("t", i), Data: []byte(fmt.Sprint(i))})
	}
	for i, name := range names {
		if got := x.collect(name, 1); len(got) != 1 || got[0] != fmt.Sprint(i) {
			x.errorf("subscription %q got the messages %q, want only number %d", name, got, i)
		}
	}
}

func strangeGroups(x *trial) {
	names := strangeNames()
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	x.bind(topic, sub, driver.SubscriptionConfig{})
	started := make(chan string, 2*len(names))
	gate := make(chan struct{})
	x.consume(sub, len(names)+1, func(_ context.Context, d *driver.Delivery) driver.Result {
		started <- d.Group
		x.hold(gate)
		return driver.Result{}
	})
	for _, name := range names {
		x.publish(message(name, ""), message(name, ""))
	}
	// The first messages of all groups run at once. If two groups were the same, one of them would wait.
	x.eventually(func() bool { return len(started) >= len(names) }, "some of %d groups are treated as the same group: their first messages do not run at once", len(names))
	x.settle()
	if len(started) > len(names) {
		x.errorf("two messages of a group run at once")
	}
	seen := make(map[string]bool)
	for range names {
		seen[<-started] = true
	}
	for _, name := range names {
		if !seen[name] {
			x.errorf("group %q was not delivered under its name", name)
		}
	}
	close(gate)
	x.eventually(func() bool { return len(started) == len(names) }, "the second messages of groups were not delivered")
}

func strangeIDs(x *trial) {
	names := strangeNames()
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var want []string
	for range 2 {
		for i, name := range names {
			x.publish(withID(name, fmt.Sprint(i)))
		}
	}
	for i, name := range names {
		want = append(want, fmt.Sprint(i))
		if name == "" {
			want = append(want, fmt.Sprint(i)) // no id, no deduplication
		}
	}
	x.expectHeld(sub, want...)
}

// queueJoinedNames uses the pairs as topic and subscription, as topic and id, and as topic and group.
func queueJoinedNames(x *trial) {
	pairs := joinedNames()
	want := make(map[string][]string) // by subscription
	for _, pair := range pairs {
		x.bind(pair[0], pair[1], driver.SubscriptionConfig{})
		for i, other := range pairs {
			if other[0] == pair[0] {
				want[pair[1]] = append(want[pair[1]], fmt.Sprint(i))
			}
		}
	}
	for i, pair := range pairs {
		x.publish(driver.Message{Topic: pair[0], ID: pair[1], Group: pair[1], Data: []byte(fmt.Sprint(i))})
	}
	for name, list := range want {
		slices.Sort(list)
		if got := x.collect(name, len(list)); !slices.Equal(got, list) {
			x.errorf("subscription %q held %q, want %q", name, got, list)
		}
	}
}

func queueLongNames(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	a, b := longName("a"), longName("b")
	q := x.backend.Queue
	errA, errB := q.Bind(x.ctx, a, a, driver.SubscriptionConfig{}), q.Bind(x.ctx, b, b, driver.SubscriptionConfig{})
	if errA == nil && errB == nil {
		x.publish(driver.Message{Topic: a, Data: []byte("a")})
		x.publish(driver.Message{Topic: b, Data: []byte("b")})
		x.expectHeld(a, "a")
		x.expectHeld(b, "b")
	}
	var want []string
	for _, m := range []driver.Message{
		message(a, "group a"), message(b, "group b"), withID(a, "id a"), withID(b, "id b"), withID(a, "again"),
	} {
		if err := q.Publish(x.ctx, m); err == nil && string(m.Data) != "again" {
			want = append(want, string(m.Data))
		}
	}
	x.publish(texts("plain")...) // the driver still works, even if it refused names
	x.expectHeld(sub, append(want, "plain")...)
}
