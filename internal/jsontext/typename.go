package jsontext

import (
	"reflect"
	"strings"
)

// TypeName returns the name of a type, as [reflect.Type.String] does. From Go 1.27 on json.RawMessage is another name of
// a type whose own name no caller has written.
func TypeName(t reflect.Type) string { return rawMessage.Replace(t.String()) }

var rawMessage = strings.NewReplacer("encoding/json/jsontext.Value", "encoding/json.RawMessage", "jsontext.Value", "json.RawMessage")
