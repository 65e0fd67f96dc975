/*
 * park.pml - the park of lib/chan/park.c: no wake-up is lost.
 *
 * P producers and C consumers share a counter of at most CAP items and wait in two parks. All
 * producers are alike, and so are all consumers; the state is therefore not "who is where" but "how
 * many are at each step" (at[]), which is exact and far smaller. Every option of the loop is one
 * atomic step of one thread.
 *
 * The word {epoch, waiters, claimed}: waiters (a sum over at[]) and claimed are what they are in
 * the code; the epoch is "it has changed since I entered" (the pc STALE), so that runs need not end.
 * 2^32 claims between an entry and the sleep after it are left out. chani_park_notify and
 * wake_waiters are one step: the first load only saves the rest when there is no waiter, which
 * the compare-and-exchange would find as well. The wake-up call is a later step of its own.
 *
 * Any thread may rest for ever between two operations, any sleep may time out or be interrupted at
 * any time. Checked, whenever all threads rest or sleep and no wake-up is on its way: no sleeper's
 * attempt would succeed, no claim is left. Checked in every state: claimed <= returning +
 * min(calls, sleeping), the invariant of DESIGN in park.c.
 *
 * Parameters: P, C, CAP; BATCH=2: also batches of two; CLOSE: somebody closes.
 * Mutants: NO_RECHECK NO_BARRIER SINGLE_CLOSE NO_EPOCH NO_PASS TIMEOUT_GIVES_UP LEAVE_KEEPS_CLAIM
 */
#ifndef P
#define P 4
#endif
#ifndef C
#define C 4
#endif
#ifndef CAP
#define CAP 1
#endif
#ifndef BATCH
#define BATCH 1
#endif

/* Where a thread can be, and what it does next. */
#define REST 0   /* nothing, or an operation: first attempt, the spinning phase of chani_wait_again */
#define ENTER 1  /* park_enter */
#define FRESH 2  /* entered, the epoch is the ticket: attempt of CHANI_ENTERED */
#define STALE 3  /* entered, the epoch has changed: the same */
#define LIE 4    /* the attempt failed: wait_sleep; it will return at once when the epoch changes */
#define ASLEEP 5 /* in the futex */
#define RETURN 6 /* back from the futex: attempts of CHANI_SEARCHING, in the park */
#define WOKEN 7  /* left it because the time is over: one more attempt */
#define LEAVE 8  /* success while entered: park_leave of chani_wait_leave */
#define TELL 9   /* success: chani_park_notify of the other side */
#define CALL 10  /* the wake-up call of wake_waiters */
#define TELL_2 11 /* BATCH: TELL of two */
#define TELL_S 12 /* TELL and CALL of a thread that was in the park, then pass_on: */
#define CALL_S 13
#define CAN_PASS 14 /* can_move */
#define PASS_ON 15  /* chani_park_notify of the own side */
#define PASS_CALL 16
#define PCS 17

#ifdef NO_PASS
#define TELL_SLEPT TELL
#else
#define TELL_SLEPT TELL_S
#endif

#ifdef NO_RECHECK
#define AFTER_ENTER LIE
#else
#define AFTER_ENTER FRESH
#endif

#define PROD 0 /* waits in the park not_full */
#define CONS 1 /* waits in the park not_empty */

byte at[34];
byte claimed[2];
byte calls[2]; /* wake-ups on their way to the system, by park: for the invariant */
byte items;
#ifdef NO_BARRIER
byte buffered[2]; /* what a side did and only that side sees yet: its store buffers */
#define ITEMS (items - buffered[PROD])
#define ROOM (CAP - items - buffered[CONS])
#define FLUSHED (buffered[PROD] + buffered[CONS] == 0)
#else
#define ITEMS items
#define ROOM (CAP - items)
#define FLUSHED true
#endif
#ifdef CLOSE
byte closing; /* 0 open, then the steps of who closes, 5 done */
byte close_k;
#define CLOSED (closing > 0)
#define CLOSER_RESTS (closing == 0 || closing == 5)
#else
#define CLOSED false
#define CLOSER_RESTS true
#endif

#define N(s, pc) at[(s) * PCS + (pc)]
#define RETURNING(s) (N(s, STALE) + N(s, RETURN) + N(s, LEAVE))
#define WAITERS(s) (N(s, FRESH) + N(s, LIE) + N(s, ASLEEP) + RETURNING(s))
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define CAN_N(s, n) (((s) == PROD -> ROOM : ITEMS) >= (n))
#define CAN(s) CAN_N(s, 1)
#define QUIET \
	(N(PROD, REST) + N(PROD, ASLEEP) == P && N(CONS, REST) + N(CONS, ASLEEP) == C && CLOSER_RESTS && FLUSHED)

inline go(s, from, to)
{
	N(s, from)--;
	N(s, to)++
}

/* What a successful attempt does to the counter. */
inline take(s, n)
{
	if
	:: (s) == PROD -> items = items + (n)
	:: else -> items = items - (n)
	fi;
#ifdef NO_BARRIER
	buffered[s] = buffered[s] + (n)
#endif
}

/*
 * wake_waiters for n events: claims k waiters in the park of s, all if everybody is to wake, else one
 * if none is claimed yet, and changes the epoch: who entered before and lies down now comes back at
 * once.
 */
inline claim(s, n)
{
	k = WAITERS(s) - claimed[s];
	if
	:: n == 255
	:: n < 255 && claimed[s] == 0 -> k = MIN(k, 1)
	:: n < 255 && claimed[s] > 0 -> k = 0
	fi;
	if
	:: k > 0 ->
		claimed[s] = claimed[s] + k;
		calls[s] = calls[s] + k;
#ifndef NO_EPOCH
		N(s, STALE) = N(s, STALE) + N(s, FRESH);
		N(s, FRESH) = 0;
		N(s, RETURN) = N(s, RETURN) + N(s, LIE);
		N(s, LIE) = 0
#endif
	:: else
	fi
}

/* The call of the futex: wakes n of those asleep. */
inline wake(s, n)
{
	calls[s] = calls[s] - (n);
	k = MIN(N(s, ASLEEP), n);
	N(s, ASLEEP) = N(s, ASLEEP) - k;
	N(s, RETURN) = N(s, RETURN) + k
}

inline park_leave(s)
{
	if
#ifndef LEAVE_KEEPS_CLAIM
	:: claimed[s] > 0 -> claimed[s]--
#endif
	:: else
	fi
}

inline check(s)
{
	assert(claimed[s] <= RETURNING(s) + MIN(calls[s], N(s, ASLEEP)));
	assert(!QUIET || N(s, ASLEEP) == 0 || !(CAN(s) || CLOSED));
	assert(!QUIET || claimed[s] == 0)
}

inline done()
{
	k = 0;
	check(PROD);
	check(CONS)
}

/* The steps of the threads of side s; o is the other side. */
#define STEPS(s, o)                                                                                     \
	/* an operation that need not wait */                                                           \
	:: d_step { N(s, REST) > 0 && !CLOSED && CAN(s) -> take(s, 1); go(s, REST, TELL); done() }      \
	/* one that must */                                                                             \
	:: d_step { N(s, REST) > 0 && !CLOSED && !CAN(s) -> go(s, REST, ENTER); done() }                \
	:: d_step { N(s, ENTER) > 0 -> go(s, ENTER, AFTER_ENTER); done() }                              \
	:: d_step { N(s, FRESH) > 0 && !CLOSED && CAN(s) -> take(s, 1); go(s, FRESH, LEAVE); done() }   \
	:: d_step { N(s, STALE) > 0 && !CLOSED && CAN(s) -> take(s, 1); go(s, STALE, LEAVE); done() }   \
	:: d_step { N(s, FRESH) > 0 && !CLOSED && !CAN(s) -> go(s, FRESH, LIE); done() }                \
	:: d_step { N(s, STALE) > 0 && !CLOSED && !CAN(s) -> go(s, STALE, RETURN); done() }             \
	/* closed: the operation ends after the leave */                                                \
	:: d_step { N(s, FRESH) > 0 && CLOSED -> go(s, FRESH, RETURN); done() }                         \
	:: d_step { N(s, STALE) > 0 && CLOSED -> go(s, STALE, RETURN); done() }                         \
	:: d_step { N(s, LIE) > 0 -> go(s, LIE, ASLEEP); done() }                                       \
	/* the deadline, or an interruption */                                                          \
	:: d_step { N(s, ASLEEP) > 0 -> go(s, ASLEEP, RETURN); done() }                                 \
	:: d_step { N(s, RETURN) > 0 && !CLOSED && CAN(s) -> take(s, 1); go(s, RETURN, LEAVE); done() } \
	/* found nothing for a while: park_enter_again */                                               \
	:: d_step { N(s, RETURN) > 0 -> park_leave(s); go(s, RETURN, AFTER_ENTER); done() }             \
	/* the time is over, or closed */                                                               \
	:: d_step { N(s, RETURN) > 0 -> park_leave(s); go(s, RETURN, AFTER_RETURN); done() }            \
	:: d_step { N(s, WOKEN) > 0 && !CLOSED && CAN(s) -> take(s, 1); go(s, WOKEN, TELL_SLEPT); done() } \
	/* the time is over, or it enters again */                                                      \
	:: d_step { N(s, WOKEN) > 0 && (CLOSED || !CAN(s)) -> go(s, WOKEN, REST); done() }              \
	:: d_step { N(s, WOKEN) > 0 && !CLOSED && !CAN(s) -> go(s, WOKEN, ENTER); done() }              \
	:: d_step { N(s, LEAVE) > 0 -> park_leave(s); go(s, LEAVE, TELL_SLEPT); done() }                \
	:: d_step { N(s, TELL) > 0 -> claim(o, 1);                                                      \
		if :: k > 0 -> go(s, TELL, CALL) :: else -> go(s, TELL, REST) fi; done() }              \
	:: d_step { N(s, CALL) > 0 -> wake(o, 1); go(s, CALL, REST); done() }

/* send_many and recv_many of two values that need not wait. */
#define STEPS_BATCH(s, o)                                                                               \
	:: d_step { N(s, REST) > 0 && !CLOSED && CAN_N(s, 2) -> take(s, 2); go(s, REST, TELL_2); done() } \
	:: d_step { N(s, TELL_2) > 0 -> claim(o, 2);                                                    \
		if :: k > 0 -> go(s, TELL_2, CALL) :: else -> go(s, TELL_2, REST) fi; done() }

/* The end of send_some and recv_some after a sleep. */
#define STEPS_PASS(s, o)                                                                                \
	:: d_step { N(s, TELL_S) > 0 -> claim(o, 1);                                                    \
		if :: k > 0 -> go(s, TELL_S, CALL_S) :: else -> go(s, TELL_S, CAN_PASS) fi; done() }    \
	:: d_step { N(s, CALL_S) > 0 -> wake(o, 1); go(s, CALL_S, CAN_PASS); done() }                   \
	:: d_step { N(s, CAN_PASS) > 0 ->                                                               \
		if :: CAN(s) -> go(s, CAN_PASS, PASS_ON) :: else -> go(s, CAN_PASS, REST) fi; done() }  \
	:: d_step { N(s, PASS_ON) > 0 -> claim(s, 1);                                                   \
		if :: k > 0 -> go(s, PASS_ON, PASS_CALL) :: else -> go(s, PASS_ON, REST) fi; done() }   \
	:: d_step { N(s, PASS_CALL) > 0 -> wake(s, 1); go(s, PASS_CALL, REST); done() }

#ifdef TIMEOUT_GIVES_UP
#define AFTER_RETURN REST
#else
#define AFTER_RETURN WOKEN
#endif

#ifdef SINGLE_CLOSE
#define EVERYBODY 1
#else
#define EVERYBODY 255
#endif

active proctype threads()
{
	byte k;

	N(PROD, REST) = P;
	N(CONS, REST) = C;
end:	do
	STEPS(PROD, CONS)
	STEPS(CONS, PROD)
#if BATCH > 1
	STEPS_BATCH(PROD, CONS)
	STEPS_BATCH(CONS, PROD)
#endif
#ifndef NO_PASS
	STEPS_PASS(PROD, CONS)
	STEPS_PASS(CONS, PROD)
#endif
#ifdef NO_BARRIER
	:: d_step { buffered[PROD] > 0 -> buffered[PROD]--; done() }
	:: d_step { buffered[CONS] > 0 -> buffered[CONS]--; done() }
#endif
#ifdef CLOSE
	/* chan_rx_shutdown: publish, then notify everybody on both sides. */
	:: d_step { closing == 0 -> closing = 1; done() }
	:: d_step { closing == 1 -> claim(CONS, EVERYBODY); close_k = k; closing = 2; done() }
	:: d_step { closing == 2 -> wake(CONS, close_k); close_k = 0; closing = 3; done() }
	:: d_step { closing == 3 -> claim(PROD, EVERYBODY); close_k = k; closing = 4; done() }
	:: d_step { closing == 4 -> wake(PROD, close_k); close_k = 0; closing = 5; done() }
#endif
	od
}
