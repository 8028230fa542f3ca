"""The Dockerfile language: from text to typed instructions, stages, scopes and findings. Nothing here builds.

    from rocker.images.builder.dockerfile import parse
    from rocker.images.builder.graph import StageGraph
    from rocker.images.builder.scope import Arguments

    dockerfile = parse(text)
    arguments = Arguments(dockerfile, build_args={"VERSION": "1"}, target="test")
    for node in StageGraph(dockerfile, arguments, "test").needed():
        ...

Text is `str`; bytes that are no UTF-8 are kept as lone surrogates (`surrogateescape`) and can be written back so. The
language is that of https://docs.docker.com/reference/dockerfile/ as BuildKit reads it, and its words for what is wrong.

| module | duty |
|---|---|
| `dockerfile` | `parse`: text to a `Dockerfile` with its global arguments and stages |
| `lines` | logical lines: directives, comments, continuations, heredocs |
| `forms` | the arguments of one line: words, pairs, JSON |
| `heredoc`, `directives` | `<<EOF`, and `# escape=` and its like |
| `instructions` | the typed instructions |
| `reading`, `reading_flags`, `run_mount` | from a line to an instruction, its flags, `RUN --mount` |
| `words`, `shell_pattern` | quotes, escapes and variables in a word |
| `command` | what a `RUN`, `CMD` or `ENTRYPOINT` is to execute |
| `expand` | which fields of which instruction have variables |
| `scope`, `platform` | the values of `ARG` and `ENV` from stage to stage |
| `graph` | which stages need which |
| `ignore`, `patterns`, `wildcard`, `paths` | `.dockerignore`, and the wildcards of `COPY` |
| `ports`, `sources` | what `EXPOSE` and `ADD` name |
| `rules`, `check`, `check_stage`, `report` | `--check`: Docker's build checks |
| `errors`, `suggest`, `characters` | the one error, "did you mean", Go's idea of a blank |
"""
