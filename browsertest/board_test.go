package browsertest_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// boardProgram builds examples/board once.
var boardProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(workDir, "board")
	build := exec.Command("go", "build", "-o", path, "./examples/board")
	build.Dir = ".."
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./examples/board: %w\n%s", err, output)
	}
	return path, nil
})

// startBoard runs the example and returns its host and port, and a function that stops it as Ctrl-C does. It must
// exit without an error.
func startBoard(t *testing.T) (addr string, stop func()) {
	t.Helper()
	needChromium(t)
	path, err := boardProgram()
	require.NoError(t, err)
	cmd := exec.Command(path, "-addr", "127.0.0.1:0")
	var log strings.Builder
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	stop = sync.OnceFunc(func() {
		asked := time.Now()
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait(), "%s", &log)
		require.Less(t, time.Since(asked), 10*time.Second, "windows that follow the board do not delay the shutdown")
	})
	t.Cleanup(stop)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, "%s", &log)
	addr, ok := strings.CutPrefix(strings.TrimSuffix(line, "; open it in several windows.\n"), "The board is at http://")
	require.True(t, ok, line)
	return addr, stop
}

// spy records what the page gets, before the page sees it: the events of the stream, and who was shown as typing.
const spy = `
	window.seen = [];
	window.typers = [];
	window.EventSource = class extends EventSource {
		constructor(url) {
			super(url);
			for (const type of ["sync", "resync", "create", "update", "delete", "event"]) {
				this.addEventListener(type, (event) => seen.push({type, key: event.lastEventId, ...JSON.parse(event.data)}));
			}
		}
	};
	addEventListener("DOMContentLoaded", () => new MutationObserver((changes) => {
		for (const {target} of changes) {
			if (target.className === "typing" && target.textContent) typers.push(target.textContent);
		}
	}).observe(document.body, {childList: true, subtree: true}));`

// window is a window on the board.
type window struct {
	*tab
	name string
}

// openWindow opens a window and enters the name.
func openWindow(t *testing.T, addr, name string) *window {
	t.Helper()
	w := &window{newTab(t), name}
	w.before(spy)
	w.do(
		chromedp.Navigate("http://"+addr+"/"),
		chromedp.SendKeys(chromedp.CSS("#name"), name+"\r"),
	)
	w.wait(true, `seen.length > 0`)
	return w
}

// add adds a note to the board by a double click, and writes its text.
func (w *window) add(x, y float64, text string) {
	w.t.Helper()
	count := value[int](w.tab, `document.querySelectorAll(".note").length`)
	w.do(chromedp.MouseClickXY(x, y), chromedp.MouseClickXY(x, y, chromedp.ClickCount(2)))
	w.wait(count+1, `document.querySelectorAll(".note").length`)
	w.wait("TEXTAREA", `document.activeElement.tagName`)
	w.do(chromedp.KeyEvent(text))
	w.wait(true, `document.activeElement.value === `+toJSON(w.t, text))
}

// write replaces the text of a note.
func (w *window) write(old, text string) {
	w.t.Helper()
	w.do(chromedp.Evaluate[chromedp.Void](w.find(old)+`.querySelector("textarea").select()`), chromedp.KeyEvent(text))
}

// press clicks a button of a note.
func (w *window) press(text, selector string) {
	w.t.Helper()
	w.do(chromedp.Evaluate[chromedp.Void](w.find(text) + `.querySelector("` + selector + `").click()`))
}

// find is the JavaScript for the note with the text.
func (w *window) find(text string) string {
	return `[...document.querySelectorAll(".note")].find((note) => note.querySelector("textarea").value === ` + toJSON(w.t, text) + `)`
}

// texts waits until the board has exactly these notes. They are compared in sorted order.
func (w *window) texts(want ...string) {
	w.t.Helper()
	if want == nil {
		want = []string{}
	}
	w.wait(want, `[...document.querySelectorAll(".note textarea")].map((text) => text.value).sort()`)
}

func (w *window) people(want ...string) {
	w.t.Helper()
	w.wait(want, `[...document.querySelectorAll("#people li")].map((person) => person.textContent)`)
}

func TestTwoWindowsSeeEachOther(t *testing.T) {
	t.Parallel()
	addr, _ := startBoard(t)
	ann := openWindow(t, addr, "Ann")
	bo := openWindow(t, addr, "Bo")
	ann.people("Ann", "Bo")
	bo.people("Ann", "Bo")
	bo.wait(true, `document.querySelector("#empty").offsetHeight > 0`)

	ann.add(400, 300, "Buy milk")
	bo.texts("Buy milk")
	bo.wait(false, `document.querySelector("#empty").offsetHeight > 0`)
	bo.wait("Ann", bo.find("Buy milk")+`.querySelector(".by").textContent`)
	bo.wait(true, `typers.includes("Ann is typing")`)
	bo.wait("", `document.querySelector(".typing").textContent`) // she has stopped
	require.Empty(t, value[[]string](ann.tab, `typers`), "nobody sees their own typing")

	bo.write("Buy milk", "Buy oat milk")
	ann.texts("Buy oat milk")
	ann.wait(true, `typers.includes("Bo is typing")`)

	bo.press("Buy oat milk", ".colors [data-color=green]")
	ann.wait("green", ann.find("Buy oat milk")+`.dataset.color`)
	bo.do(chromedp.Focus(chromedp.CSS(".grip")), chromedp.KeyEvent("\u0303\u0303")) // arrow right
	ann.wait(true, ann.find("Buy oat milk")+`.style.getPropertyValue("--x") === `+
		toJSON(t, value[string](bo.tab, bo.find("Buy oat milk")+`.style.getPropertyValue("--x")`)))

	ann.press("Buy oat milk", ".delete")
	bo.texts()
	bo.wait(true, `document.querySelector("#empty").offsetHeight > 0`)

	ann.close()
	bo.people("Bo")
}

func TestANoteIsDraggedBeforeTheEyesOfOthers(t *testing.T) {
	t.Parallel()
	addr, _ := startBoard(t)
	ann := openWindow(t, addr, "Ann")
	bo := openWindow(t, addr, "Bo")
	ann.add(300, 300, "Drag me")
	bo.texts("Drag me")
	place := func(w *window) []float64 {
		return value[[]float64](w.tab, `["--x", "--y"].map((name) => Number(`+w.find("Drag me")+`.style.getPropertyValue(name)))`)
	}
	before := place(bo)
	grip := value[[]float64](ann.tab, `(({x, y}) => [x + 20, y + 10])(document.querySelector(".grip").getBoundingClientRect())`)
	ann.do(chromedp.DragAndDropXY(grip[0], grip[1], grip[0]+400, grip[1]+150, 10))
	after := place(ann)
	require.Greater(t, after[0], before[0]+0.2)
	require.Greater(t, after[1], before[1]+0.1)
	bo.wait(after, `["--x", "--y"].map((name) => Number(`+bo.find("Drag me")+`.style.getPropertyValue(name)))`)
}

func TestAWindowThatLosesItsConnectionMissesNothing(t *testing.T) {
	t.Parallel()
	addr, _ := startBoard(t)
	line := newProxy(t, addr)
	ann := openWindow(t, addr, "Ann")
	bo := openWindow(t, line.addr(), "Bo")
	ann.add(200, 300, "stays")
	ann.add(500, 300, "changes")
	ann.add(800, 300, "goes")
	bo.texts("changes", "goes", "stays")

	line.cut()
	bo.wait(true, `document.body.classList.contains("offline")`)
	bo.wait("Connection lost. Trying again …", `document.querySelector("#status").textContent`)
	ann.people("Ann")
	ann.write("changes", "changed")
	ann.press("goes", ".delete")
	ann.texts("changed", "stays")
	ann.add(800, 500, "comes")
	ann.texts("changed", "comes", "stays")
	bo.write("stays", "stays, says Bo") // to be sent later
	bo.wait(true, bo.find("stays, says Bo")+` !== undefined`)
	bo.texts("changes", "goes", "stays, says Bo")

	line.mend(addr)
	bo.texts("changed", "comes", "stays, says Bo")
	ann.texts("changed", "comes", "stays, says Bo")
	bo.wait(false, `document.body.classList.contains("offline")`)
	bo.wait("", `document.querySelector("#status").textContent`)
	ann.people("Ann", "Bo")
	bo.people("Ann", "Bo")

	// The missed events have followed: not everything again, nothing twice, nothing omitted.
	require.Equal(t, []string{"sync"}, value[[]string](bo.tab, `seen.map(({type}) => type).filter((type) => type.endsWith("sync"))`))
	for _, from := range []*window{ann, bo} {
		require.Empty(t, value[[]string](from.tab, `seen.map(({key}) => key).filter((key, i, all) => all.indexOf(key) !== i)`))
	}
	const stored = `seen.filter(({type}) => ["create", "update", "delete"].includes(type)).map(({type, id, data}) => [type, id, data.version].join(" "))`
	require.Equal(t, value[[]string](ann.tab, stored), value[[]string](bo.tab, stored))
}

func TestAWindowComesToTheNextServerWhenOneIsStopped(t *testing.T) {
	t.Parallel()
	first, stop := startBoard(t)
	line := newProxy(t, first)
	ann := openWindow(t, line.addr(), "Ann")
	ann.add(300, 300, "in memory")
	line.cut()
	stop()
	second, _ := startBoard(t)
	line.mend(second)
	ann.texts()
	ann.people("Ann")
	ann.add(300, 300, "a new start")
	openWindow(t, second, "Bo").texts("a new start")
}

func TestTheBoardSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	addr, _ := startBoard(t)
	ann := openWindow(t, addr, "Ann")
	bo := openWindow(t, addr, "Bo")
	ann.add(300, 300, "fine")
	bo.texts("fine")
	long := strings.Repeat("long ", 57) // 285 characters
	ann.write("fine", long)
	ann.wait("text must have at most 280 characters", `document.querySelector(".note .problem").textContent`)
	require.True(t, strings.HasPrefix(long, value[string](bo.tab, `document.querySelector(".note textarea").value`)))
	ann.write(long, "short")
	ann.wait("", `document.querySelector(".note .problem").textContent`)
	bo.texts("short")

	// A name that the page would not accept.
	eve := newTab(t)
	eve.before(`if (!sessionStorage.getItem("name")) sessionStorage.setItem("name", "E".repeat(25))`)
	eve.do(chromedp.Navigate("http://" + addr + "/"))
	eve.wait(true, `document.querySelector("#hello").open`)
	eve.wait("the name is longer than 24 characters", `document.querySelector("#hello-problem").textContent`)
	ann.people("Ann", "Bo")

	// An invalid board.
	eve.do(chromedp.Evaluate[chromedp.Void](`sessionStorage.setItem("name", "Eve")`), chromedp.Navigate("http://"+addr+"/?board=NO!"))
	eve.wait("a board's name has 1 to 40 small letters, digits and hyphens", `document.querySelector("#status").textContent`)
	eve.do(chromedp.Navigate("http://" + addr + "/?board=yes"))
	eve.wait([]string{"Eve"}, `[...document.querySelectorAll("#people li")].map((person) => person.textContent)`)
	ann.people("Ann", "Bo")
}

func TestEverythingOnThePageHasANameForThoseWhoCannotSeeIt(t *testing.T) {
	t.Parallel()
	addr, _ := startBoard(t)
	ann := openWindow(t, addr, "Ann")
	ann.add(300, 300, "a note")
	require.Empty(t, value[[]string](ann.tab, `[...document.querySelectorAll("button, input, textarea, fieldset, dialog, main, ul")]
		.filter((e) => !(e.ariaLabel || e.getAttribute("aria-labelledby") || e.innerText?.trim()))
		.map((e) => e.outerHTML)`))
	response, err := http.Get("http://" + addr + "/")
	require.NoError(t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(page), `<html lang="en">`)
}
