package payload

import (
	"errors"
	"fmt"
	"mime"
	"strings"
)

// CheckMediaType accepts the Content-Type of a body if it is JSON, also by its structured suffix (RFC 6839), or if
// there is none. The argument is all values of the header.
func CheckMediaType(contentType []string) error {
	if len(contentType) == 0 || len(contentType) == 1 && (contentType[0] == "application/json" || contentType[0] == "") {
		return nil
	}
	if len(contentType) > 1 {
		return errors.New("more than one content type")
	}
	media, _, err := mime.ParseMediaType(contentType[0])
	if err == nil && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")) {
		return nil
	}
	return fmt.Errorf("content type %q is not JSON; send application/json", contentType[0])
}
