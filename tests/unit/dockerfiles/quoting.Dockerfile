FROM alpine
ENV A="one two" B='three four' C=five\ six D=\"seven\" E="eight \"nine\"" F='ten $A' G="$A ten" H=\$A I=$$ J="\\" K=''
ENV L="a\
b" M=c
LABEL multi.label1="value1" multi.label2="value2" other="value3 \
with more"
LABEL description="This text illustrates \
that label-values can span multiple lines."
ARG Q="quoted value" R='single' S=un"quo"ted T
WORKDIR "/a dir"
USER "$A"
VOLUME /with\ blank "/quoted"
EXPOSE "80" $PORT ${PORT:-8080}/udp
STOPSIGNAL $SIGNAL
MAINTAINER "A Name" <a@b>
COPY "a b" c\ d /e/
