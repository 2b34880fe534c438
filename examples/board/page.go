package main

import (
	"embed"
	"mime"
	"net/http"
	"path"

	"github.com/motia-go/motia"
)

//go:embed page
var page embed.FS

var servePage = motia.HTTPStep(motia.StepConfig{
	Name:     "serve-page",
	Triggers: []motia.Trigger{motia.HTTP("GET", "/"), motia.HTTP("GET", "/page/:file")},
}, func(in *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
	file := in.Request.PathParams["file"]
	if file == "" {
		file = "index.html"
	}
	text, err := page.ReadFile("page/" + file)
	if err != nil {
		return motia.Response{}, motia.HTTPError(http.StatusNotFound, err)
	}
	return motia.Response{
		Headers: http.Header{
			"Content-Type":            {mime.TypeByExtension(path.Ext(file))},
			"Content-Security-Policy": {"default-src 'self'"}, // no scripts, even if a note contains one
			"Cache-Control":           {"no-cache"},
		},
		Body: text,
	}, nil
})
