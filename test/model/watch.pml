/*
 * watch.pml - waiters and watchers in one park: receivers that sleep in it (transfer.c) and selects
 * that watch it (select.c) on one ring; no wake-up is lost between them.
 *
 * S senders that never wait, R receivers, W selects with this channel among their cases; any number of
 * operations each. A state is how many threads are at each step, as in transfer.pml, which has the
 * steps of the receivers and the reasons. What comes to a select from its other cases is a wake-up or a
 * deadline at any time. An event goes to a sleeping waiter first (wake_waiters), and only if there is
 * none to a watcher (notify_watchers), which has left the list then.
 *
 * Checked, whenever all threads rest or sleep and nothing is on its way: neither a sleeping receiver
 * nor a sleeping select would find anything.
 *
 * LIGHT: stamps of senders are stored lightly, as in transfer.pml. A select that is told CHANI_BUSY, or only
 * asks, calls the heavy barrier and sweeps again before it waits.
 *
 * Mutants: QUITS_AT_ONCE (a try that waited for a slot in use leaves the park without another attempt:
 * chani_wait_leave, and takes a claim along) NO_PASS_ON (receivers) NO_WATCH_PASS (selects)
 * NO_SWEEP (after watching); with LIGHT NO_BARRIER (of receivers) NO_WATCH_BARRIER (of selects)
 */
#ifndef S
#define S 2
#endif
#ifndef R
#define R 2
#endif
#ifndef W
#define W 2
#endif
#ifndef CAP
#define CAP 2
#endif

/* Senders. */
#define P_REST 0
#define P_TELL 1 /* chani_park_notify(not_empty, 1): wake_waiters */
#define P_CALL 2 /* the call of the futex */
#define P_HAND 3 /* notify_watchers */
byte p[4];

/* Receivers, as in transfer.pml. */
#define REST 0
#define ENTER 1
#define FRESH 2
#define STALE 3
#define BUSY_FRESH 4
#define BUSY_STALE 5
#define LIE 6
#define ASLEEP 7
#define RETURN 8
#define WOKEN 9
#define LEAVE 10
#define QUIT 11 /* a try, entered, that found nothing: wait_return */
#define CAN_PASS 12
#define PASS_ON 13
#define PASS_CALL 14
#define PASS_HAND 15
#define FENCED 16 /* LIGHT: FRESH after the barrier */
byte r[17];

/* Selects. L: in the list, T: taken out by a notifier. */
#define W_REST 0
#define W_SWEEP_L 1 /* sleep_once: watch is done, sweep */
#define W_SWEEP_T 2
#define W_AWAIT_L 3 /* chani_waiter_wait */
#define W_OUT_L 4   /* unwatch */
#define W_OUT_T 5
#define W_AGAIN 6   /* sweep after the sleep; not notified */
#define W_AGAIN_N 7 /* notified */
#define W_DONE_L 8  /* received: unwatch */
#define W_DONE_T 9
#define W_PASS 10   /* pass_on of one that was notified: can_pop */
#define W_PASS_ON 11
#define W_PASS_CALL 12
#define W_PASS_HAND 13
#define W_FENCED_L 14 /* LIGHT: W_SWEEP_L after the barrier */
byte w[15];

/* Slots from the head on, n before the tail. Whose copy it is. */
#define FREE 0
#define HELD 1
#define BY_SENDER 2
#define BY_REST 3 /* receivers in the spinning phase, entered, woken */
#define BY_ENTERED 4
#define BY_WOKEN 5
#define BY_L 6    /* selects: in the list, taken out, after unwatch: not notified, notified */
#define BY_T 7
#define BY_AGAIN 8
#define BY_AGAIN_N 9
/* LIGHT: held, and the stamp in a store buffer, of a sender at P_TELL or beyond. */
#define STORED_TELL 10
#define STORED 11
byte slot[4];
byte n;
byte claimed;
bit tx_gone;
byte closing; /* of chan_tx_drop: 0, claim, call, watchers, 4 done */
byte close_k;

#define OUT_COPIES(what) ((slot[0] == what) + (slot[1] == what) + (slot[2] == what))
#define WAITERS \
	(r[FRESH] + r[STALE] + r[FENCED] + r[BUSY_FRESH] + r[BUSY_STALE] + r[LIE] + r[ASLEEP] + r[RETURN] + r[LEAVE] + \
	 r[QUIT] + OUT_COPIES(BY_ENTERED))
#define LISTED (w[W_SWEEP_L] + w[W_FENCED_L] + w[W_AWAIT_L] + w[W_OUT_L] + w[W_DONE_L] + OUT_COPIES(BY_L))
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define CAN_POP (n > 0 && slot[0] == HELD)
#define IN_USE (n > 0 && slot[0] != HELD)
#define BLOCKED (n == 0 && !tx_gone)
#define SHUT (n == 0 && tx_gone)
#define QUIET \
	((p[P_REST] == S || tx_gone) && r[REST] + r[ASLEEP] == R && w[W_REST] + w[W_AWAIT_L] == W && \
	 (closing == 0 || closing == 4) && OUT_COPIES(STORED) == 0)

#define go(array, from, to) array[from]--; array[to]++

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

/* Claims the value at the head. */
inline pop(who)
{
	slot[0] = who;
	rotate();
	n--;
	r[FRESH] = r[FRESH] + r[BUSY_FRESH];
	r[BUSY_FRESH] = 0;
	r[STALE] = r[STALE] + r[BUSY_STALE];
	r[BUSY_STALE] = 0
}

/* wake_waiters up to the call, as in park.pml; k is how many it claimed. */
inline claim(most)
{
	k = WAITERS - claimed;
	if
	:: most == 255
	:: most < 255 && claimed == 0 -> k = MIN(k, 1)
	:: most < 255 && claimed > 0 -> k = 0
	fi;
	if
	:: k > 0 ->
		claimed = claimed + k;
		r[STALE] = r[STALE] + r[FRESH] + r[FENCED];
		r[FRESH] = 0;
		r[FENCED] = 0;
		r[BUSY_STALE] = r[BUSY_STALE] + r[BUSY_FRESH];
		r[BUSY_FRESH] = 0;
		r[RETURN] = r[RETURN] + r[LIE];
		r[LIE] = 0
	:: else
	fi
}

/*
 * A notification of n = 1 by a thread at the step `tell`. It is for a waiter that is not claimed, if
 * there is one; the one that is claimed will pass it on.
 */
#define tell(array, from, call, hand, over)                                                              \
	claim(1);                                                                                        \
	if                                                                                               \
	:: k > 0 -> go(array, from, call)                                                                \
	:: k == 0 && WAITERS == claimed && LISTED > 0 -> go(array, from, hand)                           \
	:: k == 0 && (WAITERS > claimed || LISTED == 0) -> go(array, from, over)                         \
	fi

#ifdef LIGHT
#define SENT_ONE(i) slot[i] = STORED_TELL
#define STEPS_STORED(i)                                                                                  \
	:: d_step { slot[i] >= STORED_TELL -> flush_one(i); done() }                                     \
	:: d_step { slot[i] == STORED_TELL && WAITERS == claimed && LISTED == 0 ->                       \
		slot[i] = STORED; p[P_REST]++; done() }
#else
#define SENT_ONE(i) slot[i] = HELD; p[P_TELL]++
#endif

inline flush_one(i)
{
	if
	:: slot[i] == STORED_TELL -> slot[i] = HELD; p[P_TELL]++
	:: slot[i] == STORED -> slot[i] = HELD
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

inline wake(most)
{
	k = MIN(r[ASLEEP], most);
	r[ASLEEP] = r[ASLEEP] - k;
	r[RETURN] = r[RETURN] + k
}

inline park_leave()
{
	if
	:: claimed > 0 -> claimed--
	:: else
	fi
}

inline done()
{
	k = 0;
	assert(!QUIET || (r[ASLEEP] == 0 && w[W_AWAIT_L] == 0) || !(n > 0 || tx_gone))
}

/* notify_watchers with n = 1: any one of the list, or none if it has gone meanwhile. */
#define HAND(array, from, over)                                                                          \
	:: d_step { array[from] > 0 && LISTED == 0 -> go(array, from, over); done() }                    \
	:: d_step { array[from] > 0 && w[W_SWEEP_L] > 0 -> go(w, W_SWEEP_L, W_SWEEP_T); go(array, from, over); done() } \
	:: d_step { array[from] > 0 && w[W_FENCED_L] > 0 -> go(w, W_FENCED_L, W_SWEEP_T); go(array, from, over); done() } \
	:: d_step { array[from] > 0 && w[W_AWAIT_L] > 0 -> go(w, W_AWAIT_L, W_OUT_T); go(array, from, over); done() } \
	:: d_step { array[from] > 0 && w[W_OUT_L] > 0 -> go(w, W_OUT_L, W_OUT_T); go(array, from, over); done() } \
	:: d_step { array[from] > 0 && w[W_DONE_L] > 0 -> go(w, W_DONE_L, W_DONE_T); go(array, from, over); done() } \
	HAND_COPY(array, from, over, 0) HAND_COPY(array, from, over, 1) HAND_COPY(array, from, over, 2)
#define HAND_COPY(array, from, over, i)                                                                  \
	:: d_step { array[from] > 0 && slot[i] == BY_L -> slot[i] = BY_T; go(array, from, over); done() }

/* The copy in slot i is done. The notification of senders that wait for room is left out. */
#define END_COPY(i)                                                                                      \
	:: d_step { slot[i] == BY_SENDER -> SENT_ONE(i); done() }                                        \
	:: d_step { slot[i] > BY_SENDER && slot[i] < STORED_TELL -> if                                                            \
		:: slot[i] == BY_REST -> r[REST]++                                                       \
		:: slot[i] == BY_ENTERED -> r[LEAVE]++                                                   \
		:: slot[i] == BY_WOKEN -> r[AFTER_SLEPT]++                                               \
		:: slot[i] == BY_L -> w[W_DONE_L]++                                                      \
		:: slot[i] == BY_T -> w[W_DONE_T]++                                                      \
		:: slot[i] == BY_AGAIN -> w[W_REST]++                                                    \
		:: slot[i] == BY_AGAIN_N -> w[AFTER_NOTIFIED]++                                          \
		fi; slot[i] = FREE; done() }

#ifdef NO_PASS_ON
#define AFTER_SLEPT REST
#else
#define AFTER_SLEPT CAN_PASS
#endif
#ifdef NO_WATCH_PASS
#define AFTER_NOTIFIED W_REST
#else
#define AFTER_NOTIFIED W_PASS
#endif
#ifdef QUITS_AT_ONCE
#define AFTER_QUIT REST
#else
#define AFTER_QUIT WOKEN
#endif

active proctype threads()
{
	byte k;

	p[P_REST] = S;
	r[REST] = R;
	w[W_REST] = W;
end:	do
	/* Senders. */
	:: d_step { p[P_REST] > 0 && !tx_gone && n < CAP && slot[n] == FREE ->
		p[P_REST]--; slot[n] = BY_SENDER; n++; done() }
	:: d_step { p[P_TELL] > 0 -> tell(p, P_TELL, P_CALL, P_HAND, P_REST); done() }
	:: d_step { p[P_CALL] > 0 -> wake(1); go(p, P_CALL, P_REST); done() }
	HAND(p, P_HAND, P_REST)

	/* Receivers. */
	:: d_step { r[REST] > 0 && CAN_POP -> r[REST]--; pop(BY_REST); done() }
	:: d_step { r[REST] > 0 -> go(r, REST, ENTER); done() }
	:: d_step { r[ENTER] > 0 -> go(r, ENTER, FRESH); done() }
	:: d_step { r[FRESH] > 0 && CAN_POP -> r[FRESH]--; pop(BY_ENTERED); done() }
	:: d_step { r[STALE] > 0 && CAN_POP -> r[STALE]--; pop(BY_ENTERED); done() }
	:: d_step { r[FRESH] > 0 && BLOCKED -> go(r, FRESH, LIE); done() }
	:: d_step { r[STALE] > 0 && BLOCKED -> go(r, STALE, RETURN); done() }
	:: d_step { r[FRESH] > 0 && IN_USE -> go(r, FRESH, BUSY_FRESH); done() }
	:: d_step { r[STALE] > 0 && IN_USE -> go(r, STALE, BUSY_STALE); done() }
#if defined(LIGHT) && !defined(NO_BARRIER)
	:: d_step { r[BUSY_FRESH] > 0 -> go(r, BUSY_FRESH, FENCED); flush_all(); done() }
	:: d_step { r[BUSY_STALE] > 0 -> go(r, BUSY_STALE, STALE); flush_all(); done() }
	:: d_step { r[FENCED] > 0 && CAN_POP -> r[FENCED]--; pop(BY_ENTERED); done() }
	:: d_step { r[FENCED] > 0 && (BLOCKED || IN_USE) -> go(r, FENCED, LIE); done() }
	:: d_step { r[FENCED] > 0 && SHUT -> go(r, FENCED, RETURN); done() }
#else
	:: d_step { r[BUSY_FRESH] > 0 -> go(r, BUSY_FRESH, LIE); done() }
#endif
	:: d_step { r[BUSY_STALE] > 0 -> go(r, BUSY_STALE, RETURN); done() }
	/* a try, which came here because a slot was in use */
	:: d_step { r[FRESH] > 0 && BLOCKED -> go(r, FRESH, QUIT); done() }
	:: d_step { r[STALE] > 0 && BLOCKED -> go(r, STALE, QUIT); done() }
	:: d_step { r[QUIT] > 0 -> park_leave(); go(r, QUIT, AFTER_QUIT); done() }
	:: d_step { r[FRESH] > 0 && SHUT -> go(r, FRESH, RETURN); done() }
	:: d_step { r[STALE] > 0 && SHUT -> go(r, STALE, RETURN); done() }
	:: d_step { r[LIE] > 0 -> go(r, LIE, ASLEEP); done() }
	:: d_step { r[ASLEEP] > 0 -> go(r, ASLEEP, RETURN); done() }
	:: d_step { r[RETURN] > 0 && CAN_POP -> r[RETURN]--; pop(BY_ENTERED); done() }
	:: d_step { r[RETURN] > 0 -> park_leave(); go(r, RETURN, FRESH); done() }
	:: d_step { r[RETURN] > 0 -> park_leave(); go(r, RETURN, WOKEN); done() }
	:: d_step { r[WOKEN] > 0 && CAN_POP -> r[WOKEN]--; pop(BY_WOKEN); done() }
	:: d_step { r[WOKEN] > 0 && n == 0 -> go(r, WOKEN, REST); done() }
	:: d_step { r[WOKEN] > 0 && !SHUT -> go(r, WOKEN, ENTER); done() }
	:: d_step { r[LEAVE] > 0 -> park_leave(); go(r, LEAVE, AFTER_SLEPT); done() }
	:: d_step { r[CAN_PASS] > 0 -> if :: CAN_POP -> go(r, CAN_PASS, PASS_ON) :: else -> go(r, CAN_PASS, REST) fi; done() }
	:: d_step { r[PASS_ON] > 0 -> tell(r, PASS_ON, PASS_CALL, PASS_HAND, REST); done() }
	:: d_step { r[PASS_CALL] > 0 -> wake(1); go(r, PASS_CALL, REST); done() }
	HAND(r, PASS_HAND, REST)

	/* Selects: sweep, else watch. */
	:: d_step { w[W_REST] > 0 && CAN_POP -> w[W_REST]--; pop(BY_AGAIN); done() }
#ifdef NO_SWEEP
	:: d_step { w[W_REST] > 0 -> go(w, W_REST, W_AWAIT_L); done() }
#else
	:: d_step { w[W_REST] > 0 -> go(w, W_REST, W_SWEEP_L); done() }
#endif
	:: d_step { w[W_SWEEP_L] > 0 && CAN_POP -> w[W_SWEEP_L]--; pop(BY_L); done() }
	:: d_step { w[W_SWEEP_T] > 0 && CAN_POP -> w[W_SWEEP_T]--; pop(BY_T); done() }
	:: d_step { w[W_SWEEP_L] > 0 && SHUT -> go(w, W_SWEEP_L, W_OUT_L); done() }
#if defined(LIGHT) && !defined(NO_WATCH_BARRIER)
	:: d_step { w[W_SWEEP_L] > 0 && BLOCKED -> go(w, W_SWEEP_L, W_AWAIT_L); done() }
	/* told CHANI_BUSY here or by another case, or only asks */
	:: d_step { w[W_SWEEP_L] > 0 && !CAN_POP && !SHUT -> go(w, W_SWEEP_L, W_FENCED_L); flush_all(); done() }
	:: d_step { w[W_FENCED_L] > 0 && CAN_POP -> w[W_FENCED_L]--; pop(BY_L); done() }
	:: d_step { w[W_FENCED_L] > 0 && SHUT -> go(w, W_FENCED_L, W_OUT_L); done() }
	:: d_step { w[W_FENCED_L] > 0 && !CAN_POP && !SHUT -> go(w, W_FENCED_L, W_AWAIT_L); done() }
#else
	:: d_step { w[W_SWEEP_L] > 0 && !CAN_POP && !SHUT -> go(w, W_SWEEP_L, W_AWAIT_L); done() }
#endif
	:: d_step { w[W_SWEEP_T] > 0 && !CAN_POP -> go(w, W_SWEEP_T, W_OUT_T); done() }
	/* another case, or the deadline */
	:: d_step { w[W_SWEEP_L] > 0 -> go(w, W_SWEEP_L, W_OUT_L); done() }
	:: d_step { w[W_SWEEP_T] > 0 -> go(w, W_SWEEP_T, W_OUT_T); done() }
	:: d_step { w[W_AWAIT_L] > 0 -> go(w, W_AWAIT_L, W_OUT_L); done() }
	:: d_step { w[W_OUT_L] > 0 -> go(w, W_OUT_L, W_AGAIN); done() }
	:: d_step { w[W_OUT_T] > 0 -> go(w, W_OUT_T, W_AGAIN_N); done() }
	:: d_step { w[W_AGAIN] > 0 && CAN_POP -> w[W_AGAIN]--; pop(BY_AGAIN); done() }
	:: d_step { w[W_AGAIN_N] > 0 && CAN_POP -> w[W_AGAIN_N]--; pop(BY_AGAIN_N); done() }
	/* ends, perhaps with another case */
	:: d_step { w[W_AGAIN] > 0 -> go(w, W_AGAIN, W_REST); done() }
	:: d_step { w[W_AGAIN_N] > 0 -> go(w, W_AGAIN_N, AFTER_NOTIFIED); done() }
	/* or found nothing, and watches again */
	:: d_step { w[W_AGAIN] > 0 && !CAN_POP && !SHUT -> go(w, W_AGAIN, W_SWEEP_L); done() }
	:: d_step { w[W_AGAIN_N] > 0 && !CAN_POP && !SHUT -> go(w, W_AGAIN_N, W_SWEEP_L); done() }
	:: d_step { w[W_DONE_L] > 0 -> go(w, W_DONE_L, W_REST); done() }
	:: d_step { w[W_DONE_T] > 0 -> go(w, W_DONE_T, AFTER_NOTIFIED); done() }
	:: d_step { w[W_PASS] > 0 -> if :: CAN_POP -> go(w, W_PASS, W_PASS_ON) :: else -> go(w, W_PASS, W_REST) fi; done() }
	:: d_step { w[W_PASS_ON] > 0 -> tell(w, W_PASS_ON, W_PASS_CALL, W_PASS_HAND, W_REST); done() }
	:: d_step { w[W_PASS_CALL] > 0 -> wake(1); go(w, W_PASS_CALL, W_REST); done() }
	HAND(w, W_PASS_HAND, W_REST)

	END_COPY(0)
	END_COPY(1)
	END_COPY(2)
#ifdef LIGHT
	STEPS_STORED(0)
	STEPS_STORED(1)
	STEPS_STORED(2)
#endif

	/* chan_tx_drop of the last sender: everybody. */
	:: d_step { closing == 0 && p[P_REST] == S -> p[P_REST] = 0; tx_gone = 1; closing = 1; done() }
	:: d_step { closing == 1 -> claim(255); close_k = k; closing = 2; done() }
	:: d_step { closing == 2 -> wake(close_k); close_k = 0; closing = 3; done() }
	:: d_step { closing == 3 ->
		w[W_SWEEP_T] = w[W_SWEEP_T] + w[W_SWEEP_L] + w[W_FENCED_L]; w[W_SWEEP_L] = 0; w[W_FENCED_L] = 0;
		w[W_OUT_T] = w[W_OUT_T] + w[W_AWAIT_L] + w[W_OUT_L]; w[W_AWAIT_L] = 0; w[W_OUT_L] = 0;
		w[W_DONE_T] = w[W_DONE_T] + w[W_DONE_L]; w[W_DONE_L] = 0;
		slot[0] = (slot[0] == BY_L -> BY_T : slot[0]);
		slot[1] = (slot[1] == BY_L -> BY_T : slot[1]);
		slot[2] = (slot[2] == BY_L -> BY_T : slot[2]);
		closing = 4; done() }
	od
}
