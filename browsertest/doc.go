// Package browsertest holds tests that need more than Go: examples/board in a real Chromium, and the official Motia
// stream clients, from npm, in Chromium and in Node. It is a separate module, so that the library does not depend on
// the browser driver.
//
//	apt-get install -y --no-install-recommends chromium   # as root; and Node 20 or later with npm
//	npm ci
//	go test ./...
//
// Without Chromium, Node or the packages the tests are skipped and say what is missing; with MOTIA_BROWSER=required
// they fail.
package browsertest
