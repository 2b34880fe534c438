package motiatest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/motia-go/motia/internal/jsontext"
)

// updateFlag begins with the name of the package, like the flags of package testing, so that it does not conflict
// with an -update flag.
var updateFlag = flag.Bool("motiatest.update", false, "rewrite the files that motiatest.Golden compares with")

// Golden fails the test, and shows the difference, unless got is equal to the file testdata/<name of the
// test>.golden. A [Source] is compared as its tree of events, a string, a []byte and a fmt.Stringer as their text,
// and anything else as indented JSON. The caller must first replace parts that differ from run to run, such as random
// ids.
//
// go test -motiatest.update writes the files, and so does -update in a test package that has such a flag.
func Golden(t TB, got any) bool {
	t.Helper()
	text, err := goldenText(got)
	if err != nil {
		t.Errorf("motiatest: %v", err)
		return false
	}
	path := filepath.Join("testdata", fileName(t.Name())+".golden")
	if updating() {
		err := os.MkdirAll("testdata", 0o750)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Errorf("motiatest: %v", err)
		}
		return err == nil
	}
	want, err := os.ReadFile(path) //nolint:gosec // the name of the test
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("motiatest: %s does not exist; go test -motiatest.update writes it, with:\n%s", path, text)
		return false
	}
	if err != nil {
		t.Errorf("motiatest: %v", err)
		return false
	}
	wanted := strings.ReplaceAll(string(want), "\r\n", "\n") // a checkout may convert line ends
	if wanted == text {
		return true
	}
	t.Errorf("differs from %s (- expected, + got); if this is intended, run go test -motiatest.update:\n%s", path, diff(wanted, text))
	return false
}

func goldenText(got any) (string, error) {
	switch got := got.(type) {
	case Source:
		return endLine(got.Events().String()), nil
	case string:
		return endLine(got), nil
	case []byte:
		return endLine(string(got)), nil
	case json.RawMessage: // it is a Stringer from Go 1.27 on
	case fmt.Stringer:
		return endLine(got.String()), nil
	}
	encoded, err := jsontext.Marshal(got)
	if err != nil {
		return "", err
	}
	var indented bytes.Buffer
	err = json.Indent(&indented, encoded, "", "  ")
	return endLine(indented.String()), err
}

// endLine ends a text with a line feed, unless it is empty.
func endLine(text string) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// updating reports whether either flag is set.
func updating() bool {
	if *updateFlag {
		return true
	}
	other := flag.Lookup("update")
	if other == nil {
		return false
	}
	getter, ok := other.Value.(flag.Getter)
	if !ok {
		return false
	}
	set, _ := getter.Get().(bool)
	return set
}

// fileName returns the file name for the name of a test, which may be a path of subtests.
func fileName(test string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, test)
}
