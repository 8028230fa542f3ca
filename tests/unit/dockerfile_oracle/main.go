// Reads Dockerfiles, words and patterns with BuildKit's own parser and moby's patternmatcher, for tests of ours.
//
// Input: one JSON object a line, with "do" and its arguments. Output: one JSON object a line, with "error" instead of an
// answer where there is none.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type object = map[string]any

type request struct {
	Do        string
	Text      string
	Values    map[string]string
	Escape    string
	RawQuotes bool `json:"raw_quotes"`
	RawEscape bool `json:"raw_escapes"`
	Quotes    bool
	KeepUnset bool `json:"keep_unset"`
	Patterns  []string
	Paths     []string
}

type values map[string]string

func (v values) Get(name string) (string, bool) {
	value, found := v[name]
	return value, found
}

func (v values) Keys() []string {
	names := []string{}
	for name := range v {
		names = append(names, name)
	}
	return names
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<26)
	output := bufio.NewWriter(os.Stdout)
	defer output.Flush()
	encoder := json.NewEncoder(output)
	encoder.SetEscapeHTML(false)
	for input.Scan() {
		asked := request{Escape: "\\", Quotes: true}
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			panic(err)
		}
		answer, err := answers[asked.Do](asked)
		if err != nil {
			answer = object{"error": err.Error()}
		}
		if err := encoder.Encode(answer); err != nil {
			panic(err)
		}
	}
}

var answers = map[string]func(request) (object, error){
	"lines":    lines,
	"read":     read,
	"word":     word,
	"wildcard": wildcard,
	"patterns": patterns,
	"ignore":   ignore,
	"syntax":   syntax,
}

func lines(asked request) (object, error) {
	result, err := parser.Parse(strings.NewReader(asked.Text))
	if err != nil {
		return nil, err
	}
	found := []object{}
	for _, node := range result.AST.Children {
		found = append(found, object{
			"keyword": node.Value, "flags": list(node.Flags), "words": words(node), "json": isJSON(node),
			"text": node.Original, "start": node.StartLine, "end": node.EndLine,
			"comments": list(node.PrevComment), "heredocs": heredocs(node.Heredocs),
		})
	}
	empty := []int{}
	for _, warning := range result.Warnings {
		empty = append(empty, warning.Location.Start.Line)
	}
	return object{"lines": found, "escape": string(result.EscapeToken), "empty": empty}, nil
}

func isJSON(node *parser.Node) bool {
	if node.Next != nil && len(node.Next.Children) == 1 {
		return isJSON(node.Next.Children[0])
	}
	return node.Attributes["json"]
}

// The arguments of an unknown instruction are one empty word to BuildKit, whatever they are: none here.
func words(node *parser.Node) []string {
	found := []string{}
	if _, known := command.Commands[strings.ToLower(node.Value)]; !known {
		return found
	}
	for next := node.Next; next != nil; next = next.Next {
		if len(next.Children) == 1 {
			found = append(append(found, next.Children[0].Value), words(next.Children[0])...)
		} else {
			found = append(found, next.Value)
		}
	}
	return found
}

func heredocs(found []parser.Heredoc) []object {
	shown := []object{}
	for _, heredoc := range found {
		shown = append(shown, object{
			"name": heredoc.Name, "content": heredoc.Content, "expand": heredoc.Expand, "chomp": heredoc.Chomp,
			"descriptor": heredoc.FileDescriptor,
		})
	}
	return shown
}

func read(asked request) (object, error) {
	result, err := parser.Parse(strings.NewReader(asked.Text))
	if err != nil {
		return nil, err
	}
	stages, global, err := instructions.Parse(result.AST, linter.New(&linter.Config{}))
	if err != nil {
		return nil, err
	}
	if len(stages) == 0 { // the words of dockerfile2llb, which is the next to look
		return nil, errors.New("dockerfile contains no stages to build")
	}
	expander := func(text string) (string, error) {
		text, _, err := shell.NewLex(result.EscapeToken).ProcessWord(text, values(asked.Values))
		return text, err
	}
	found := []object{}
	for _, arg := range global {
		found = append(found, show(&arg, expander))
	}
	for _, stage := range stages {
		found = append(found, object{
			"kind": "From", "base": stage.BaseName, "name": stage.Name, "platform": stage.Platform,
			"description": stage.DocComment, "text": stage.SourceCode,
		})
		for _, command := range stage.Commands {
			found = append(found, show(command, expander))
		}
	}
	return object{"instructions": found}, nil
}

func show(command instructions.Command, expander instructions.SingleWordExpander) object {
	shown := object{"text": command.(interface{ String() string }).String()}
	put := func(kind string, fields object) object {
		shown["kind"] = kind
		for name, value := range fields {
			shown[name] = value
		}
		return shown
	}
	switch c := command.(type) {
	case *instructions.ArgCommand:
		arguments := []object{}
		for _, argument := range c.Args {
			arguments = append(arguments, object{
				"name": argument.Key, "default": argument.Value, "description": argument.DocComment,
			})
		}
		return put("Arg", object{"arguments": arguments})
	case *instructions.EnvCommand:
		return put("Env", object{"pairs": pairs(c.Env)})
	case *instructions.LabelCommand:
		return put("Label", object{"pairs": pairs(c.Labels)})
	case *instructions.RunCommand:
		fields := object{
			"command": commandLine(c.ShellDependantCmdLine), "network": instructions.GetNetwork(c),
			"security": instructions.GetSecurity(c), "devices": list(instructions.GetDevices(c)),
		}
		if err := c.Expand(expander); err != nil {
			fields["mounts"] = err.Error()
		} else {
			fields["mounts"] = mounts(instructions.GetMounts(c))
		}
		return put("Run", fields)
	case *instructions.CopyCommand:
		return put("Copy", object{
			"sources": list(c.SourcePaths), "documents": documents(c.SourceContents), "target": c.DestPath,
			"chown": c.Chown, "chmod": c.Chmod, "link": c.Link, "exclude": list(c.ExcludePatterns),
			"stage": c.From, "parents": c.Parents,
		})
	case *instructions.AddCommand:
		return put("Add", object{
			"sources": list(c.SourcePaths), "documents": documents(c.SourceContents), "target": c.DestPath,
			"chown": c.Chown, "chmod": c.Chmod, "link": c.Link, "exclude": list(c.ExcludePatterns),
			"checksum": c.Checksum, "keep_git": c.KeepGitDir, "unpack": c.Unpack,
		})
	case *instructions.WorkdirCommand:
		return put("Workdir", object{"path": c.Path})
	case *instructions.UserCommand:
		return put("User", object{"user": c.User})
	case *instructions.ExposeCommand:
		return put("Expose", object{"ports": c.Ports})
	case *instructions.VolumeCommand:
		return put("Volume", object{"paths": c.Volumes})
	case *instructions.CmdCommand:
		return put("Cmd", object{"command": commandLine(c.ShellDependantCmdLine)})
	case *instructions.EntrypointCommand:
		return put("Entrypoint", object{"command": commandLine(c.ShellDependantCmdLine)})
	case *instructions.ShellCommand:
		return put("Shell", object{"words": c.Shell})
	case *instructions.StopSignalCommand:
		return put("StopSignal", object{"signal": c.Signal})
	case *instructions.HealthCheckCommand:
		return put("Healthcheck", object{
			"test": c.Health.Test, "interval": c.Health.Interval, "timeout": c.Health.Timeout,
			"start_period": c.Health.StartPeriod, "start_interval": c.Health.StartInterval, "retries": c.Health.Retries,
		})
	case *instructions.OnbuildCommand:
		return put("OnBuild", object{"instruction": c.Expression})
	case *instructions.MaintainerCommand:
		return put("Maintainer", object{"name": c.Maintainer})
	}
	panic("an instruction that the oracle does not know")
}

func pairs(found instructions.KeyValuePairs) []object {
	shown := []object{}
	for _, pair := range found {
		shown = append(shown, object{"name": pair.Key, "value": pair.Value, "old": pair.NoDelim})
	}
	return shown
}

func commandLine(line instructions.ShellDependantCmdLine) object {
	files := []object{}
	for _, file := range line.Files {
		files = append(files, object{"name": file.Name, "content": file.Data, "chomp": file.Chomp})
	}
	return object{"words": list(line.CmdLine), "shell": line.PrependShell, "heredocs": files}
}

func documents(found []instructions.SourceContent) []object {
	shown := []object{}
	for _, document := range found {
		shown = append(shown, object{"name": document.Path, "text": document.Data, "expand": document.Expand})
	}
	return shown
}

func mounts(found []*instructions.Mount) []object {
	shown := []object{}
	for _, mount := range found {
		shown = append(shown, object{
			"type": mount.Type, "stage": mount.From, "source": mount.Source, "target": mount.Target,
			"readonly": mount.ReadOnly, "id": mount.CacheID, "sharing": mount.CacheSharing,
			"required": mount.Required, "size": mount.SizeLimit, "env": mount.Env, "mode": mount.Mode,
			"uid": mount.UID, "gid": mount.GID,
		})
	}
	return shown
}

func list[T any](found []T) []T {
	if found == nil {
		return []T{}
	}
	return found
}

func word(asked request) (object, error) {
	lex := shell.NewLex([]rune(asked.Escape)[0])
	lex.RawQuotes, lex.RawEscapes = asked.RawQuotes, asked.RawEscape
	lex.SkipProcessQuotes, lex.SkipUnsetEnv = !asked.Quotes, asked.KeepUnset
	found, err := lex.ProcessWordWithMatches(asked.Text, values(asked.Values))
	if err != nil {
		return nil, err
	}
	return object{
		"text": found.Result, "words": list(found.Words), "matched": names(found.Matched),
		"unmatched": names(found.Unmatched),
	}, nil
}

func names(found map[string]struct{}) []string {
	names := []string{}
	for name := range found {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func wildcard(asked request) (object, error) {
	matched := []bool{}
	for _, path := range asked.Paths {
		match, err := filepath.Match(asked.Text, path)
		if err != nil {
			return nil, err
		}
		matched = append(matched, match)
	}
	return object{"matched": matched}, nil
}

// Each path twice: by itself, and on the way down a tree, where what holds for its directory is known.
func patterns(asked request) (object, error) {
	matcher, err := patternmatcher.New(asked.Patterns)
	if err != nil {
		return nil, err
	}
	matched, below := []bool{}, []bool{}
	for _, path := range asked.Paths {
		match, err := matcher.MatchesOrParentMatches(path)
		if err != nil {
			return nil, err
		}
		matched = append(matched, match)
		info := patternmatcher.MatchInfo{}
		parts := strings.Split(path, "/")
		for count := range parts {
			match, info, err = matcher.MatchesUsingParentResults(strings.Join(parts[:count+1], "/"), info)
			if err != nil {
				return nil, err
			}
		}
		below = append(below, match)
	}
	return object{"matched": matched, "below": below, "negated": matcher.Exclusions()}, nil
}

func ignore(asked request) (object, error) {
	found, err := ignorefile.ReadAll(strings.NewReader(asked.Text))
	return object{"patterns": slices.Clone(list(found))}, err
}

func syntax(asked request) (object, error) {
	found, _, _, ok := parser.DetectSyntax([]byte(asked.Text))
	check, _, _, _ := parser.ParseDirective("check", []byte(asked.Text))
	return object{"syntax": found, "found": ok, "check": check}, nil
}
