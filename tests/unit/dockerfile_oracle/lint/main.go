// Checks Dockerfiles with BuildKit's own linter, for tests of ours.
//
// Input: one JSON object a line: the Dockerfile, build arguments and target. Output: one JSON object a line, with what was
// found and the error that makes a build impossible. Every image is an empty one for linux/amd64.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

type images struct{}

func (images) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config := `{"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:` +
		`0000000000000000000000000000000000000000000000000000000000000000"]}}`
	return ref, "", []byte(config), nil
}

type finding struct {
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Start   int32  `json:"start"`
	End     int32  `json:"end"`
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<26)
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for input.Scan() {
		var asked struct {
			Text   string
			Args   map[string]string
			Target string
		}
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			panic(err)
		}
		platform := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
		state := llb.Scratch()
		caps := pb.Caps.CapSet(pb.Caps.All())
		source := llb.NewSourceMap(&state, "Dockerfile", "Dockerfile", []byte(asked.Text))
		source.Definition = &llb.Definition{}
		results, err := dockerfile2llb.DockerfileLint(context.Background(), []byte(asked.Text), dockerfile2llb.ConvertOpt{
			Config:         dockerui.Config{BuildArgs: asked.Args, Target: asked.Target, BuildPlatforms: []ocispecs.Platform{platform}},
			MainContext:    &state,
			SourceMap:      source,
			TargetPlatform: &platform,
			LLBCaps:        &caps,
			MetaResolver:   images{},
		})
		if err != nil {
			panic(err)
		}
		answer := map[string]any{"error": nil}
		found := []finding{}
		for _, warning := range results.Warnings {
			start, end := lines(warning.Location.Ranges)
			found = append(found, finding{warning.RuleName, warning.Detail, start, end})
		}
		answer["findings"] = found
		if results.Error != nil {
			answer["error"] = results.Error.Message
		}
		if err := encoder.Encode(answer); err != nil {
			panic(err)
		}
	}
}

func lines(ranges []*pb.Range) (int32, int32) {
	if len(ranges) == 0 {
		return 0, 0
	}
	return ranges[0].Start.Line, ranges[len(ranges)-1].End.Line
}
