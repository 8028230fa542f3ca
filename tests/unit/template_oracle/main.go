// Renders templates with Go's own text/template and Docker's functions, for tests of ours.
//
// Input: one JSON array a line, [template, data]. Output: one JSON object a line, {"text": …} or {"error": …}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"text/template"
)

var functions = template.FuncMap{
	"json": func(value any) string {
		var buffer bytes.Buffer
		encoder := json.NewEncoder(&buffer)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil {
			panic(err)
		}
		return strings.TrimSpace(buffer.String())
	},
	"split": strings.Split,
	"join": func(items []any, separator string) string {
		texts := make([]string, len(items))
		for index, item := range items {
			texts[index] = item.(string)
		}
		return strings.Join(texts, separator)
	},
	"title": strings.Title,
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
	"pad": func(text string, before, after int) string {
		if text == "" {
			return text
		}
		return strings.Repeat(" ", before) + text + strings.Repeat(" ", after)
	},
	"truncate": func(text string, length int) string {
		if len(text) < length {
			return text
		}
		return text[:length]
	},
}

// whole turns floats without a fraction into ints, as Docker's typed objects have them.
func whole(value any) any {
	switch value := value.(type) {
	case float64:
		if value == math.Trunc(value) && math.Abs(value) < 1e15 {
			return int(value)
		}
	case []any:
		for index, item := range value {
			value[index] = whole(item)
		}
	case map[string]any:
		for key, item := range value {
			value[key] = whole(item)
		}
	}
	return value
}

func render(text string, data any) (string, error) {
	parsed, err := template.New("").Funcs(functions).Parse(text)
	if err != nil {
		return "", err
	}
	var buffer bytes.Buffer
	err = parsed.Execute(&buffer, data)
	return buffer.String(), err
}

func main() {
	output := json.NewEncoder(os.Stdout)
	output.SetEscapeHTML(false)
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(make([]byte, 1<<16), 1<<24)
	for scanner.Scan() {
		var input [2]any
		if err := json.Unmarshal(scanner.Bytes(), &input); err != nil {
			panic(err)
		}
		text, err := render(input[0].(string), whole(input[1]))
		if err != nil {
			output.Encode(map[string]string{"error": err.Error()})
		} else {
			output.Encode(map[string]string{"text": text})
		}
	}
}
