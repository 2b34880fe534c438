package browsertest_test

import (
	"bytes"
	"context"
	"flag"
	"image/png"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "take the screenshot of examples/board again")

const (
	screenshotFile = "../examples/board/board.png"
	screenshotSize = 200 << 10 // at most, in bytes, since it is committed
)

func TestTheScreenshotOfTheBoard(t *testing.T) {
	addr, _ := startBoard(t)
	ann := openWindow(t, addr, "Ann")
	bo := openWindow(t, addr, "Bo")
	openWindow(t, addr, "Chiara")
	for _, note := range []struct {
		by   *window
		x, y float64
		text string
	}{
		{ann, 190, 190, "Friday, 18:00\nDinner at Ann’s!"},
		{bo, 520, 290, "I’ll bring the lasagne. The big one."},
		{ann, 830, 190, "Who has chairs?\nWe are nine."},
		{bo, 330, 610, "Playlist: put your songs here\n· Hoppípolla\n· Le Vent nous portera"},
		{bo, 1000, 610, "Chiara takes the photos, please, not me"},
	} {
		note.by.add(note.x, note.y, note.text)
	}
	ann.texts("Chiara takes the photos, please, not me", "Friday, 18:00\nDinner at Ann’s!", "I’ll bring the lasagne. The big one.",
		"Playlist: put your songs here\n· Hoppípolla\n· Le Vent nous portera", "Who has chairs?\nWe are nine.")
	ann.people("Ann", "Bo", "Chiara")
	ann.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	ann.wait(0, `document.querySelectorAll(".typing:not(:empty)").length`) // left from earlier events
	ann.do(chromedp.Evaluate[chromedp.Void](`typers.length = 0`))
	bo.do(
		chromedp.Evaluate[chromedp.Void](`(({text}) => { text.focus(); text.setSelectionRange(99, 99) })({text: `+
			bo.find("Who has chairs?\nWe are nine.")+`.querySelector("textarea")})`),
		chromedp.KeyEvent(" I have four"),
	)
	ann.wait("Bo is typing", `typers[0]`)
	ann.wait(true, ann.find("Who has chairs?\nWe are nine. I have four")+` !== undefined`)

	ctx, cancel := context.WithTimeout(ann.ctx, patience)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(screenshotFile, shot, 0o644))
	}
	committed, err := os.ReadFile(screenshotFile)
	require.NoError(t, err, "go -C browsertest test -run Screenshot -update . takes it")
	require.LessOrEqual(t, len(committed), screenshotSize)
	for _, text := range [][]byte{shot, committed} {
		config, err := png.DecodeConfig(bytes.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, []int{width, height}, []int{config.Width, config.Height})
	}
}
