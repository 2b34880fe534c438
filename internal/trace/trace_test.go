package trace_test

import (
	"strings"
	"testing"

	"github.com/motia-go/motia/internal/trace"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID  = "00f067aa0ba902b7"
	valid   = "00-" + traceID + "-" + spanID + "-01"
)

func TestParseReadsIDsAndFlags(t *testing.T) {
	for _, test := range []struct {
		name, header string
		flags        byte
	}{
		{"sampled", valid, 1},
		{"not sampled", "00-" + traceID + "-" + spanID + "-00", 0},
		{"all flags", "00-" + traceID + "-" + spanID + "-ff", 0xff},
		{"a later version of the same length", "cc-" + traceID + "-" + spanID + "-01", 1},
		{"a later version with more to say", "01-" + traceID + "-" + spanID + "-01-what-the-future-will-be-like", 1},
		{"a later version with nothing after the dash", "fe-" + traceID + "-" + spanID + "-01-", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, ok := trace.Parse(test.header)
			if want := (trace.Parent{TraceID: traceID, SpanID: spanID, Flags: test.flags}); !ok || p != want {
				t.Errorf("Parse(%q) = %+v, %v; want %+v", test.header, p, ok, want)
			}
		})
	}
}

func TestParseRefusesWhatIsNotATraceparent(t *testing.T) {
	zero32, zero16 := strings.Repeat("0", 32), strings.Repeat("0", 16)
	for name, header := range map[string]string{
		"empty":                         "",
		"one character short":           valid[:54],
		"version 00 with more to say":   valid + "-01",
		"version 00 with a space after": valid + " ",
		"space before":                  " " + valid[:54],
		"version ff":                    "ff" + valid[2:],
		"version not hex":               "0g" + valid[2:],
		"version in upper case":         "CC" + valid[2:],
		"later version without dash":    "01" + valid[2:] + ".what",
		"trace id all zero":             "00-" + zero32 + "-" + spanID + "-01",
		"span id all zero":              "00-" + traceID + "-" + zero16 + "-01",
		"trace id in upper case":        "00-" + strings.ToUpper(traceID) + "-" + spanID + "-01",
		"span id in upper case":         "00-" + traceID + "-" + strings.ToUpper(spanID) + "-01",
		"trace id not hex":              "00-" + "z" + traceID[1:] + "-" + spanID + "-01",
		"flags not hex":                 valid[:54] + "x",
		"flags in upper case":           valid[:53] + "0A",
		"underscores":                   strings.ReplaceAll(valid, "-", "_"),
		"second dash missing":           "00-" + traceID + "0" + spanID + "-01",
		"third dash missing":            "00-" + traceID + "-" + spanID + "001",
		"ids exchanged":                 "00-" + spanID + "-" + traceID + "-01",
		"not ASCII":                     "00-" + "é" + traceID[2:] + "-" + spanID + "-01",
	} {
		t.Run(name, func(t *testing.T) {
			if p, ok := trace.Parse(header); ok || p != (trace.Parent{}) {
				t.Errorf("Parse(%q) = %+v, %v; want nothing", header, p, ok)
			}
		})
	}
}

func TestNewIDsAreValidAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		for _, id := range []string{trace.NewTraceID(), trace.NewSpanID()} {
			if !trace.ValidTraceID(id) && !trace.ValidSpanID(id) {
				t.Fatalf("%q is not an id", id)
			}
			if seen[id] {
				t.Fatalf("%q came twice", id)
			}
			seen[id] = true
		}
	}
}

func TestValidIDsHaveTheRightLength(t *testing.T) {
	if !trace.ValidTraceID(traceID) || trace.ValidTraceID(spanID) || trace.ValidTraceID("") {
		t.Error("a trace id has 32 digits")
	}
	if !trace.ValidSpanID(spanID) || trace.ValidSpanID(traceID) || trace.ValidSpanID("") {
		t.Error("a span id has 16 digits")
	}
}

func TestFormatWritesWhatParseReads(t *testing.T) {
	if got := trace.Format(traceID, spanID, trace.Sampled); got != valid {
		t.Errorf("got %q, want %q", got, valid)
	}
}

func TestFormatLeavesOutReservedFlags(t *testing.T) {
	got := trace.Format(traceID, spanID, 0xff)
	if p, ok := trace.Parse(got); !ok || p.Flags != trace.Sampled|trace.Random {
		t.Errorf("got %q", got)
	}
}

func TestFormatOfInvalidIDsIsEmpty(t *testing.T) {
	for _, ids := range [][2]string{{"", ""}, {traceID, ""}, {"", spanID}, {spanID, traceID}, {strings.ToUpper(traceID), spanID}} {
		if got := trace.Format(ids[0], ids[1], 0); got != "" {
			t.Errorf("Format(%q, %q) = %q, want nothing", ids[0], ids[1], got)
		}
	}
}

func TestNewTraceParentIsValidAndSampled(t *testing.T) {
	if p, ok := trace.Parse(trace.NewTraceParent()); !ok || p.Flags != trace.Sampled {
		t.Errorf("got %+v, %v", p, ok)
	}
}

func TestChildKeepsTraceAndFlagsWithANewSpan(t *testing.T) {
	for _, header := range []string{valid, valid[:53] + "00", "cc" + valid[2:] + "-more"} {
		parent, _ := trace.Parse(header)
		got := trace.Child(header)
		child, ok := trace.Parse(got)
		if !ok || !strings.HasPrefix(got, "00-") {
			t.Fatalf("Child(%q) = %q, want a traceparent of version 00", header, got)
		}
		if child.TraceID != parent.TraceID || child.Flags != parent.Flags || child.SpanID == parent.SpanID {
			t.Errorf("Child(%q) = %q", header, got)
		}
	}
}

func TestChildOfNonsenseBeginsANewTrace(t *testing.T) {
	a, okA := trace.Parse(trace.Child("nonsense"))
	b, okB := trace.Parse(trace.Child(""))
	if !okA || !okB || a.TraceID == b.TraceID {
		t.Errorf("got %+v and %+v", a, b)
	}
}

func TestAllocationsAreOneForEachResult(t *testing.T) {
	var s string
	for _, test := range []struct {
		name string
		want float64
		f    func()
	}{
		{"Parse", 0, func() { p, _ := trace.Parse(valid); s = p.TraceID }},
		{"NewTraceID", 1, func() { s = trace.NewTraceID() }},
		{"NewSpanID", 1, func() { s = trace.NewSpanID() }},
		{"Format", 1, func() { s = trace.Format(traceID, spanID, 1) }},
		{"NewTraceParent", 1, func() { s = trace.NewTraceParent() }},
		{"Child", 1, func() { s = trace.Child(valid) }},
		{"CleanState", 0, func() { s = trace.CleanState("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE") }},
	} {
		if got := testing.AllocsPerRun(100, test.f); got > test.want {
			t.Errorf("%s: %v allocations, want %v", test.name, got, test.want)
		}
	}
	_ = s
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", valid, "ff" + valid[2:], "cc" + valid[2:] + "-more", strings.ToUpper(valid)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		p, ok := trace.Parse(header)
		if !ok {
			if p != (trace.Parent{}) {
				t.Fatalf("Parse(%q) = %+v, false", header, p)
			}
			return
		}
		if !trace.ValidTraceID(p.TraceID) || !trace.ValidSpanID(p.SpanID) {
			t.Fatalf("Parse(%q) = %+v", header, p)
		}
		known := p.Flags & (trace.Sampled | trace.Random)
		again, ok := trace.Parse(trace.Format(p.TraceID, p.SpanID, p.Flags))
		if want := (trace.Parent{TraceID: p.TraceID, SpanID: p.SpanID, Flags: known}); !ok || again != want {
			t.Fatalf("%q was formatted as %+v", header, again)
		}
		if child, ok := trace.Parse(trace.Child(header)); !ok || child.TraceID != p.TraceID || child.Flags != known {
			t.Fatalf("%q has child %+v", header, child)
		}
	})
}
