package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// curlRequest is the request that a curl command makes.
type curlRequest struct {
	method, host, path, contentType, body string
}

// parseCurl parses the part of curl's command line that the READMEs use.
func parseCurl(args []string) (curlRequest, error) {
	r := curlRequest{method: "GET"}
	method := ""
	for len(args) > 0 {
		arg, rest := args[0], args[1:]
		value := ""
		if arg == "-X" || arg == "-d" || arg == "--json" {
			if len(rest) == 0 {
				return r, fmt.Errorf("%s wants a value", arg)
			}
			value, rest = rest[0], rest[1:]
		}
		args = rest
		switch {
		case arg == "-s" || arg == "-N" || arg == "-sN":
		case arg == "-X":
			method = value
		case arg == "-d":
			r.method, r.body, r.contentType = "POST", value, "application/x-www-form-urlencoded"
		case arg == "--json":
			r.method, r.body, r.contentType = "POST", value, "application/json"
		case strings.HasPrefix(arg, "-") || r.host != "":
			return r, fmt.Errorf("curl argument %q is not known here", arg)
		default:
			host, path, _ := strings.Cut(strings.TrimPrefix(arg, "http://"), "/")
			r.host, r.path = host, "/"+path
		}
	}
	if method != "" {
		r.method = method
	}
	if r.host == "" {
		return r, errors.New("no URL")
	}
	return r, nil
}

func (s *shop) send(r curlRequest) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequest(r.method, "http://"+r.host+r.path, strings.NewReader(r.body))
	require.NoError(s.t, err)
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	res, err := s.client.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return res, string(text)
}

// shellWords splits a command as a shell does, with quotes but without anything else that is special. It is complete
// unless a quote is open or a backslash ends it.
func shellWords(command string) (words []string, complete bool) {
	var word strings.Builder
	var quote rune // that is open
	begun, escaped := false, false
	for _, c := range command {
		switch {
		case escaped:
			escaped = false
			if c != '\n' {
				begun = true
				word.WriteRune(c)
			}
		case quote == '\'' && c != '\'', quote == '"' && c != '"' && c != '\\':
			word.WriteRune(c)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\':
			escaped = true
		case c == '\'' || c == '"':
			begun, quote = true, c
		case c == ' ' || c == '\n':
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			begun = true
			word.WriteRune(c)
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words, quote == 0 && !escaped
}

// In shown answers, this stands for anything: a part of a string, a value, further members of an object, lines.
const anything = "…"

func matchJSON(shown, got string) error {
	var a, b any
	if err := json.Unmarshal([]byte(shown), &a); err != nil {
		return fmt.Errorf("shown answer %q: %w", shown, err)
	}
	if err := json.Unmarshal([]byte(got), &b); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return matchValue("answer", a, b)
}

func matchValue(path string, shown, got any) error {
	switch shown := shown.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %v, not an object", path, got)
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if _, named := shown[name]; !named && shown[anything] == nil {
				return fmt.Errorf("%s.%s is not shown", path, name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(shown)) {
			if name == anything {
				continue
			}
			member, ok := object[name]
			if !ok {
				return fmt.Errorf("%s.%s is missing", path, name)
			}
			if err := matchValue(path+"."+name, shown[name], member); err != nil {
				return err
			}
		}
		return nil
	case []any:
		array, ok := got.([]any)
		if !ok || len(array) != len(shown) {
			return fmt.Errorf("%s is %v, not an array of %d", path, got, len(shown))
		}
		for i := range shown {
			if err := matchValue(fmt.Sprintf("%s[%d]", path, i), shown[i], array[i]); err != nil {
				return err
			}
		}
		return nil
	case string:
		if shown == anything {
			return nil
		}
		if text, ok := got.(string); ok && matchText(shown, text) {
			return nil
		}
	}
	if !reflect.DeepEqual(shown, got) {
		return fmt.Errorf("%s is %v, not %v", path, got, shown)
	}
	return nil
}

func matchText(shown, got string) bool {
	before, after, open := strings.Cut(shown, anything)
	if !open {
		return shown == got
	}
	return len(got) >= len(before)+len(after) && strings.HasPrefix(got, before) && strings.HasSuffix(got, after)
}

// matchLines matches server-sent events; blank lines do not count.
func matchLines(shown, got string) error {
	wanted, lines := nonBlank(shown), nonBlank(got)
	if len(wanted) > 0 && wanted[0] == anything {
		wanted = wanted[1:]
		lines = lines[max(len(lines)-len(wanted), 0):]
	}
	if len(wanted) != len(lines) {
		return fmt.Errorf("%d lines instead of %d", len(lines), len(wanted))
	}
	for i := range wanted {
		data, isData := strings.CutPrefix(wanted[i], "data: ")
		if isData && strings.HasPrefix(lines[i], "data: ") {
			if err := matchJSON(data, strings.TrimPrefix(lines[i], "data: ")); err != nil {
				return err
			}
		} else if !matchText(wanted[i], lines[i]) {
			return fmt.Errorf("%q instead of %q", lines[i], wanted[i])
		}
	}
	return nil
}

func nonBlank(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}

func TestShownAnswersMatchNothingElse(t *testing.T) {
	for _, c := range []struct{ shown, got, want string }{
		{`{"a": 1, "b": ["…"]}`, `{"a":1,"b":[{}]}`, ""},
		{`{"a": 1, "…": "…"}`, `{"a":1,"b":2}`, ""},
		{`{"a": "x#…"}`, `{"a":"x#1"}`, ""},
		{`{"a": 1}`, `{"a":1,"b":2}`, "answer.b is not shown"},
		{`{"a": 1, "…": "…"}`, `{"b":2}`, "answer.a is missing"},
		{`{"a": [1, 2]}`, `{"a":[1,3]}`, "answer.a[1] is 3, not 2"},
		{`{"a": [1]}`, `{"a":[1,3]}`, "answer.a is [1 3], not an array of 1"},
		{`{"a": "x#…"}`, `{"a":"y#1"}`, "answer.a is y#1, not x#…"},
		{`{"a": {}}`, `{"a":null}`, "answer.a is <nil>, not an object"},
		{`{"a": ""}`, `{"a":0}`, "answer.a is 0, not "},
	} {
		err := matchJSON(c.shown, c.got)
		if c.want == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, c.want)
		}
	}
	require.NoError(t, matchLines("…\nevent: …\ndata: {\"a\": 1}", "event: sync\ndata: {}\n\nevent: update\ndata: {\"a\":1}\n\n"))
	require.Error(t, matchLines("event: sync", "event: sync\n\nevent: update"))
	require.Error(t, matchLines("…\nevent: sync", ""))
	words, complete := shellWords("curl -X 'a b' \"c\\\"d\" \\\n e")
	require.Equal(t, []string{"curl", "-X", "a b", `c"d`, "e"}, words)
	require.True(t, complete)
}
