package memkv_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memkv"
)

func list(t testing.TB, k *memkv.KV, scope string, after *string, limit int) []string {
	t.Helper()
	entries, err := k.List(t.Context(), "b", scope, after, limit)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, entry := range entries {
		ids = append(ids, entry.Key.ID)
	}
	return ids
}

func TestListIsOrderedBytewiseAndPaged(t *testing.T) {
	k := open(t)
	ids := []string{"", "\x00", "\x00a", "A", "B", "a", "a.b", "a/b", "aa", "b", "é", "\xff"}
	for _, i := range []int{5, 3, 11, 0, 7, 1, 9, 10, 2, 4, 8, 6} {
		put(t, k, key("s", ids[i]), "v"+ids[i], driver.PutOptions{})
	}
	put(t, k, key("other", "a"), "x", driver.PutOptions{})
	if got := list(t, k, "s", nil, 100); !slices.Equal(got, ids) {
		t.Errorf("got %q, want %q", got, ids)
	}
	for limit := 1; limit <= len(ids)+1; limit++ {
		var got []string
		for after := (*string)(nil); ; {
			page := list(t, k, "s", after, limit)
			got = append(got, page...)
			if len(page) < limit {
				break
			}
			after = &page[limit-1]
		}
		if !slices.Equal(got, ids) {
			t.Errorf("limit %d: got %q, want %q", limit, got, ids)
		}
	}
	between := "aZ"
	if got, want := list(t, k, "s", &between, 2), []string{"aa", "b"}; !slices.Equal(got, want) {
		t.Errorf("after a missing id: got %q, want %q", got, want)
	}
	end := "\xff\xff"
	for _, got := range [][]string{list(t, k, "s", &end, 5), list(t, k, "s", nil, 0), list(t, k, "s", nil, -1), list(t, k, "none", nil, 5)} {
		if len(got) != 0 {
			t.Errorf("got %q, want nothing", got)
		}
	}
	if got := list(t, k, "s", nil, math.MaxInt); len(got) != len(ids) {
		t.Errorf("unlimited: got %d", len(got))
	}
	if entries, err := k.List(t.Context(), "no such bucket", "s", nil, 5); err != nil || len(entries) != 0 {
		t.Errorf("got %v, %v", entries, err)
	}
}

func TestListOfALongScopeGoesOnAfterDeletedEntries(t *testing.T) {
	k := open(t)
	const n = 5000
	var want []string
	for i := range n {
		put(t, k, key("s", fmt.Sprintf("%05d", i)), "x", driver.PutOptions{})
	}
	for i := range n {
		if id := fmt.Sprintf("%05d", i); i%3 == 0 {
			want = append(want, id)
		} else {
			put(t, k, key("s", id), "", driver.PutOptions{Delete: true})
		}
	}
	if got := list(t, k, "s", nil, n); !slices.Equal(got, want) {
		t.Errorf("got %d ids, want %d", len(got), len(want))
	}
	if got := list(t, k, "s", &want[100], 1500); !slices.Equal(got, want[101:1601]) {
		t.Errorf("got %d ids, want 1500", len(got))
	}
}

func TestPagingUnderConcurrentChangeShowsEveryStableEntryOnceInOrder(t *testing.T) {
	k := open(t)
	const stable = 500
	var want []string
	for i := range stable {
		id := fmt.Sprintf("%04d-stable", i)
		want = append(want, id)
		put(t, k, key("s", id), "x", driver.PutOptions{})
	}
	stop := make(chan struct{})
	var group sync.WaitGroup
	for w := range 2 {
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				at := key("s", fmt.Sprintf("%04d-%d", i*7%stable, w))
				put(t, k, at, "x", driver.PutOptions{})
				put(t, k, key("s", want[i%stable]), strconv.Itoa(i), driver.PutOptions{})
				put(t, k, at, "", driver.PutOptions{Delete: true})
			}
		})
	}
	for range 50 {
		var got []string
		for after := (*string)(nil); ; {
			page := list(t, k, "s", after, 37)
			got = append(got, page...)
			if len(page) < 37 {
				break
			}
			after = &page[36]
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Error("not sorted, or doubled")
		}
		got = slices.DeleteFunc(got, func(id string) bool { return !strings.HasSuffix(id, "stable") })
		if !slices.Equal(got, want) {
			t.Errorf("got %d stable entries, want %d", len(got), len(want))
		}
	}
	close(stop)
	group.Wait()
}

func TestScopesAreListedWhileTheyHoldEntries(t *testing.T) {
	k := open(t)
	scopes := func(after *string, limit int) []string {
		t.Helper()
		names, err := k.Scopes(t.Context(), "b", after, limit)
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if got := scopes(nil, 5); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	for _, scope := range []string{"c", "", "b", "a"} {
		put(t, k, key(scope, "1"), "x", driver.PutOptions{})
		put(t, k, key(scope, "2"), "x", driver.PutOptions{})
	}
	put(t, k, driver.Key{Bucket: "other", Scope: "z"}, "x", driver.PutOptions{})
	a := "a"
	for _, c := range []struct {
		after *string
		limit int
		want  []string
	}{{nil, 9, []string{"", "a", "b", "c"}}, {nil, 2, []string{"", "a"}}, {&a, 2, []string{"b", "c"}}, {&a, 0, nil}} {
		if got := scopes(c.after, c.limit); !slices.Equal(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	put(t, k, key("b", "1"), "", driver.PutOptions{Delete: true})
	if got := scopes(nil, 9); len(got) != 4 {
		t.Errorf("got %q, but b still holds an entry", got)
	}
	put(t, k, key("b", "2"), "", driver.PutOptions{Delete: true})
	if got, want := scopes(nil, 9), []string{"", "a", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnyStringIsANameAndNoneCollide(t *testing.T) {
	k := open(t)
	names := []string{
		"", ".", "..", "a.b", "a", "b", "/", "a/b", "a/", "/b", "\x00", "a\x00b", "a\x00", "\x00b", "ab", "🙂", "é", "e\u0301", "\xff\xfe",
		" ", "*", ">", "%00", "\\", strings.Repeat("x", 64<<10), strings.Repeat("x", 64<<10-1) + "y",
	}
	value := func(bucket, scope, id int) string { return fmt.Sprint(bucket, scope, id) }
	for b, bucket := range names {
		for s, scope := range names {
			for i, id := range names {
				put(t, k, driver.Key{Bucket: bucket, Scope: scope, ID: id}, value(b, s, i), driver.PutOptions{})
			}
		}
	}
	sorted := slices.Sorted(slices.Values(names))
	for b, bucket := range names {
		if got, err := k.Scopes(t.Context(), bucket, nil, 100); err != nil || !slices.Equal(got, sorted) {
			t.Errorf("bucket %.20q: wrong scopes (%v)", bucket, err)
		}
		for s, scope := range names {
			entries, err := k.List(t.Context(), bucket, scope, nil, 100)
			if err != nil || len(entries) != len(names) {
				t.Fatalf("List %.20q %.20q: %d entries, %v", bucket, scope, len(entries), err)
			}
			for i, id := range names {
				at := driver.Key{Bucket: bucket, Scope: scope, ID: id}
				if got := get(t, k, at); string(got.Value) != value(b, s, i) || got.Key != at {
					t.Fatalf("%.20q: got %q, want %q", at, got.Value, value(b, s, i))
				}
				if entries[i].Key != (driver.Key{Bucket: bucket, Scope: scope, ID: sorted[i]}) {
					t.Fatalf("List %.20q %.20q: wrong key at %d", bucket, scope, i)
				}
			}
		}
	}
}
