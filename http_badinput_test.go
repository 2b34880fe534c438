package motia_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestBodiesThatAreNotJSONAnswer400(t *testing.T) {
	app, got := httpOrders(t, nil)
	for name, test := range map[string]struct{ body, want string }{
		"empty":             {"", "no JSON value"},
		"spaces":            {" \n\t", "no JSON value"},
		"a word":            {"nonsense", "line 1, column 2"},
		"truncated":         {httpGoodOrder[:20], "unexpected end of JSON input at line 1, column 21"},
		"truncated string":  {`{"id":"a`, "unexpected end"},
		"two values":        {httpGoodOrder + "{}", "after top-level value"},
		"trailing comma":    {`{"id":"a",}`, "line 1, column 11"},
		"line and column":   {"{\n  \"id\": x\n}", "line 2, column 9"},
		"comment":           {`{} // c`, "line 1, column 4"},
		"single quotes":     {`{'id':1}`, "line 1, column 2"},
		"invalid UTF-8":     {"{\"id\":\"\xff\"}", "invalid UTF-8 at line 1, column 8"},
		"surrogate half":    {"{\"id\":\"\xed\xa0\x80\"}", "invalid UTF-8"},
		"Latin-1":           {"{\"id\":\"\xfc\"}", "invalid UTF-8"},
		"byte order mark":   {"\xef\xbb\xbf" + httpGoodOrder, "byte order mark"},
		"UTF-16":            {"{\x00\"\x00}\x00", "line 1, column 2"},
		"NUL":               {"\x00", "line 1, column 1"},
		"gzip":              {"\x1f\x8b\x08\x00", "invalid UTF-8"},
		"open brackets":     {strings.Repeat("[", 100_000), "nested too deep"},
		"closed brackets":   {strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "nested too deep"},
		"nested objects":    {strings.Repeat(`{"a":`, 100_000), "nested too deep"},
		"number out of it":  {`{"id":1e}`, "line 1, column 9"},
		"a form":            {"id=a&email=b", "line 1, column 1"},
		"broken escape":     {`{"id":"\x"}`, "line 1"},
		"raw line break":    {"{\"id\":\"a\nb\"}", "line 1"},
		"a million zeros":   {strings.Repeat("0", 1_000_000), "line 1, column 2"},
		"deep within field": {`{"id":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `}`, "nested too deep"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := do(t, app, "POST", "/orders", test.body)
			require.Equal(t, 400, rec.Code)
			p := problem(t, rec)
			require.Contains(t, p.Detail, test.want)
			require.Len(t, p.Errors, 1)
			require.Equal(t, "json", p.Errors[0].Rule)
			require.Empty(t, p.Errors[0].Field)
			require.Less(t, rec.Body.Len(), 1000)
		})
	}
	require.Empty(t, *got)
}

func TestValuesOfTheWrongTypeAreNamedByTheirPath(t *testing.T) {
	app, got := httpOrders(t, nil)
	integer := fmt.Sprintf("must be an integer from %d to %d, not ", math.MinInt, math.MaxInt)
	for _, test := range []struct{ body, field, message string }{
		{`[]`, "", "must be an object, not an array"},
		{`"text"`, "", "must be an object, not a string"},
		{`{"id":1}`, "id", "must be a string, not a number"},
		{`{"id":{}}`, "id", "must be a string, not an object"},
		{`{"items":{}}`, "items", "must be an array, not an object"},
		{`{"items":[{"qty":1},{"qty":"two"}]}`, "items[1].qty", "must be an integer, not a string"},
		{`{"items":[{"qty":1.5}]}`, "items[0].qty", integer + "1.5"},
		{`{"items":[{"qty":9223372036854775808}]}`, "items[0].qty", integer + "9223372036854775808"},
		{`{"items":[7]}`, "items[0]", "must be an object, not a number"},
	} {
		rec := do(t, app, "POST", "/orders", test.body)
		require.Equal(t, 400, rec.Code)
		require.Equal(t, []motia.FieldError{{Field: test.field, Rule: "type", Message: test.message}}, problem(t, rec).Errors, test.body)
		require.NotContains(t, rec.Body.String(), "httpItem", "names of Go types are nobody's business")
	}
	require.Empty(t, *got)
}

func TestAMillionBrokenRulesMakeAShortAnswer(t *testing.T) {
	app, _ := httpOrders(t, nil)
	rec := do(t, app, "POST", "/orders", `{"items":[`+strings.Repeat("{},", 300_000)+`{}]}`)
	require.Equal(t, 400, rec.Code)
	require.Len(t, problem(t, rec).Errors, 100)
	require.Less(t, rec.Body.Len(), 20_000)
}

func TestManyQueryKeysAreKeptUpToTenThousand(t *testing.T) {
	var got url.Values
	app, _ := testkit.NewApp(t, nil, httpStep("GET", "/x", func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		got = in.Request.QueryParams
		return motia.Response{}, nil
	}))
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&k%d=%d", i, i)
		}
		return "/x?" + b.String()[1:]
	}
	require.Equal(t, 204, do(t, app, "GET", keys(10_000), "").Code)
	require.Len(t, got, 10_000)
	require.Equal(t, "9999", got.Get("k9999"))
	got = nil
	rec := do(t, app, "GET", keys(10_001), "") // net/url refuses more, to bound the work
	require.Equal(t, 400, rec.Code)
	require.Contains(t, problem(t, rec).Detail, "query: ")
	require.Nil(t, got)
	require.Equal(t, 204, do(t, app, "GET", "/x?k="+strings.Repeat("v&k=", 9_999), "").Code)
	require.Len(t, got["k"], 10_000)
}

func TestAQueryThatDoesNotDecodeAnswers400(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpAnswer(motia.Response{}, nil))
	for _, query := range []string{"a=%", "a=%zz", "%=1", "a=1;b=2", "ok=1&a=%f"} {
		rec := do(t, app, "GET", "/x?"+query, "")
		require.Equal(t, 400, rec.Code, query)
		require.Contains(t, problem(t, rec).Detail, "query: ")
	}
}

func TestHostilePathsAreServedOrRefusedButNeverRedirected(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpEcho("GET", "/files/*path"), httpEcho("GET", "/one/:id"))
	for path, want := range map[string]int{
		"/one/" + strings.Repeat("a", 64<<10):        200,
		"/one/%00%0a%0d":                             200,
		"/one/%ff%fe":                                200,
		"/one/%F0%9F%92%A9":                          200,
		"/one/%2e%2e%2fetc%2fpasswd":                 200,
		"/files/%2e%2e/%2e%2e/etc/passwd":            200,
		"/files/..%2f..%2fetc/passwd":                200,
		"/files/" + strings.Repeat("a/", 10_000):     200,
		"/files/../../etc/passwd":                    404,
		"/files/./x":                                 404,
		"//evil.example/one/1":                       404,
		"/one//1":                                    404,
		"/one/1/":                                    404,
		"/one/":                                      404,
		"/" + strings.Repeat("/", 10_000):            404,
		"/one/1;jsessionid=x":                        200,
		`/one/\..\x`:                                 200,
		"/one/<script>":                              200,
		"/{p0}":                                      404,
		"/" + strings.Repeat("../", 1000) + "one/1":  404,
		"/one/" + strings.Repeat("%2F", 1000) + "%2": 0, // no URL at all
	} {
		u, err := url.Parse("http://host" + path)
		if want == 0 {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = u
		rec := httptest.NewRecorder()
		app.ServeHTTP(rec, r)
		require.Equal(t, want, rec.Code, "%.60s: %s", path, rec.Header().Get("Location"))
	}
	r := httptest.NewRequest("OPTIONS", "/", nil)
	r.RequestURI, r.URL.Path = "*", "*"
	rec := httptest.NewRecorder()
	app.ServeHTTP(rec, r)
	require.Equal(t, 404, rec.Code)
	require.Equal(t, 405, do(t, app, "CONNECT", "/one/1", "").Code)
}

func TestNullAndUnknownAndRepeatedFieldsAreToleratedAsByEncodingJSON(t *testing.T) {
	app, got := httpOrders(t, nil)
	require.Equal(t, 400, do(t, app, "POST", "/orders", "null").Code, "null is the zero value, which is not valid")
	require.Equal(t, 201, do(t, app, "POST", "/orders", `{"unknown":[1],"id":"x","id":"y",`+httpGoodOrder[10:]).Code)
	require.Equal(t, "y", (*got)[0].ID)
}

// FuzzHTTPBody checks that every body is answered: by the handler, with a value that holds to the rules, or with a
// problem that says what is wrong.
func FuzzHTTPBody(f *testing.F) {
	for _, body := range []string{
		httpGoodOrder, "", "{", "null", "[]", `{"id":1}`, `{"items":[{"qty":1e99}]}`, "\xff", `{"items":[{},{"qty":-1}]}`,
		strings.Repeat("[", 20_000), httpGoodOrder + " ", `{"id":"a","email":"a@b.c","items":[{"sku":"\u0000","qty":1}]}`,
	} {
		f.Add([]byte(body), "application/json")
	}
	f.Add([]byte(httpGoodOrder), "text/plain")
	f.Add([]byte(httpGoodOrder), "application/json; charset=\"")
	app, got := httpOrders(f, &motia.Options{MaxBodySize: 64 << 10})
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		*got = nil
		rec := do(t, app, "POST", "/orders", string(body), "Content-Type", contentType)
		switch rec.Code {
		case 201:
			require.Len(t, *got, 1)
			order := (*got)[0]
			require.NotEmpty(t, order.ID)
			require.NotEmpty(t, order.Items)
			for _, item := range order.Items {
				require.NotEmpty(t, item.SKU)
				require.Positive(t, item.Qty)
			}
			require.NoError(t, json.Unmarshal(body, new(httpOrder)))
		case 400:
			require.NotEmpty(t, problem(t, rec).Errors)
			require.Empty(t, *got)
		case 413, 415:
			require.NotEmpty(t, problem(t, rec).Detail)
			require.Empty(t, *got)
		default:
			t.Fatalf("status %d for %q: %s", rec.Code, body, rec.Body)
		}
	})
}
