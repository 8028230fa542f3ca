from alpine as build
run echo lower
copy a b /c/
env A=1
from scratch
copy --from=build /c /c
cmd ["/c"]
