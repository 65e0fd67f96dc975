/*
 * transfer.pml - send_wait and recv_wait of lib/chan/transfer.c between ring_many.c and park.c: no
 * wake-up is lost, also when an operation in the middle of the ring is slow, or the channel closes.
 *
 * S senders and R receivers on a ring of CAP slots, any number of operations each. As in park.pml the
 * state is how many threads are at each step, and the epoch is "it has changed since I entered".
 * Values have no names here, and positions are counted from the head, so that runs need not end:
 * ring.pml shows that the ring moves each value once and in order. It also shows that a claim happens
 * at one instant, and that CHANI_BLOCKED is true at one; so each is one step here. CHANI_BUSY may be
 * old when it is told, and is two steps: BUSY_FRESH and BUSY_STALE have seen a slot in use and go back
 * when the index has moved.
 *
 * Any thread may rest for ever between two operations, any sleep may end at any time. Either side may
 * drop its handles when all its threads rest (the last receiver then discards); anybody may shut the
 * channel down at any time. Checked, whenever all threads rest or sleep and no wake-up is on its way:
 * no sleeper's attempt would do anything. Batches are in park.pml, selects in watch.pml; permits are
 * not modelled.
 *
 * LIGHT: as with CHANI_PUBLISH_CLAIMED (publish.h). A stamp goes through the store buffer of its thread
 * (STORED), from which the others see it at any later time, also after the thread has looked for waiters
 * and gone on; a read-modify-write empties the own buffer, the heavy barrier all others. Who is told
 * CHANI_BUSY calls it and attempts again (FENCED) before it sleeps.
 *
 * Mutants: NO_RECHECK NO_EPOCH NO_PASS_ON SINGLE_CLOSE NO_SHUT_WAKE (close without notifying senders);
 * with CAP 3 or more STALE_PASS_ON (can_push and can_pop load the index once);
 * with LIGHT NO_BARRIER (who is told CHANI_BUSY sleeps without) NO_OWN_BARRIER (who finds a claim wakes
 * nobody, though its stamp is still in the buffer)
 */
#ifndef S
#define S 3
#endif
#ifndef R
#define R 3
#endif
#ifndef CAP
#define CAP 2
#endif

/* Where a thread can be, and what it does next. */
#define REST 0  /* nothing, or an operation: first attempt, the spinning phase of chani_wait_again */
#define ENTER 1 /* park_enter */
#define FRESH 2 /* entered, the epoch is the ticket: attempt of CHANI_ENTERED */
#define STALE 3 /* entered, the epoch has changed: the same */
#define BUSY_FRESH 4 /* FRESH whose attempt has seen a slot in use */
#define BUSY_STALE 5
#define LIE 6     /* the attempt failed: wait_sleep; it will return at once when the epoch changes */
#define ASLEEP 7  /* in the futex */
#define RETURN 8  /* back from the futex: attempts of CHANI_SEARCHING, in the park */
#define WOKEN 9   /* left it because the time is over: one more attempt */
#define LEAVE 10  /* success while entered: park_leave of chani_wait_leave */
#define TELL 11   /* success: chani_park_notify of the other side */
#define CALL 12   /* the wake-up call of wake_waiters */
#define TELL_S 13 /* TELL and CALL of a thread that slept, then pass_on: */
#define CALL_S 14
#define CAN_PASS 15 /* can_push, can_pop */
#define PASS_ON 16  /* chani_park_notify of the own side */
#define PASS_CALL 17
#define OLD_INDEX 18 /* STALE_PASS_ON: the index was loaded, and has moved since */
#define FENCED 19    /* LIGHT: FRESH after the barrier */
#define PCS 20

/* What a slot is; whose copy it is: of a thread in the spinning phase, entered, or woken. */
#define FREE 0
#define HELD 1
#define COPY_REST 2
#define COPY_ENTERED 3
#define COPY_WOKEN 4
/* LIGHT: the copy is done, the stamp in a store buffer. Of a thread at TELL, at TELL_SLEPT, or beyond. */
#define STORED_TELL 5
#define STORED_TELL_S 6
#define STORED 7

#ifdef NO_RECHECK
#define AFTER_ENTER LIE
#else
#define AFTER_ENTER FRESH
#endif
#ifdef NO_PASS_ON
#define TELL_SLEPT TELL
#else
#define TELL_SLEPT TELL_S
#endif
#ifdef SINGLE_CLOSE
#define EVERYBODY 1
#else
#define EVERYBODY 255
#endif

#define PROD 0 /* waits in the park not_full */
#define CONS 1 /* waits in the park not_empty */

byte at[40];
byte claimed[2];

/* The CAP slots from the head on; n of them lie before the tail. Receivers copy out of the others. */
byte slot[4];
byte n;
bit closed;  /* CLOSED in the tail: no push */
bit tx_gone; /* CHANI_TX_GONE */
bit rx_shut; /* CHANI_RX_SHUT */
bit discarding; /* the last receiver: the only thread of its side */

/* The steps of who closes: 0 idle; then publish, claim, call. */
byte tx_drop, rx_drop, shut;
byte tx_k, rx_k, shut_k;

#define N(s, pc) at[(s) * PCS + (pc)]
#define MIN(a, b) ((a) < (b) -> (a) : (b))

#define COPIES(what) ((slot[0] == what) + (slot[1] == what) + (slot[2] == what))
#define IN_COPIES(what) \
	((n > 0 && slot[0] == what) + (n > 1 && slot[1] == what) + (n > 2 && slot[2] == what))
#define COPYING(s, what) ((s) == PROD -> IN_COPIES(what) : COPIES(what) - IN_COPIES(what))

#define WAITERS(s)                                                                                       \
	(N(s, FRESH) + N(s, STALE) + N(s, FENCED) + N(s, BUSY_FRESH) + N(s, BUSY_STALE) + N(s, LIE) + N(s, ASLEEP) +    \
	 N(s, RETURN) + N(s, LEAVE) + COPYING(s, COPY_ENTERED))

/* What an attempt finds: room or a value; full or empty; closed; a slot that somebody copies. */
#define CAN_PUSH (!closed && n < CAP && slot[n] == FREE)
#define CAN_POP (!rx_shut && !discarding && n > 0 && slot[0] == HELD)
#define CAN(s) ((s) == PROD -> CAN_PUSH : CAN_POP)
#define BLOCKED(s) \
	((s) == PROD -> !closed && n == CAP : !rx_shut && !discarding && n == 0 && !tx_gone)
#define SHUT(s) ((s) == PROD -> closed : rx_shut || (n == 0 && (tx_gone || discarding)))
#define IN_USE(s) \
	((s) == PROD -> !closed && n < CAP && slot[n] > FREE : !rx_shut && n > 0 && slot[0] > HELD)

#define QUIET                                                                                            \
	(N(PROD, REST) + N(PROD, ASLEEP) == tx_threads && N(CONS, REST) + N(CONS, ASLEEP) == rx_threads && \
	 (tx_drop == 0 || tx_drop == 3) && (rx_drop == 0 || rx_drop == 3) && (shut == 0 || shut == 6) && \
	 (!discarding || N(CONS, ASLEEP) == 1) && COPIES(STORED) == 0)

inline go(s, from, to)
{
	N(s, from)--;
	N(s, to)++
}

/* Claims a slot for the copy of a thread in the phase `who`. */
inline begin_copy(s, who)
{
	if
	:: (s) == PROD ->
		slot[n] = who;
		n++;
		moved(PROD)
	:: else ->
		slot[0] = who;
		rotate();
		n--;
		moved(CONS)
	fi
}

/* The index of a side has moved: who has seen a busy slot there looks again. */
inline moved(s)
{
	N(s, FRESH) = N(s, FRESH) + N(s, BUSY_FRESH);
	N(s, BUSY_FRESH) = 0;
	N(s, STALE) = N(s, STALE) + N(s, BUSY_STALE);
	N(s, BUSY_STALE) = 0;
#ifdef STALE_PASS_ON
	N(s, OLD_INDEX) = N(s, OLD_INDEX) + N(s, CAN_PASS);
	N(s, CAN_PASS) = 0
#endif
}

inline rotate()
{
	k = slot[0];
#if CAP > 1
	slot[0] = slot[1];
#endif
#if CAP > 2
	slot[1] = slot[2];
#endif
	slot[CAP - 1] = k
}

#define STAMPED(s) ((s) == PROD -> HELD : FREE)

/* The copy in slot i is done, and its stamp set. Who leaves the park next empties its buffer there. */
inline end_copy(s, i)
{
	if
#ifdef LIGHT
	:: slot[i] == COPY_REST -> slot[i] = STORED_TELL
	:: slot[i] == COPY_ENTERED -> N(s, LEAVE)++; slot[i] = STAMPED(s)
	:: slot[i] == COPY_WOKEN -> slot[i] = STORED_TELL_S
#else
	:: slot[i] == COPY_REST -> N(s, TELL)++; slot[i] = STAMPED(s)
	:: slot[i] == COPY_ENTERED -> N(s, LEAVE)++; slot[i] = STAMPED(s)
	:: slot[i] == COPY_WOKEN -> N(s, TELL_SLEPT)++; slot[i] = STAMPED(s)
#endif
	fi
}

/* The buffer reaches the others. */
inline flush(s, i)
{
	if
	:: slot[i] == STORED_TELL -> N(s, TELL)++
	:: slot[i] == STORED_TELL_S -> N(s, TELL_SLEPT)++
	:: slot[i] == STORED
	fi;
	slot[i] = STAMPED(s)
}

/* The thread looks for waiters before that, and finds none: it goes on. */
inline tell_early(s, i)
{
	if
	:: slot[i] == STORED_TELL || TELL_SLEPT == TELL -> N(s, REST)++
	:: slot[i] == STORED_TELL_S && TELL_SLEPT != TELL -> N(s, CAN_PASS)++
	fi;
	slot[i] = STORED
}

#ifdef NO_OWN_BARRIER
#define NO_WAITERS(s) (WAITERS(s) == claimed[s] || claimed[s] > 0)
#else
#define NO_WAITERS(s) (WAITERS(s) == claimed[s])
#endif

inline flush_one(i)
{
	if
	:: slot[i] >= STORED_TELL && i < n -> flush(PROD, i)
	:: slot[i] >= STORED_TELL && i >= n -> flush(CONS, i)
	:: else
	fi
}

/* chani_barrier_heavy. */
inline flush_all()
{
	flush_one(0);
	flush_one(1);
	flush_one(2)
}

#ifdef LIGHT
#ifdef NO_BARRIER
#define STEPS_LIGHT(s) \
	:: d_step { N(s, BUSY_FRESH) > 0 -> go(s, BUSY_FRESH, LIE); done() }
#else
#define STEPS_LIGHT(s)                                                                                   \
	:: d_step { N(s, BUSY_FRESH) > 0 -> go(s, BUSY_FRESH, FENCED); flush_all(); done() }             \
	:: d_step { N(s, BUSY_STALE) > 0 -> go(s, BUSY_STALE, STALE); flush_all(); done() }              \
	:: d_step { N(s, FENCED) > 0 && CAN(s) -> N(s, FENCED)--; begin_copy(s, COPY_ENTERED); done() }  \
	:: d_step { N(s, FENCED) > 0 && (BLOCKED(s) || IN_USE(s)) -> go(s, FENCED, LIE); done() }        \
	:: d_step { N(s, FENCED) > 0 && SHUT(s) -> go(s, FENCED, RETURN); done() }
#endif
#define STEPS_STORED(i)                                                                                  \
	:: d_step { slot[i] >= STORED_TELL -> flush_one(i); done() }                                     \
	:: d_step { (slot[i] == STORED_TELL || slot[i] == STORED_TELL_S) && i < n && NO_WAITERS(CONS) -> \
		tell_early(PROD, i); done() }                                                            \
	:: d_step { (slot[i] == STORED_TELL || slot[i] == STORED_TELL_S) && i >= n && NO_WAITERS(PROD) -> \
		tell_early(CONS, i); done() }
#else
#define STEPS_LIGHT(s) \
	:: d_step { N(s, BUSY_FRESH) > 0 -> go(s, BUSY_FRESH, LIE); done() }
#endif

/* wake_waiters: claims k waiters in the park of s, as in park.pml, and changes the epoch. */
inline claim(s, most)
{
	k = WAITERS(s) - claimed[s];
	if
	:: most == 255
	:: most < 255 && claimed[s] == 0 -> k = MIN(k, 1)
	:: most < 255 && claimed[s] > 0 -> k = 0
	fi;
	if
	:: k > 0 ->
		claimed[s] = claimed[s] + k;
#ifndef NO_EPOCH
		N(s, STALE) = N(s, STALE) + N(s, FRESH) + N(s, FENCED);
		N(s, FRESH) = 0;
		N(s, FENCED) = 0;
		N(s, BUSY_STALE) = N(s, BUSY_STALE) + N(s, BUSY_FRESH);
		N(s, BUSY_FRESH) = 0;
		N(s, RETURN) = N(s, RETURN) + N(s, LIE);
		N(s, LIE) = 0
#endif
	:: else
	fi
}

/* The call of the futex. */
inline wake(s, most)
{
	k = MIN(N(s, ASLEEP), most);
	N(s, ASLEEP) = N(s, ASLEEP) - k;
	N(s, RETURN) = N(s, RETURN) + k
}

inline park_leave(s)
{
	if
	:: claimed[s] > 0 -> claimed[s]--
	:: else
	fi
}

inline done()
{
	k = 0;
	assert(n <= CAP);
	assert(!QUIET || N(PROD, ASLEEP) == 0 || !(closed || n < CAP));
	assert(!QUIET || N(CONS, ASLEEP) == 0 || !(tx_gone || rx_shut || discarding || n > 0));
	assert(!QUIET || claimed[PROD] + claimed[CONS] == 0)
}

/* The steps of the threads of side s; o is the other side. */
#define STEPS(s, o)                                                                                      \
	:: d_step { N(s, REST) > 0 && CAN(s) -> N(s, REST)--; begin_copy(s, COPY_REST); done() }         \
	/* any failed attempt; a try gives up instead */                                                 \
	:: d_step { N(s, REST) > 0 -> go(s, REST, ENTER); done() }                                       \
	:: d_step { N(s, ENTER) > 0 -> go(s, ENTER, AFTER_ENTER); done() }                               \
	:: d_step { N(s, FRESH) > 0 && CAN(s) -> N(s, FRESH)--; begin_copy(s, COPY_ENTERED); done() }    \
	:: d_step { N(s, STALE) > 0 && CAN(s) -> N(s, STALE)--; begin_copy(s, COPY_ENTERED); done() }    \
	:: d_step { N(s, FRESH) > 0 && BLOCKED(s) -> go(s, FRESH, LIE); done() }                         \
	:: d_step { N(s, STALE) > 0 && BLOCKED(s) -> go(s, STALE, RETURN); done() }                      \
	:: d_step { N(s, FRESH) > 0 && IN_USE(s) -> go(s, FRESH, BUSY_FRESH); done() }                   \
	:: d_step { N(s, STALE) > 0 && IN_USE(s) -> go(s, STALE, BUSY_STALE); done() }                   \
	STEPS_LIGHT(s)                                                                                   \
	:: d_step { N(s, BUSY_STALE) > 0 -> go(s, BUSY_STALE, RETURN); done() }                          \
	/* a try, which came here because a slot was in use: wait_return */                              \
	:: d_step { N(s, FRESH) > 0 && BLOCKED(s) -> go(s, FRESH, RETURN); done() }                      \
	/* closed: leaves, and the next attempt says the same */                                         \
	:: d_step { N(s, FRESH) > 0 && SHUT(s) -> go(s, FRESH, RETURN); done() }                         \
	:: d_step { N(s, STALE) > 0 && SHUT(s) -> go(s, STALE, RETURN); done() }                         \
	:: d_step { N(s, LIE) > 0 -> go(s, LIE, ASLEEP); done() }                                        \
	/* the deadline, or an interruption */                                                           \
	:: d_step { N(s, ASLEEP) > 0 -> go(s, ASLEEP, RETURN); done() }                                  \
	:: d_step { N(s, RETURN) > 0 && CAN(s) -> N(s, RETURN)--; begin_copy(s, COPY_ENTERED); done() }  \
	/* found nothing for a while: park_enter_again */                                                \
	:: d_step { N(s, RETURN) > 0 -> park_leave(s); go(s, RETURN, AFTER_ENTER); done() }              \
	/* the time is over, or closed */                                                                \
	:: d_step { N(s, RETURN) > 0 -> park_leave(s); go(s, RETURN, WOKEN); done() }                    \
	:: d_step { N(s, WOKEN) > 0 && CAN(s) -> N(s, WOKEN)--; begin_copy(s, COPY_WOKEN); done() }      \
	:: d_step { N(s, WOKEN) > 0 && !discarding && (BLOCKED(s) || SHUT(s)) -> go(s, WOKEN, REST); done() } \
	:: d_step { N(s, WOKEN) > 0 && !SHUT(s) -> go(s, WOKEN, ENTER); done() }                         \
	:: d_step { N(s, LEAVE) > 0 -> park_leave(s); go(s, LEAVE, TELL_SLEPT); done() }                 \
	:: d_step { N(s, TELL) > 0 -> claim(o, 1);                                                       \
		if :: k > 0 -> go(s, TELL, CALL) :: else -> go(s, TELL, REST) fi; done() }               \
	:: d_step { N(s, CALL) > 0 -> wake(o, 1); go(s, CALL, REST); done() }                            \
	:: d_step { N(s, TELL_S) > 0 -> claim(o, 1);                                                     \
		if :: k > 0 -> go(s, TELL_S, CALL_S) :: else -> go(s, TELL_S, CAN_PASS) fi; done() }     \
	:: d_step { N(s, CALL_S) > 0 -> wake(o, 1); go(s, CALL_S, CAN_PASS); done() }                    \
	:: d_step { N(s, CAN_PASS) > 0 ->                                                                \
		if :: CAN(s) -> go(s, CAN_PASS, PASS_ON) :: else -> go(s, CAN_PASS, REST) fi; done() }   \
	:: d_step { N(s, OLD_INDEX) > 0 -> go(s, OLD_INDEX, REST); done() }                              \
	:: d_step { N(s, PASS_ON) > 0 -> claim(s, 1);                                                    \
		if :: k > 0 -> go(s, PASS_ON, PASS_CALL) :: else -> go(s, PASS_ON, REST) fi; done() }    \
	:: d_step { N(s, PASS_CALL) > 0 -> wake(s, 1); go(s, PASS_CALL, REST); done() }

#define END_COPIES(i)                                                                                    \
	:: d_step { slot[i] > HELD && slot[i] < STORED_TELL && i < n -> end_copy(PROD, i); done() }      \
	:: d_step { slot[i] > HELD && slot[i] < STORED_TELL && i >= n -> end_copy(CONS, i); done() }

active proctype threads()
{
	byte k;
	byte tx_threads = S;
	byte rx_threads = R;

	N(PROD, REST) = S;
	N(CONS, REST) = R;
end:	do
	STEPS(PROD, CONS)
	STEPS(CONS, PROD)
	END_COPIES(0)
#if CAP > 1
	END_COPIES(1)
#endif
#if CAP > 2
	END_COPIES(2)
#endif
#ifdef LIGHT
	STEPS_STORED(0)
#if CAP > 1
	STEPS_STORED(1)
#endif
#if CAP > 2
	STEPS_STORED(2)
#endif
#endif

	/* chan_tx_drop of the last sender */
	:: d_step { tx_drop == 0 && N(PROD, REST) == S ->
		N(PROD, REST) = 0; tx_threads = 0; tx_gone = 1; tx_drop = 1; done() }
	:: d_step { tx_drop == 1 -> claim(CONS, EVERYBODY); tx_k = k; tx_drop = 2; done() }
	:: d_step { tx_drop == 2 -> wake(CONS, tx_k); tx_k = 0; tx_drop = 3; done() }

	/* chan_rx_drop of the last receiver; discard_queued: */
	:: d_step { rx_drop == 0 && !rx_shut && N(CONS, REST) == R ->
		N(CONS, REST) = 0; rx_threads = 0; closed = 1; rx_drop = 1; done() }
#ifdef NO_SHUT_WAKE
	:: d_step { rx_drop == 1 -> rx_drop = 3; done() }
#else
	:: d_step { rx_drop == 1 -> claim(PROD, EVERYBODY); rx_k = k; rx_drop = 2; done() }
	:: d_step { rx_drop == 2 -> wake(PROD, rx_k); rx_k = 0; rx_drop = 3;
		rx_threads = 1; discarding = 1; N(CONS, REST) = 1; done() }
#endif
	:: d_step { discarding && n > 0 && slot[0] == HELD &&
			N(CONS, REST) + N(CONS, FRESH) + N(CONS, STALE) + N(CONS, RETURN) + N(CONS, WOKEN) == 1 ->
		slot[0] = FREE; rotate(); n--; moved(CONS); done() }
	:: d_step { discarding && n == 0 && N(CONS, REST) + N(CONS, WOKEN) == 1 ->
		N(CONS, REST) = 0; N(CONS, WOKEN) = 0; rx_threads = 0; discarding = 0; done() }

#ifdef SHUTDOWN
	/* chan_rx_shutdown */
	:: d_step { shut == 0 && rx_drop == 0 -> rx_shut = 1; shut = 1; done() }
	:: d_step { shut == 1 -> closed = 1; shut = 2; done() }
	:: d_step { shut == 2 -> claim(CONS, EVERYBODY); shut_k = k; shut = 3; done() }
	:: d_step { shut == 3 -> wake(CONS, shut_k); shut_k = 0; shut = 4; done() }
	:: d_step { shut == 4 -> claim(PROD, EVERYBODY); shut_k = k; shut = 5; done() }
	:: d_step { shut == 5 -> wake(PROD, shut_k); shut_k = 0; shut = 6; done() }
#endif
	od
}
