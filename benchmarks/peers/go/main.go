// Go's suture v4 on the works of the benchmarks: `suture WORK`, then a line of JSON for each line
// with a size. The protocol is that of benchmarks/player.py.
//
// Failures never count as too many and are logged nowhere, so that nothing is waited for.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thejerf/suture/v4"
)

type sample struct {
	Seconds float64  `json:"seconds"`
	Count   int      `json:"count"`
	Bodies  int64    `json:"bodies"`
	Value   *float64 `json:"value,omitempty"`
}

// counter counts bodies; done is closed by the last one.
type counter struct {
	ran  atomic.Int64
	last int64
	done chan struct{}
}

func newCounter(n int) *counter {
	return &counter{last: int64(n), done: make(chan struct{})}
}

func (c *counter) tick() int64 {
	mine := c.ran.Add(1)
	if mine == c.last {
		close(c.done)
	}
	return mine
}

type instant struct{ count *counter }

func (s instant) Serve(context.Context) error {
	s.count.tick()
	return suture.ErrDoNotRestart
}

func (instant) String() string { return "instant" }

type waiting struct{ count *counter }

func (s waiting) Serve(ctx context.Context) error {
	s.count.tick()
	<-ctx.Done()
	return ctx.Err()
}

func (waiting) String() string { return "waiting" }

type again struct{ count *counter }

func (s again) Serve(context.Context) error {
	if s.count.tick() < s.count.last {
		return nil
	}
	return suture.ErrDoNotRestart
}

func (again) String() string { return "again" }

func newSupervisor() *suture.Supervisor {
	return suture.New("bench", suture.Spec{
		EventHook:        func(suture.Event) {},
		FailureThreshold: math.Inf(1),
		Timeout:          time.Minute,
	})
}

// A running supervisor, and what ends it and waits for that.
func serve() (*suture.Supervisor, func()) {
	supervisor := newSupervisor()
	ctx, cancel := context.WithCancel(context.Background())
	ended := supervisor.ServeBackground(ctx)
	return supervisor, func() {
		cancel()
		<-ended
	}
}

func untilEmpty(supervisor *suture.Supervisor) {
	for len(supervisor.Services()) > 0 {
		runtime.Gosched()
	}
}

func add(n int) sample {
	count := newCounter(n)
	supervisor, stop := serve()
	defer stop()
	start := time.Now()
	for range n {
		supervisor.Add(instant{count})
	}
	<-count.done
	untilEmpty(supervisor)
	return sample{Seconds: time.Since(start).Seconds(), Count: n, Bodies: count.ran.Load()}
}

// All are added before the supervisor runs.
func batch(n int) sample {
	count := newCounter(n)
	supervisor := newSupervisor()
	ctx, cancel := context.WithCancel(context.Background())
	start := time.Now()
	for range n {
		supervisor.Add(instant{count})
	}
	ended := supervisor.ServeBackground(ctx)
	<-count.done
	untilEmpty(supervisor)
	elapsed := time.Since(start).Seconds()
	cancel()
	<-ended
	return sample{Seconds: elapsed, Count: n, Bodies: count.ran.Load()}
}

func restart(n int) sample {
	count := newCounter(n)
	supervisor, stop := serve()
	defer stop()
	start := time.Now()
	supervisor.Add(again{count})
	<-count.done
	return sample{Seconds: time.Since(start).Seconds(), Count: n, Bodies: count.ran.Load()}
}

func accept(n int) sample {
	count := newCounter(n)
	supervisor, stop := serve()
	start := time.Now()
	for range n {
		supervisor.Add(waiting{count})
	}
	elapsed := time.Since(start).Seconds()
	<-count.done
	stop()
	return sample{Seconds: elapsed, Count: n, Bodies: count.ran.Load()}
}

func addCancel(n int) sample {
	count := newCounter(n)
	supervisor, stop := serve()
	defer stop()
	tokens := make([]suture.ServiceToken, 0, n)
	start := time.Now()
	for range n {
		tokens = append(tokens, supervisor.Add(waiting{count}))
	}
	elapsed := time.Since(start)
	<-count.done
	start = time.Now()
	for _, token := range tokens {
		if err := supervisor.RemoveAndWait(token, 0); err != nil {
			panic(err)
		}
	}
	elapsed += time.Since(start)
	return sample{Seconds: elapsed.Seconds(), Count: n, Bodies: count.ran.Load()}
}

func list(n int) sample {
	count := newCounter(n)
	supervisor, stop := serve()
	defer stop()
	for range n {
		supervisor.Add(waiting{count})
	}
	<-count.done
	start := time.Now()
	services := supervisor.Services()
	elapsed := time.Since(start).Seconds()
	if len(services) != n {
		panic("services are missing")
	}
	return sample{Seconds: elapsed, Count: n, Bodies: count.ran.Load()}
}

func resident() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		panic(err)
	}
	return float64(pages * os.Getpagesize())
}

func memory(n int) sample {
	count := newCounter(n)
	supervisor, stop := serve()
	defer stop()
	runtime.GC()
	before := resident()
	for range n {
		supervisor.Add(waiting{count})
	}
	<-count.done
	value := (resident() - before) / float64(n)
	return sample{Count: n, Bodies: count.ran.Load(), Value: &value}
}

func shutdown(n int) sample {
	count := newCounter(n)
	supervisor, stop := serve()
	for range n {
		supervisor.Add(waiting{count})
	}
	<-count.done
	start := time.Now()
	stop()
	return sample{Seconds: time.Since(start).Seconds(), Count: n, Bodies: count.ran.Load()}
}

func cold(n int) sample {
	ran := int64(0)
	start := time.Now()
	for range n {
		count := newCounter(1)
		supervisor, stop := serve()
		supervisor.Add(instant{count})
		<-count.done
		stop()
		ran += count.ran.Load()
	}
	return sample{Seconds: time.Since(start).Seconds(), Count: n, Bodies: ran}
}

// The bare limit: a goroutine for each body, all waited for.
func goroutines(n int) sample {
	count := newCounter(n)
	var all sync.WaitGroup
	start := time.Now()
	for range n {
		all.Add(1)
		go func() {
			defer all.Done()
			count.tick()
		}()
	}
	all.Wait()
	return sample{Seconds: time.Since(start).Seconds(), Count: n, Bodies: count.ran.Load()}
}

var works = map[string]func(int) sample{
	"add":        add,
	"batch":      batch,
	"restart":    restart,
	"accept":     accept,
	"add_cancel": addCancel,
	"list":       list,
	"memory":     memory,
	"shutdown":   shutdown,
	"cold":       cold,
	"goroutines": goroutines,
}

func main() {
	work := works[os.Args[1]]
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			panic(err)
		}
		runtime.GC()
		text, err := json.Marshal(work(n))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(text))
	}
}
