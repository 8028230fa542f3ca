# syntax=docker/dockerfile:1
ARG BASE=alpine
FROM busybox AS deps
FROM $BASE
RUN --mount=type=bind,source=package.json,target=package.json \
    --mount=type=bind,source=package-lock.json,target=package-lock.json,readwrite \
    --mount=type=cache,id=npm-${TARGETARCH},target=/root/.npm,sharing=locked,uid=1000,gid=1000,mode=0750 \
    npm ci
RUN --mount=type=secret,id=aws,target=/root/.aws/credentials,required=true,mode=0400,uid=0 aws s3 ls
RUN --mount=type=secret,id=API_KEY,env=API_KEY --mount=type=secret,id=other,env curl https://example.com
RUN --mount=type=ssh,id=github,required ssh -q -T git@github.com
RUN --mount=type=tmpfs,target=/tmp,size=64m make test
RUN --mount=from=deps,target=/deps,ro --mount=type=bind,from=alpine:3.20,src=/etc,dst=/alpine-etc true
RUN --mount=target=/src,rw=true,source=./ --network=none --security=sandbox ls /src
RUN --network=host --security=insecure --device=vendor1.com/device=foo,required true
RUN --mount="type=cache,\"target=/a,b\"" true
