/*
 * meet.pml - capacity 0: threads that meet at two channels, each by a send, a receive or a select of two
 * cases, with timeouts, while one channel may be closed.
 *
 * The algorithm of meet.c and select.c: an operation locks the places of all its cases in the order of
 * their addresses and looks for a partner, an offer of the other side (sweep_meets). A partner is
 * claimed by a compare-and-exchange on the word of its waiter (chani_waiter_claim); then the value is
 * copied, and the word says DONE (chani_waiter_finish), all under the locks; unlock, wake. Without a
 * partner it leaves its offers, unlocks and sleeps on its own word (chani_waiter_wait). When the time is
 * over it cancels by a compare-and-exchange, or, if that fails, waits for DONE. In the end it withdraws
 * its offers, each under the lock of the place (chani_meet_withdraw).
 *
 * T threads, any number of operations each; for every operation any cases are possible, both sides of
 * one channel included; threads from number SELECTS on do without select. The order in the lists is
 * left out: any claimable offer may be taken.
 *
 * Checked:
 *   no double pairing   an operation is claimed at most once, and is OK if and only if it was
 *   no self pairing
 *   nothing is lost     an operation that timed out or found the channel closed moved no value
 *   no lost pairing     when all threads rest or sleep, no two of them fit, nobody sleeps at a closed
 *                       channel, and no list holds an offer of a thread that rests
 *   no use after return a value is copied to and from an operation that is still there
 *
 * Mutants: NO_CAS (looks at the word, then writes it) COPY_OUTSIDE (copies after the unlock) ONE_BY_ONE
 * (locks, looks and enqueues one channel after the other) SELF (enqueues before it looks)
 * TIMEOUT_LOSES (leaves although it was claimed) NO_UNREGISTER SINGLE_CLOSE NO_WAKE_CHECK (sleeps
 * without comparing the word)
 */
#ifndef T
#define T 2
#endif

#ifndef SELECTS
#define SELECTS T
#endif

/* The lists: 0 and 1 senders and receivers of channel 0, 2 and 3 those of channel 1; no case. */
#define NONE 4
#define OTHER(line) ((line) ^ 1)

/* The words of the waiters. */
#define IDLE 0
#define WAITING 1
#define CLAIMED 2
#define DONE 3
#define CLOSED 4
#define CANCELLED 5
byte word[T];

/* Offers: case c of thread i at [i * 2 + c]. */
byte line[2 * T] = NONE; /* its list; constant while the operation lasts */
bit enqueued[2 * T];

bit locked[2];
bit closed; /* channel 0 */
bit asleep[T];
byte awake;

/* For the checks. */
byte paired[T]; /* how often the operation under way exchanged its value */
bit pinned[T];  /* claimed, and the value not copied yet */

/* The steps of an operation. */
#define REST 0
#define LOCK_0 1
#define LOCK_1 2
#define SEARCH 3 /* sweep_meets_locked, leave_offers_locked, unlock */
#define CLAIM 4  /* of a mutant */
#define COPY 5
#define UNLOCK 6
#define WAKE 7
#define SLEEP 8    /* waiter_sleep */
#define SLEEPING 9
#define CANCEL 10  /* leave_waiting to CHANI_CANCELLED */
#define TELL 11    /* the status is decided */
#define WITHDRAW_0 12
#define WITHDRAW_1 13
#define LEAVE 14
#define FIRST 15   /* of a mutant */
#define SECOND 16
#define PAIR 17
byte at[T];

#define USES(i, ch) ((line[(i) * 2] / 2) == (ch) || (line[(i) * 2 + 1] / 2) == (ch))
#define OFFERS(j, l) \
	((enqueued[(j) * 2] && line[(j) * 2] == (l)) || (enqueued[(j) * 2 + 1] && line[(j) * 2 + 1] == (l)))
/* Thread i would claim thread j for the list l of a case of its own. */
#define FITS_LINE(i, j, l) ((l) != NONE && word[j] == WAITING && OFFERS(j, OTHER(l)))
#ifdef SELF
#define MAY_MEET(i, j) true
#else
#define MAY_MEET(i, j) ((i) != (j))
#endif
#define FITS(i, j) \
	(MAY_MEET(i, j) && (FITS_LINE(i, j, line[(i) * 2]) || FITS_LINE(i, j, line[(i) * 2 + 1])))
#if T > 2
#define FITS_2 FITS(me, 2)
#else
#define FITS_2 false
#endif
#define ANY_FITS (FITS(me, 0) || FITS(me, 1) || FITS_2)
#define AT_CLOSED(i) (closed && USES(i, 0))

/* What two sleepers would find. */
#define STUCK(i, j) (at[i] == SLEEPING && at[j] == SLEEPING && \
	((enqueued[(i) * 2] && OFFERS(j, OTHER(line[(i) * 2]))) || \
	 (enqueued[(i) * 2 + 1] && OFFERS(j, OTHER(line[(i) * 2 + 1])))))
#define STUCK_CLOSED(i) (at[i] == SLEEPING && AT_CLOSED(i))

inline rest()
{
	awake--;
	assert(awake > 0 || !STUCK(0, 1));
	assert(awake > 0 || (!STUCK_CLOSED(0) && !STUCK_CLOSED(1)));
#if T > 2
	assert(awake > 0 || (!STUCK(0, 2) && !STUCK(1, 2) && !STUCK_CLOSED(2)))
#endif
}

/* The call of the futex on the word of thread j, which may be in another operation by now. */
inline wake(j)
{
	if
	:: asleep[j] -> asleep[j] = 0; awake++
	:: else
	fi
}

inline claim(j)
{
	partner = j;
	word[j] = CLAIMED;
	pinned[j] = 1
}

inline copy()
{
	assert(partner != me);
	pinned[partner] = 0;
	paired[me]++;
	paired[partner]++;
	assert(paired[me] == 1 && paired[partner] == 1)
}

inline enqueue()
{
	enqueued[me * 2] = 1;
	enqueued[me * 2 + 1] = (line[me * 2 + 1] != NONE)
}

/* One step: between the two nothing is done that the second unlock would delay. */
inline unlock()
{
	if
	:: USES(me, 0) -> locked[0] = 0
	:: else
	fi;
	if
	:: USES(me, 1) -> locked[1] = 0
	:: else
	fi
}

inline begin(l0, l1)
{
	awake++;
	line[me * 2] = l0;
	line[me * 2 + 1] = l1;
	word[me] = WAITING
}

/* An operation with any one or two cases; their order makes no difference. */
#ifdef ONE_BY_ONE
#define START FIRST
#else
#define START LOCK_0
#endif
#define ANY(l0, l1) \
	:: d_step { at[me] == REST && (me < SELECTS || l1 == NONE) -> begin(l0, l1); at[me] = START }

#ifdef NO_CAS
#define AFTER_SEARCH CLAIM
#else
#define AFTER_SEARCH COPY
#endif

/* With NO_CAS the partner is only chosen. */
#ifdef NO_CAS
#define TAKE(j) partner = j
#else
#define TAKE(j) claim(j)
#endif

proctype thread(byte me)
{
	byte partner, told;

	do
	ANY(0, NONE) ANY(1, NONE) ANY(2, NONE) ANY(3, NONE)
	ANY(0, 0) ANY(0, 1) ANY(0, 2) ANY(0, 3) ANY(1, 1) ANY(1, 2) ANY(1, 3) ANY(2, 2) ANY(2, 3) ANY(3, 3)

	/* All locks, in the order of the addresses. */
	:: d_step { at[me] == LOCK_0 && USES(me, 0) && !locked[0] -> locked[0] = 1; at[me] = LOCK_1 }
	:: d_step { at[me] == LOCK_0 && !USES(me, 0) -> at[me] = LOCK_1 }
	:: d_step { at[me] == LOCK_1 && USES(me, 1) && !locked[1] -> locked[1] = 1;
#ifdef SELF
		enqueue();
#endif
		at[me] = SEARCH }
	:: d_step { at[me] == LOCK_1 && !USES(me, 1) ->
#ifdef SELF
		enqueue();
#endif
		at[me] = SEARCH }

	/*
	 * A partner at any of the channels. Nobody can add an offer meanwhile, one can only be claimed or
	 * taken back; so the search is one step, with what follows under the locks when it finds none.
	 */
	:: d_step { at[me] == SEARCH && FITS(me, 0) -> TAKE(0); at[me] = AFTER_SEARCH }
	:: d_step { at[me] == SEARCH && FITS(me, 1) -> TAKE(1); at[me] = AFTER_SEARCH }
#if T > 2
	:: d_step { at[me] == SEARCH && FITS(me, 2) -> TAKE(2); at[me] = AFTER_SEARCH }
#endif
	:: d_step { at[me] == SEARCH && !ANY_FITS && AT_CLOSED(me) -> unlock(); word[me] = CLOSED; at[me] = TELL }
	:: d_step { at[me] == SEARCH && !ANY_FITS && !AT_CLOSED(me) -> unlock(); word[me] = CANCELLED; at[me] = TELL }
	:: d_step { at[me] == SEARCH && !ANY_FITS && !AT_CLOSED(me) -> enqueue(); unlock(); at[me] = SLEEP }
#ifdef NO_CAS
	:: d_step { at[me] == CLAIM -> claim(partner); at[me] = COPY }
#endif
#ifdef COPY_OUTSIDE
	:: d_step { at[me] == COPY -> word[partner] = DONE; unlock(); at[me] = UNLOCK }
	:: d_step { at[me] == UNLOCK -> copy(); at[me] = WAKE }
#else
	:: d_step { at[me] == COPY -> copy(); word[partner] = DONE; at[me] = UNLOCK }
	:: d_step { at[me] == UNLOCK -> unlock(); at[me] = WAKE }
#endif
	:: d_step { at[me] == WAKE -> wake(partner); partner = 0; word[me] = DONE; at[me] = TELL }

	/* Every wait is a loop: the futex compares the word, and wake-ups may be old. */
	:: d_step { at[me] == SLEEP -> if
#ifndef NO_WAKE_CHECK
		:: word[me] != WAITING && word[me] != CLAIMED -> at[me] = TELL
#endif
		:: else -> asleep[me] = 1; at[me] = SLEEPING; rest()
		fi }
	:: d_step { at[me] == SLEEPING && !asleep[me] -> at[me] = SLEEP }
	/* The deadline. */
	:: d_step { at[me] == SLEEPING && asleep[me] -> asleep[me] = 0; awake++; at[me] = CANCEL }
	:: d_step { at[me] == CANCEL && word[me] != CLAIMED ->
		if :: word[me] == WAITING -> word[me] = CANCELLED :: else fi; at[me] = TELL }
#ifdef TIMEOUT_LOSES
	:: d_step { at[me] == CANCEL && word[me] == CLAIMED -> word[me] = CANCELLED; at[me] = TELL }
#endif

	/* Out of all lists: takes the lock, and nobody else looks meanwhile, so one step each. */
	:: d_step { at[me] == TELL -> told = word[me]; at[me] = WITHDRAW_0 }
#ifdef NO_UNREGISTER
	:: d_step { at[me] == WITHDRAW_0 -> at[me] = LEAVE }
#endif
	:: d_step { at[me] == WITHDRAW_0 && !(enqueued[me * 2] && locked[line[me * 2] / 2]) ->
		enqueued[me * 2] = 0; at[me] = WITHDRAW_1 }
	:: d_step { at[me] == WITHDRAW_1 && !(enqueued[me * 2 + 1] && locked[line[me * 2 + 1] / 2]) ->
		enqueued[me * 2 + 1] = 0; at[me] = LEAVE }
	:: d_step { at[me] == LEAVE ->
		assert(!pinned[me] && paired[me] == (told == DONE));
		assert(!enqueued[me * 2] && !enqueued[me * 2 + 1]);
		paired[me] = 0;
		told = 0;
		word[me] = IDLE;
		line[me * 2] = NONE;
		line[me * 2 + 1] = NONE;
		at[me] = REST;
		rest() }

#ifdef ONE_BY_ONE
	/* Case after case; what is enqueued can be claimed meanwhile. Two threads only. */
	:: d_step { at[me] == FIRST && !locked[line[me * 2] / 2] && FITS_LINE(me, 1 - me, line[me * 2]) ->
		claim(1 - me); at[me] = PAIR }
	:: d_step { at[me] == FIRST && !locked[line[me * 2] / 2] && !FITS_LINE(me, 1 - me, line[me * 2]) ->
		enqueued[me * 2] = 1; at[me] = SECOND }
	:: d_step { at[me] == SECOND && line[me * 2 + 1] == NONE -> at[me] = SLEEP }
	:: d_step { at[me] == SECOND && line[me * 2 + 1] != NONE && FITS_LINE(me, 1 - me, line[me * 2 + 1]) ->
		claim(1 - me); at[me] = PAIR }
	:: d_step { at[me] == SECOND && line[me * 2 + 1] != NONE && !FITS_LINE(me, 1 - me, line[me * 2 + 1]) ->
		enqueued[me * 2 + 1] = 1; at[me] = SLEEP }
	:: d_step { at[me] == PAIR -> copy(); word[partner] = DONE; at[me] = WAKE }
#endif
	od
}

/* chan_rx_shutdown of channel 0: all that wait there are claimed, then woken. */
proctype closer()
{
	byte j, step;

	do
	:: d_step { step == 0 && !locked[0] -> locked[0] = 1; closed = 1; awake++; step = 1 }
	:: d_step { step == 1 && j < T -> if
		:: (OFFERS(j, 0) || OFFERS(j, 1)) && word[j] == WAITING ->
			word[j] = CLOSED;
#ifdef SINGLE_CLOSE
			j = T - 1
#endif
		:: else
		fi;
		j++ }
	:: d_step { step == 1 && j == T -> locked[0] = 0; step = 2 }
	/* Those that it closed; a wake-up too many does no harm. */
	:: d_step { step == 2 && j > 0 -> j--; if
		:: word[j] == CLOSED -> wake(j)
		:: else
		fi }
	:: d_step { step == 2 && j == 0 -> step = 3; rest() }
	od
}

init {
	byte i;

	atomic {
		i = 0;
		do
		:: i < T -> run thread(i); i++
		:: else -> break
		od;
		i = 0;
#ifdef CLOSE
		run closer()
#endif
	}
}
