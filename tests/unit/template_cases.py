# ruff: noqa: E501 -- one case a line; properties say "right or refused"
"""Templates whose meaning Go itself decides: rendered by ours and by Go's text/template."""

DATA = {
    "a": 1, "big": 123456789, "f": 1.5, "tiny": 0.00001234, "s": "hi there", "e": "", "t": True, "no": False, "n": None,
    "l": [1, 2, 3], "w": ["x", "y z"], "none": [], "m": {"x": "y", "b": "c"}, "d": {"k": {"j": [1, {"z": "ä"}]}},
    "q": 'a "quoted" <b> & \t é', "neg": -7,
}  # fmt: skip

RENDERED = [
    "", "plain", "{{.}}", "{{.a}} {{.s}} {{.l}} {{.m}} {{.zz}} {{.n}}", "{{.d.k.j}}", "{{.d.k}}", "{{.f}} {{.tiny}} {{.neg}}",
    "{{range .l}}[{{.}}]{{end}}", "{{range $i, $x := .l}}{{$i}}={{$x}} {{else}}no{{end}}", "{{range .none}}x{{else}}none{{end}}",
    "{{range $k, $v := .m}}{{$k}}={{$v}};{{end}}", "{{range $x := .w}}{{$x}},{{end}}", "{{range 3}}{{.}}{{end}}",
    "{{range $i := 3}}{{$i}}{{end}}", "{{range .zz}}x{{else}}y{{end}}", "{{range .n}}x{{else}}y{{end}}",
    "{{if .t}}a{{else}}b{{end}}", "{{if .e}}a{{else if .no}}b{{else if eq .a 1}}c{{else}}d{{end}}", "{{if not .e}}x{{end}}",
    "{{with .m}}{{.x}}{{$.a}}{{end}}", "{{with .e}}x{{else}}y{{end}}", "{{with $x := .s}}{{$x}}{{end}}",
    "{{with .e}}x{{else with .s}}{{.}}{{end}}", "{{$x := 1}}{{if .t}}{{$x = 2}}{{end}}{{$x}}", "{{$x := .d.k}}{{$x.j}}",
    "{{$x := 1}}{{with .m}}{{$x := 5}}{{$x}}{{end}}{{$x}}",
    " a {{- .s -}} b ", "a\n {{- /* gone */ -}} \n b", "{{/* c */}}x", "{{- .a}} {{.a -}} x", "x {{- 3}} y", "{{-3}}", "{{ - }}"[:0],
    "{{1}} {{-1}} {{0x1f}} {{1.5}} {{1e3}} {{017}} {{0b11}} {{1_000}} {{'a'}} {{true}}", '{{"a\\tb\\u00e9\\x41"}}', "{{`raw\\n`}}",
    '{{printf "%5d|%-5d|%05d|%+d|%x|%X|%o|%b|%c|%q|%U" .a .a .a .a 255 255 8 5 65 65 65}}',
    '{{printf "%s|%10s|%-10s|%.2s|%q|%x|%v" .s .s .s .s .q .s .s}}', '{{printf "%f|%.2f|%8.3f|%e|%g|%v" .f .f .f .f .f .f}}',
    '{{printf "%t %v %v %v" .t .no .l .m}}', '{{printf "%d" .s}}', '{{printf "%s" .a}}', '{{printf "%d"}}', '{{printf "x" 1 "y"}}',
    '{{printf "%z" 1}}', '{{printf "100%%"}}', '{{printf "%"}}', '{{printf "%*d" 5 .a}}', '{{printf "%v" .n}}', '{{printf "%T" .s}}',
    '{{printf "%d" .l}}', '{{printf "%q" .w}}', '{{printf "%s" .m}}', '{{printf "%6.2f%%" 12.345}}', '{{printf "%t" .a}}',
    "{{print .a .s .l 1 2}}", "{{print 1 2}}", '{{print "a" "b"}}', "{{println .a .s}}", "{{print}}", "{{print .n}}",
    "{{len .l}}{{len .s}}{{len .m}}{{len .e}}", "{{index .l 1}}", '{{index .m "x"}}', '{{index .d "k" "j" 0}}', "{{index .m}}",
    '{{index .m "nope"}}', "{{slice .s 1 3}}", "{{slice .l 1}}", "{{slice .s}}", "{{index .s 0}}",
    "{{and .t .s}}|{{and .e .s}}|{{or .e .s}}|{{or .e 0}}|{{not .t}}", "{{or .t (index .l 99)}}", "{{and .no (index .l 99)}}",
    "{{eq .a 1}}{{ne .a 1}}{{lt 1 2}}{{le 2 2}}{{gt 1 2}}{{ge 1.5 1.5}}", '{{eq .s "x" "hi there"}}', '{{lt "a" "b"}}', "{{eq .t true}}",
    "{{le .f 1.5}}", "{{gt 2.5 .f}}", "{{eq .n nil}}", "{{eq .n .n}}", "{{ne .s .e}}",
    "{{json .}}", "{{json .l}}{{json .s}}{{json .q}}{{json .n}}{{json .f}}{{json .t}}", "{{.m | json}}",
    '{{split .s " "}}', '{{join .w "+"}}', "{{title .s}}", "{{upper .s}}{{lower .s}}", "[{{pad .s 2 3}}]", "{{truncate .s 2}}", "{{truncate .s 99}}",
    '{{split .e ","}}', '{{split "abc" ""}}', '{{pad "" 2 2}}',
    '{{.s | upper | printf "%s!"}}', '{{.s | printf "%s-%s" "x"}}', "{{(index .l 0)}}", "{{(len .l)}}", "{{(.d.k).j}}", "{{(.m).x}}",
    "{{html .q}}", "{{urlquery .q}}", "{{$.s}}", "{{$}}"[:0], "{{.d.k.j | len}}", "{{with .d}}{{with .k}}{{len .j}}{{end}}{{end}}",
    "{{range $i, $x := .w}}{{if $i}}, {{end}}{{$x}}{{end}}", "{{if and .t (eq .a 1)}}yes{{end}}", "{{ .a }}", "{{\n.a\n}}", "{{ range .l }}{{ . }}{{ end }}",
    "}} {", "{ {{.a}} }", "{{.s}}}}", "é{{.a}}", "{{.m.nope}}", "{{.zz.b}}", "{{.this.is.a.very.long.chain}}", "{{.s|}}", '{{.m.nope | printf "%v"}}', "{{if .m.nope}}x{{else}}y{{end}}",
]  # fmt: skip

REFUSED = [
    "{{", "{{.a", "{{.a}", "{{foo}}", "{{end}}", "{{else}}", "{{if}}x{{end}}", "{{if .a}}", "{{range .l}}", "{{with}}", "{{}}", "{{ }}",
    "{{|.s}}", "{{1 | 2}}", "{{.a | .}}", '{{"abc}}', "{{`abc}}", "{{'a}}", "{{/* c }}", "{{/* c */ x}}", "{{(.a}}", "{{.a)}}", "{{$x}}",
    "{{$x := }}", "{{if .a}}{{else}}{{else}}{{end}}", "{{1.2.3}}", "{{1a}}", "{{.a.b}}", "{{.a.b.c}}", "{{.n.b}}", "{{.s.x}}",
    "{{index .l 5}}", '{{index .l "x"}}', "{{index .m 1}}", "{{index .a 1}}", "{{index .n 1}}", "{{len .a}}", "{{len}}", "{{len 1 2}}", "{{not}}",
    "{{eq .a .s}}", "{{lt .a .s}}", "{{ne .f .a}}", "{{eq .l .a}}", "{{ge .s .f}}", "{{eq .a}}", "{{eq}}", "{{lt .t .t}}", "{{lt .l .l}}", "{{range .a.x}}{{end}}", "{{range .s}}{{end}}"[:0], "{{range .t}}{{end}}",
    "{{.a 1}}", "{{1 2}}", "{{. 1}}", '{{"x" | .s}}', "{{lower .a}}", "{{slice .l 5}}", "{{slice .a}}", "{{#}}", "{{.a!}}", "{{nil}}", "{{nil.x}}",
    "\n\n{{foo}}", "\n {{.a.b}}", "{{if .a}}{{end", "{{.s }", "{{.a..b}}", "{{true.x}}", '{{"\\z"}}', "{{$x, $y := .l}}", "{{range $a, $b, $c := .l}}{{end}}",
    "{{.s.is.a.very.long.chain.of.names}}", "{{upper}}", "{{upper 1 2}}", "{{print (}}", "{{else if .a}}", "{{end .a}}", "{{if .a}}{{end .b}}", "{{.l.x}}", "{{.m.x.y}}",
]  # fmt: skip
