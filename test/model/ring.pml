/*
 * ring.pml - lib/chan/ring_many.c, operation by operation, and closing as chan.c does it.
 *
 * S senders and R receivers on a ring of CAP slots. The first sender has two values, the others one
 * each. Every thread tries as often as it likes, then rests for ever with its handle or drops it;
 * so either side may close at any time. How threads wait between two attempts is in transfer.pml.
 *
 * Each d_step is one operation on shared memory of the code; the copy of a value is one step with
 * the store of its stamp, between which and the claim of the position everything may happen: also
 * what happens while a light store (barrier.h) is on its way.
 * Positions do not wrap here; permits and sends that evict are not modelled.
 *
 * Checked:
 *   conservation    each value that was sent was received or discarded once, or is queued
 *   order           who receives the first value of sender 0 did not begin after the second was out
 *   exact capacity  never more than CAP between head and tail; BLOCKED only when full or empty at
 *                   that instant; SHUT for a receiver only when nothing will ever come
 *   no endless spin an attempt looks again only when another thread has moved on
 *   close           nothing is pushed behind the discard
 *
 * Mutants: CLOSE_APART (the closed bit is not in the word of the tail) GONE_ONCE (does not look again
 * after the senders went) SPIN_LAP (looks at the index only when the stamp is of the lap that it
 * expects, and spins otherwise) NO_STAMP (publishes before the copy) NO_CHECK (claims what is not free)
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
#if CAP <= 2
#define LAP 2
#else
#define LAP 4
#endif

#ifdef ONE_VALUE
#define TWO false
#else
#define TWO true
#endif

#define SLOT(pos) ((pos) & (LAP - 1))
#define NEXT(pos) (SLOT(pos) + 1 < CAP -> (pos) + 1 : (pos) - SLOT(pos) + LAP)
#define COUNT(pos) ((pos) / LAP * CAP + SLOT(pos))
#define QUEUED (COUNT(tail) - COUNT(head))
#define BIT(i) (1 << (i))

/* struct ring_many */
byte tail = 0;
bit closed = 0; /* the lowest bit of the tail word: read and changed in one step with it */
byte head = 0;
byte stamp[CAP];
byte value[CAP];

/* struct chan */
bit tx_gone = 0;
byte senders = S;
byte receivers = R;

/* For the checks. */
byte sent = 0;  /* values taken from their senders */
byte gone = 0;  /* values received or discarded: how many, and which */
byte gone_mask = 0;
byte s_started = 0; /* of threads with the same program: the order of their first steps says who is who */
byte r_started = 0;
byte busy = 0; /* threads that have begun and do not rest */
bit discarded = 0;


/* The steps of a push or pop, in the order of the code. */
#define BEGIN 0
#define LOAD 1  /* the index */
#define LOOK 2  /* at the stamp */
#define CLAIM 3 /* compare-and-exchange of the index */
#define CHECK 4 /* the other index: full or empty? */
#define AGAIN 5 /* the own index: has it moved? */
#define COPY 6  /* the value, and the stamp */
#define GONE 7  /* BLOCKED: are the senders gone? */
#define END 8
#define CLOSE 9
#define OVER 10

inline rest()
{
	pc = OVER;
	pos = 0;
	busy--;
	assert(busy > 0 || sent == gone + QUEUED)
}

#define STAMP stamp[SLOT(pos)]

proctype sender(byte me)
{
	byte pc, pos, v;

	/* Values are 1 and 2 of sender 0, me + 2 of the others; 0 is none. */
	do
	:: d_step { pc == BEGIN && me == 0 -> busy++; v = 1; pc = LOAD }
	:: d_step { pc == BEGIN && me > 0 && s_started == me - 1 -> s_started++; busy++; v = me + 2; pc = LOAD }

	/* claim_push */
	:: d_step { pc == LOAD -> if :: closed -> pc = END :: else -> pos = tail; pc = LOOK fi }
	:: d_step { pc == LOAD -> pc = END } /* has had enough */
#ifdef NO_CHECK
	:: d_step { pc == LOOK -> pc = CLAIM }
#else
	:: d_step { pc == LOOK -> if
		:: STAMP == pos -> pc = CLAIM
#ifdef SPIN_LAP
		:: STAMP != pos && STAMP + LAP != pos + 1 ->
			/* loads the tail and looks again: only if that helps */
			assert(tail != pos || closed);
			pos = tail;
			pc = (closed -> END : LOOK)
#endif
		:: else -> pc = CHECK
		fi }
#endif
	:: d_step { pc == CHECK -> if
		:: head + LAP == pos -> assert(QUEUED == CAP); pos = 0; pc = LOAD /* CHANI_BLOCKED */
		:: else -> pc = AGAIN
		fi }
	:: d_step { pc == AGAIN -> if
		:: closed -> pc = END
		:: !closed && tail != pos -> pos = tail; pc = LOOK
		:: else -> pos = 0; pc = LOAD /* CHANI_BUSY, or a spin before it */
		fi }
	:: d_step { pc == CLAIM -> if
#ifdef CLOSE_APART
		:: tail == pos ->
#else
		:: tail == pos && !closed ->
#endif
			tail = NEXT(tail);
			sent++;
			assert(QUEUED <= CAP && !discarded);
			pc = COPY
		:: else -> pos = tail; pc = (closed -> END : LOOK)
		fi }

	/* push */
#ifdef NO_STAMP
	:: d_step { pc == COPY && STAMP != pos + 1 -> STAMP = pos + 1 }
	:: d_step { pc == COPY && STAMP == pos + 1 ->
#else
	:: d_step { pc == COPY ->
#endif
		value[SLOT(pos)] = v;
		STAMP = pos + 1;
		pos = 0;
		if
		:: v == 1 && TWO -> v = 2; pc = LOAD
		:: else -> v = 0; pc = END
		fi }

	/* A rest for ever, or chan_tx_drop. */
	:: d_step { pc == END -> v = 0; rest() }
	:: d_step { pc == END -> v = 0; senders--; if :: senders > 0 -> rest() :: else -> pos = 0; pc = CLOSE fi }
	:: d_step { pc == CLOSE -> tx_gone = 1; rest() }
	od
}

proctype receiver(byte me)
{
	byte pc, pos;
	bit late;    /* the second value of sender 0 was out when this receive began */
	bit twice;   /* take of transfer.c looks again, since the senders are gone */
	bit discard; /* the last receiver, in chan_rx_drop */

	do
	:: d_step { pc == BEGIN && r_started == me -> r_started++; busy++; pc = LOAD }

	/* claim_pop */
	:: d_step { pc == LOAD -> pos = head; late = late || (gone_mask & BIT(2)); pc = LOOK }
	:: d_step { pc == LOAD && !twice && !discard -> pc = END }
	:: d_step { pc == LOOK -> if
		:: STAMP == pos + 1 -> pc = CLAIM
#ifdef SPIN_LAP
		:: STAMP != pos + 1 && STAMP != pos -> assert(head != pos); pos = head
#endif
		:: else -> pc = CHECK
		fi }
	:: d_step { pc == CHECK -> if
		:: tail == pos -> assert(QUEUED == 0); pos = 0; pc = GONE /* CHANI_BLOCKED */
		:: else -> pc = AGAIN
		fi }
	:: d_step { pc == AGAIN -> if
		:: head != pos -> pos = head; pc = LOOK
		:: else -> pos = 0; late = 0; twice = 0; pc = LOAD /* CHANI_BUSY, or a spin before it */
		fi }
	:: d_step { pc == CLAIM -> if
		:: head == pos -> head = NEXT(head); pc = COPY
		:: else -> pos = head; pc = LOOK
		fi }

	/* pop, discard */
	:: d_step { pc == COPY ->
		assert(value[SLOT(pos)] != 0 && !(gone_mask & BIT(value[SLOT(pos)])));
		assert(!(late && value[SLOT(pos)] == 1));
		gone_mask = gone_mask | BIT(value[SLOT(pos)]);
		gone++;
		value[SLOT(pos)] = 0;
		STAMP = pos + LAP;
		pos = 0;
		late = 0;
		twice = 0;
		pc = LOAD }

	/* take */
	:: d_step { pc == GONE && discard -> discard = 0; late = 0; discarded = 1; rest() }
	:: d_step { pc == GONE && !discard -> if
		:: twice -> assert(senders == 0 && QUEUED == 0); twice = 0; late = 0; pc = END /* CHANI_SHUT */
#ifdef GONE_ONCE
		:: !twice && tx_gone -> assert(QUEUED == 0); late = 0; pc = END
#else
		:: !twice && tx_gone -> twice = 1; pc = LOAD
#endif
		:: else -> late = 0; pc = LOAD
		fi }

	/* A rest for ever, or chan_rx_drop. */
	:: d_step { pc == END -> rest() }
	:: d_step { pc == END -> receivers--; if :: receivers > 0 -> rest() :: else -> pc = CLOSE fi }
	:: d_step { pc == CLOSE -> closed = 1; discard = 1; pc = LOAD } /* close_ring, discard_queued */
	od
}

init {
	byte i;

	atomic {
		do
		:: i < CAP -> stamp[i] = i; i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < S -> run sender(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < R -> run receiver(i); i++
		:: else -> break
		od;
		i = 0
	}
}
