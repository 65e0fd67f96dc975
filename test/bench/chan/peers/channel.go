// channel.go: Go's channels in the benchmark. The workloads are those of ../workloads.h; a select
// is over four channels, `batch` sends one by one, and nothing is unbounded.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

const exitCannot = 3

type setup struct {
	workload           string
	senders, receivers uint64
	capacity           int
	n                  uint64
}

// sendShare sends the share of one sender.
func sendShare(s setup, sender uint64, to chan<- uint64) {
	last := s.n * (sender + 1) / s.senders
	for word := s.n*sender/s.senders + 1; word <= last; word++ {
		to <- word
	}
}

func flow(s setup) uint64 {
	c := make(chan uint64, s.capacity)
	sums := make(chan uint64)
	var senders sync.WaitGroup
	senders.Add(int(s.senders))
	for i := uint64(0); i < s.senders; i++ {
		go func(i uint64) {
			sendShare(s, i, c)
			senders.Done()
		}(i)
	}
	for i := uint64(0); i < s.receivers; i++ {
		go func() {
			sum := uint64(0)
			for word := range c {
				sum += word
			}
			sums <- sum
		}()
	}
	senders.Wait()
	close(c)
	total := uint64(0)
	for i := uint64(0); i < s.receivers; i++ {
		total += <-sums
	}
	return total
}

func selectAll(s setup) uint64 {
	if s.senders != 4 {
		os.Exit(exitCannot)
	}
	var c [4]chan uint64
	for i := range c {
		c[i] = make(chan uint64, s.capacity)
		go func(i uint64, to chan uint64) {
			sendShare(s, i, to)
			close(to)
		}(uint64(i), c[i])
	}
	sum := uint64(0)
	for open := 4; open > 0; {
		var word uint64
		var ok bool
		var i int
		select {
		case word, ok = <-c[0]:
			i = 0
		case word, ok = <-c[1]:
			i = 1
		case word, ok = <-c[2]:
			i = 2
		case word, ok = <-c[3]:
			i = 3
		}
		sum += word
		if !ok {
			c[i] = nil
			open--
		}
	}
	return sum
}

func ping(s setup) uint64 {
	there, back := make(chan uint64, s.capacity), make(chan uint64, s.capacity)
	go func() {
		for word := range there {
			back <- word
		}
	}()
	sum := uint64(0)
	for word := uint64(1); word <= s.n; word++ {
		there <- word
		sum += <-back
	}
	close(there)
	return sum
}

func seq(s setup) uint64 {
	c := make(chan uint64, s.capacity)
	sum := uint64(0)
	for sent := uint64(0); sent < s.n; {
		last := sent + uint64(s.capacity)
		if last > s.n {
			last = s.n
		}
		for word := sent + 1; word <= last; word++ {
			c <- word
		}
		for ; sent < last; sent++ {
			sum += <-c
		}
	}
	return sum
}

func number(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return n
}

func main() {
	bodies := map[string]func(setup) uint64{
		"flow": flow, "batch": flow, "select": selectAll, "ping": ping, "seq": seq}
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: PROGRAM WORKLOAD SENDERS RECEIVERS CAPACITY N")
		os.Exit(1)
	}
	body, ok := bodies[os.Args[1]]
	if !ok || os.Args[4] == "unbounded" {
		os.Exit(exitCannot)
	}
	s := setup{os.Args[1], number(os.Args[2]), number(os.Args[3]), int(number(os.Args[4])),
		number(os.Args[5])}
	begin := time.Now()
	sum := body(s)
	took := time.Since(begin)
	if sum != s.n*(s.n+1)/2 {
		fmt.Fprintln(os.Stderr, "the sum of the words is wrong")
		os.Exit(1)
	}
	fmt.Println(took.Nanoseconds())
}
