/*
 * light.pml - the index ring with light stores: ring_1to1.c, tail.h and barrier.c between two parks.
 *
 * A producer and a consumer on a ring of CAP slots, and a thread that shuts the channel down at any
 * time. What the producer and the consumer store with chani_barrier_light_store goes through a store
 * buffer, from which it reaches the others at any later time, in order; a read-modify-write empties
 * the own buffer, chani_barrier_heavy all others. Each index only grows by one, so that a buffer is
 * the difference between what its thread stored and what the others see. The processors that do more
 * than that out of order (release stores and seq_cst loads of others) are bound by the same
 * barriers.
 *
 * The producer pushes VALUES values, resting for ever between any two, then drops its handle; the
 * consumer pops until it is told CLOSED or rests, and may drop its handle, which closes and
 * discards. Waiting is as in park.pml, for one thread in each park: entered, epoch changed, claimed.
 *
 * Checked:
 *   no lost wake-up     when all rest or sleep and the buffers are empty, no sleeper would find anything
 *   closing             a push that was told "sent" was received or is discarded, a push that was told
 *                       "closed" was not; discard leaves nothing that counts
 *   exact capacity      never more than CAP, BLOCKED only when full or empty at that instant
 *
 *   no contradiction    PAIR, instead: two threads, each sends to one channel and asks whether another is
 *                       empty, to which the other thread sends; not both are told so
 *
 * Mutants: NO_BARRIER (a waiter without chani_barrier_heavy) NO_CLOSE_BARRIER (who closes without)
 * NO_CONSUMER_BARRIER (a consumer that finds CLOSING takes the count that it sees)
 * NO_SECOND_LOOK (the producer does not look at the end again) NO_END (closing is a flag alone)
 * NO_OWN_BARRIER (PAIR, without chani_barrier_own)
 */
#ifdef PAIR
bit stored[2], seen[2], none[2], over[2];

proctype pair_thread(bit me)
{
	stored[me] = 1;
#ifndef NO_OWN_BARRIER
	seen[me] = stored[me];
#endif
	none[me] = !seen[1 - me];
	over[me] = 1
}

proctype pair_memory()
{
	do
	:: d_step { stored[0] && !seen[0] -> seen[0] = 1 }
	:: d_step { stored[1] && !seen[1] -> seen[1] = 1 }
	:: d_step { over[0] && over[1] -> assert(!(none[0] && none[1])) }; break
	od
}

init {
	atomic { run pair_thread(0); run pair_thread(1); run pair_memory() }
}
#else

#ifndef CAP
#define CAP 2
#endif
#ifndef VALUES
#define VALUES 3
#endif

/* Indices: what its thread stored, and what the others see. */
byte tail, tail_seen;
byte head, head_seen;

#define OPEN 100
#define CLOSING 99
byte end = OPEN;
bit tx_gone, rx_shut;

/* The parks: 0 not_full, of the producer; 1 not_empty, of the consumer. */
bit entered[2];
bit stale[2];  /* the epoch has changed since the entry */
bit claimed[2];
bit asleep[2];

/* For the checks. */
byte sent;      /* pushes that were told "sent" */
byte discarded; /* values of the discard */
byte popped;
bit pushing;    /* published, not told yet */
bit p_rests, c_rests, k_rests;
bit c_gone;     /* the discard is over */

#define PROD 0
#define CONS 1

inline flush_tail() { tail_seen = tail }
inline flush_head() { head_seen = head }

/* chani_park_notify(SIZE_MAX is the same for one waiter): a load, then the claim, which flushes, then
 * the call. */
#define NOTIFY(s, flush)                                                                        \
	if                                                                                      \
	:: d_step { entered[s] && !claimed[s] -> claimed[s] = 1; stale[s] = 1; flush };         \
		d_step { asleep[s] = 0 }                                                        \
	:: !(entered[s] && !claimed[s])                                      \
	fi

#define LEAVE(s, flush) d_step { entered[s] = 0; claimed[s] = 0; stale[s] = 0; asleep[s] = 0; flush }

#define ENTER_AGAIN(s) claimed[s] = 0; stale[s] = 0; asleep[s] = 0

/* Sleeps unless the epoch has changed; wakes up for no reason, too. */
#define SLEEP(s)                                                                                \
	if                                                                                      \
	:: d_step { !stale[s] -> asleep[s] = 1 };                                               \
		if :: !asleep[s] :: asleep[s] = 0 fi \
	:: stale[s]                                                          \
	fi

inline settle(count, result)
{
	d_step {
		if
		:: end == CLOSING -> end = count
		:: else
		fi;
		result = end
	}
}

proctype producer()
{
	byte seen_head, e;
	bit in_park, searching;

next:
	if
	:: tail == VALUES -> goto drop
	:: tail < VALUES -> skip
	:: p_rests = 1; p_rests == 0 /* for ever */
	fi;
	in_park = 0;
attempt:
	/* push */
	if
	:: end != OPEN -> goto shut
	:: end == OPEN
	fi;
	if
	:: tail - seen_head < CAP -> skip
	:: else ->
		seen_head = head_seen;
		if
		:: tail - seen_head < CAP -> skip
		:: else ->
			d_step { flush_tail() }; /* chani_barrier_own */
			d_step { seen_head = head_seen };
			if
			:: tail - seen_head < CAP -> skip
			:: else -> goto blocked
			fi
		fi
	fi;
	d_step { tail++; pushing = 1; assert(tail - head <= CAP) };
#ifdef NO_SECOND_LOOK
	e = OPEN;
#else
	d_step { e = end };
#endif
	if
	:: e == OPEN
	:: else ->
		d_step { flush_tail() };
		settle(tail, e);
		if
		:: e < tail -> d_step { pushing = 0; e = 0 }; goto shut
		:: else
		fi
	fi;
	d_step { sent++; pushing = 0; e = 0; assert(!c_gone || sent <= popped + discarded) };
	if
	:: in_park -> LEAVE(PROD, flush_tail()); in_park = 0; searching = 0
	:: else
	fi;
	NOTIFY(CONS, flush_tail());
	goto next;

blocked:
	if
	:: !in_park ->
		d_step { entered[PROD] = 1; flush_tail(); in_park = 1 };
#ifndef NO_BARRIER
		d_step { flush_head() }; /* chani_barrier_heavy */
#endif
		goto attempt
	:: in_park && searching ->
		/* park_enter_again */
		d_step { ENTER_AGAIN(PROD); flush_tail(); searching = 0 };
#ifndef NO_BARRIER
		d_step { flush_head() };
#endif
		goto attempt
	:: in_park && !searching ->
		SLEEP(PROD);
		if
		:: searching = 1
		:: LEAVE(PROD, flush_tail()); in_park = 0 /* the time is over */
		fi;
		goto attempt
	fi;

shut:
	if
	:: in_park -> LEAVE(PROD, flush_tail()); in_park = 0; searching = 0
	:: else
	fi;
drop:
	/* chan_tx_drop */
	skip;
	d_step { flush_tail(); tx_gone = 1; in_park = 0; seen_head = 0 };
	NOTIFY(CONS, skip);
	p_rests = 1
}

/* chani_tail_settled of the consumer. */
inline settled()
{
	d_step { t = tail_seen };
	d_step { e = end };
	if
	:: e == OPEN
	:: else ->
		if
		:: e == CLOSING ->
#ifndef NO_CONSUMER_BARRIER
			d_step { flush_head(); flush_tail() };
#endif
			d_step { e = tail_seen };
			settle(e, e)
		:: else
		fi;
		t = (t < e -> t : e)
	fi;
	e = 0
}

/* values_now */
inline look()
{
	settled();
	if
	:: t == head ->
		d_step { flush_head() }; /* chani_barrier_own */
		settled()
	:: else
	fi
}

/* chani_tail_close */
#ifdef NO_CLOSE_BARRIER
#define CLOSE_BARRIER
#else
#define CLOSE_BARRIER d_step { flush_tail() }; d_step { flush_head() };
#endif
#ifdef NO_END
#define CLOSE d_step { end = CLOSING }; CLOSE_BARRIER d_step { end = tail_seen }
#else
#define CLOSE \
	d_step { if :: end == OPEN -> end = CLOSING :: else fi }; \
	CLOSE_BARRIER \
	d_step { e = tail_seen }; settle(e, e)
#endif

proctype consumer()
{
	byte t; /* seen_tail */
	byte e;
	bit in_park, searching, twice;

next:
	if
	:: in_park = 0
	:: c_rests = 1; c_rests == 0 /* for ever */
	:: goto drop
	fi;
attempt:
	/* take */
	if
	:: rx_shut -> goto shut
	:: !rx_shut
	fi;
	if
	:: t > head -> skip
	:: else -> look()
	fi;
	if
	:: t > head ->
		d_step { assert(head < sent + pushing); head++; popped++; twice = 0 };
		if
		:: in_park -> LEAVE(CONS, flush_head()); in_park = 0; searching = 0
		:: else
		fi;
		NOTIFY(PROD, flush_head());
		goto next
	:: else -> skip
	fi;
	if
	:: twice -> twice = 0; assert(popped == sent); goto shut
	:: !twice && tx_gone -> twice = 1; goto attempt
	:: !twice && !tx_gone -> skip
	fi;
	/* blocked */
	if
	:: !in_park ->
		d_step { entered[CONS] = 1; flush_head(); in_park = 1 };
#ifndef NO_BARRIER
		d_step { flush_tail() };
#endif
		goto attempt
	:: in_park && searching ->
		/* park_enter_again */
		d_step { ENTER_AGAIN(CONS); flush_head(); searching = 0 };
#ifndef NO_BARRIER
		d_step { flush_tail() };
#endif
		goto attempt
	:: in_park && !searching ->
		SLEEP(CONS);
		if
		:: searching = 1
		:: LEAVE(CONS, flush_head()); in_park = 0 /* the time is over */
		fi;
		goto attempt
	fi;

shut:
	if
	:: in_park -> LEAVE(CONS, flush_head()); in_park = 0; searching = 0
	:: else
	fi;
	if
	:: c_rests = 1; c_rests == 0
	:: goto drop
	fi;
drop:
	/* chan_rx_drop: close_sending, discard_queued */
	skip;
	d_step { flush_head() };
	CLOSE;
	NOTIFY(PROD, skip);
	settled();
	d_step {
		discarded = t - head;
		head = t;
		flush_head();
		c_gone = 1;
		assert(sent <= popped + discarded && popped + discarded <= sent + pushing);
		t = 0;
		e = 0
	};
	c_rests = 1
}

/* chan_rx_shutdown by a third thread, or never */
proctype shutter()
{
	byte e;

	if
	:: true ->
		CLOSE;
		e = 0;
		NOTIFY(PROD, skip);
		rx_shut = 1;
		NOTIFY(CONS, skip)
	:: true
	fi;
	k_rests = 1
}

/* The buffers, and what must hold when nobody moves. */
proctype memory()
{
	do
	:: d_step { tail_seen < tail -> tail_seen++ }
	:: d_step { head_seen < head -> head_seen++ }
	:: d_step {
		(p_rests || asleep[PROD]) && (c_rests || asleep[CONS]) && k_rests && tail_seen == tail &&
		head_seen == head ->
		assert(!asleep[PROD] || (end == OPEN && tail - head == CAP));
		assert(!asleep[CONS] || (!tx_gone && !rx_shut && (tail == head || end <= head)));
		assert(!c_gone || sent == popped + discarded) }
	od
}

init {
	atomic { run producer(); run consumer(); run shutter(); run memory() }
}
#endif
