/* The end of a branch and the next life of its cell (reclaim/branches.ts, versions/branch.ts).
 * One cell; generation 0 is a branch that one thread has open and that another opens by its handle;
 * whoever claims the free cell begins the branch of the next generation. The payload of a branch is
 * `owner`: 1 or 2, who may be read, 0 once its versions are gone.
 *  stakes   one word per thread; a round ends the branch only if none names the cell
 *  CLOSING  stored before the stakes are scanned for the second time
 *  grace    the tombstone is the top; then every open section has closed; then the versions go,
 *           name included, and the cell is free, its generation raised before its state
 *  LATE     a thread without a stake reads the name inside a section in which it saw BRANCH
 * mutants:
 *  M_NORESCAN   the stakes are not scanned again after CLOSING was stored
 *  M_CHECKFIRST who opens looks at the state, then stores the stake
 *  M_NOGEN      who opens does not compare generations
 *  M_GENLATE    the generation is raised after the cell is free
 *  M_STAKELATE  a new branch is named before its maker's stake is stored
 *  M_NOGRACE    the name goes without a grace period
 *  M_UNHELD     the closer reads once more after it gave its stake up
 */
#define FREE 0
#define CLAIMED 1
#define BRANCH 2
#define CLOSING 3
#define DROPPED 4
#define CLOSER 0
#define OPENER 1
#define FORKER 2
#define NT 3

byte state = BRANCH;
byte gen = 0;
byte owner = 1;          /* whose versions and name the cell has */
bool stake[NT];
byte sec[NT];            /* odd inside a section; the late reader's is sec[OPENER] */
bool lock = false;
bool refused = false, opened = false, forked = false, freed = false;

inline scan(found) {
  found = false;
  t = 0;
  do
  :: t < NT -> if :: stake[t] -> found = true :: else fi; t++
  :: else -> break
  od
}

/* One round under the lock, as any thread runs it. */
inline round() {
  if
  :: state == BRANCH ->
     scan(seen);
     if
     :: seen
     :: else ->
        state = CLOSING;
#ifdef M_NORESCAN
        seen = false;
#else
        scan(seen);
#endif
        if
        :: seen -> state = BRANCH
        :: else -> state = DROPPED
        fi
     fi
  :: else
  fi;
  if
  :: state == DROPPED ->
#ifndef M_NOGRACE
     t = 0;
     do
     :: t < NT -> s = sec[t]; if :: s % 2 == 0 :: s % 2 == 1 -> (sec[t] != s) fi; t++
     :: else -> break
     od;
#endif
     owner = 0;
     freed = true;
#ifdef M_GENLATE
     state = FREE;
     gen++
#else
     gen++;
     state = FREE
#endif
  :: else
  fi
}

inline attempt() {
  if
  :: atomic { !lock -> lock = true }; round(); lock = false
  :: lock
  fi
}

proctype Closer() {
  byte t, s; bool seen;
  assert(owner == 1);
  stake[CLOSER] = false;
#ifdef M_UNHELD
  assert(owner == 1);
#endif
  attempt()
}

proctype Opener() {
  byte t, s; bool seen;
#ifndef M_CHECKFIRST
  stake[OPENER] = true;
#endif
  do
  :: state == CLOSING -> (state != CLOSING)
  :: else -> break
  od;
again:
  if
  :: atomic { state == BRANCH -> skip } ->
#ifdef M_CHECKFIRST
     stake[OPENER] = true;
#endif
     if
#ifdef M_NOGEN
     :: true ->
#else
     :: gen == 0 ->
#endif
        opened = true;
        assert(owner == 1);
        assert(state != FREE && state != CLAIMED);
        assert(owner == 1)
#ifndef M_NOGEN
     :: else -> refused = true
#endif
     fi
  :: state == CLOSING -> (state != CLOSING); goto again
  :: state == FREE || state == CLAIMED || state == DROPPED -> refused = true
  fi;
  stake[OPENER] = false;
  attempt()
}

proctype Forker() {
  byte t, s, own; bool seen;
  if
  :: atomic { state == FREE -> state = CLAIMED };
     own = 2;
     owner = own;
#ifdef M_STAKELATE
     state = BRANCH;
     stake[FORKER] = true;
#else
     stake[FORKER] = true;
     state = BRANCH;
#endif
     forked = true;
     assert(owner == own);
     assert(owner == own);
     stake[FORKER] = false;
     attempt()
  :: timeout -> skip
  fi
}

#ifdef LATE
proctype Late() {
  byte seen;
  sec[CLOSER] = 1;
  if
  :: atomic { state == BRANCH -> seen = owner };
     assert(owner == seen && seen != 0)
  :: else
  fi;
  sec[CLOSER] = 2
}
#endif

init {
  stake[CLOSER] = true;
  atomic {
    run Closer();
    run Opener();
    run Forker();
#ifdef LATE
    run Late()
#endif
  }
}
