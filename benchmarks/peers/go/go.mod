module taskvisor/benchmarks/suture

go 1.24

require github.com/thejerf/suture/v4 v4.0.6
