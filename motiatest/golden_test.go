package motiatest_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

// This package has its own -update flag. It must not conflict with the kit's flag, and the kit must use it.
var update = flag.Bool("update", false, "as many packages have it")

func TestAFlowIsTheSameTextInEveryRun(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			app := motiatest.Run(t, withLive(), createOrder, sendReceipt, mail, publishStatus, failing(1, motia.QueueConfig{}))
			app.Do(motiatest.Request("POST", "/orders", tea))
			app.Do(motiatest.Request("POST", "/orders", `{"id":"o-2","email":"eve"}`))
			app.Do(motiatest.Request("GET", "/nowhere", nil))
			motiatest.Enqueue(app, OrderCreated, Order{ID: "o-3", Email: "nobody@example.com", Total: 1}, motia.WithID("m-3"))
			motiatest.SetState(app, Statuses, "o-4", Status{"draft"})
			app.Idle()
			motiatest.Golden(t, app)
		})
	}
}

func TestGoldenComparesTextsAndValues(t *testing.T) {
	motiatest.Golden(t, "a line\n")
	motiatest.Golden(t, []byte("a line"))
	var buffer bytes.Buffer
	buffer.WriteString("a line")
	motiatest.Golden(t, &buffer)
	t.Run("a value", func(t *testing.T) { motiatest.Golden(t, tea) })
}

func TestGoldenShowsTheDifference(t *testing.T) {
	inTempDir(t)
	require.NoError(t, os.WriteFile(filepath.Join("testdata", "Fake.golden"), []byte("1\n2\n3\n4\n5\nold\n"), 0o600))
	failed, output := failsIn(t, func(t motiatest.TB) { motiatest.Golden(t, "1\n2\n3\n4\n5\nnew\n6\n") })
	require.True(t, failed)
	require.Equal(t, "differs from testdata/Fake.golden (- expected, + got); if this is intended, run go test -motiatest.update:\n"+
		"  ...\n  3\n  4\n  5\n- old\n+ new\n+ 6\n\n", output)
}

func TestAMissingGoldenFileIsAFailure(t *testing.T) {
	inTempDir(t)
	failed, output := failsIn(t, func(t motiatest.TB) { motiatest.Golden(t, "text") })
	require.True(t, failed)
	require.Contains(t, output, "testdata/Fake.golden does not exist; go test -motiatest.update writes it, with:\ntext\n")
	require.NoFileExists(t, "testdata/Fake.golden")
}

func TestGoldenReportsWhatDoesNotEncode(t *testing.T) {
	failed, output := failsIn(t, func(t motiatest.TB) { motiatest.Golden(t, make(chan int)) })
	require.True(t, failed)
	require.Contains(t, output, "unsupported type")
}

func TestEitherFlagWritesTheGoldenFile(t *testing.T) {
	before := *update
	for _, name := range []string{"motiatest.update", "update"} {
		t.Run(name, func(t *testing.T) {
			inTempDir(t)
			require.NoError(t, flag.Set(name, "true"))
			t.Cleanup(func() { require.NoError(t, flag.Set(name, strconv.FormatBool(before))) })
			failed, output := failsIn(t, func(t motiatest.TB) { motiatest.Golden(t, "text") })
			require.False(t, failed, output)
			text, err := os.ReadFile("testdata/Fake.golden")
			require.NoError(t, err)
			require.Equal(t, "text\n", string(text))
		})
	}
}

func inTempDir(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("testdata", 0o700))
}

func TestEqualComparesJSON(t *testing.T) {
	body := new(bytes.Buffer)
	body.WriteString(`{"b":1, "a":[12345678901234567890]}` + "\n")
	for _, got := range []any{body, body.Bytes(), body.String(), map[string]any{"a": []uint64{12345678901234567890}, "b": 1}} {
		failed, output := failsIn(t, func(t motiatest.TB) { require.True(t, motiatest.Equal(t, `{"a":[12345678901234567890],"b":1}`, got)) })
		require.False(t, failed, output)
	}
	for _, pair := range [][2]any{
		{`{"a":12345678901234567890}`, `{"a":12345678901234567891}`},
		{[]int{1, 2}, []int{2, 1}},
		{"text", "other"},
		{nil, `""`},
		{`{"a":null}`, `{}`},
	} {
		failed, _ := failsIn(t, func(t motiatest.TB) { require.False(t, motiatest.Equal(t, pair[0], pair[1])) })
		require.True(t, failed, "%v", pair)
	}
}

func TestLongDifferencesLeaveOutWhatIsEqual(t *testing.T) {
	long := make([]int, 2000)
	other := append([]int(nil), long...)
	other[1000] = 7
	_, output := failsIn(t, func(t motiatest.TB) { motiatest.Equal(t, long, other) })
	require.Less(t, strings.Count(output, "\n"), 20)
	require.Contains(t, output, "-   0,\n")
	require.Contains(t, output, "+   7,\n")
}
