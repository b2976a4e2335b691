/* (b1) leases, version records that are REUSED, ordered departure, zombies, soft leases, ousting.
 * Payload of a version == its record here (tree counts are in tree.pml).
 * Grace period: parity slots (E2).  Switches select correct variants; M_* are mutants.
 *  reader kinds (each leaser picks one per round):
 *    HAZ   store lease, re-check root (reclaim/leases.ts, the first two tries)
 *    SEC   store lease inside the section that loaded root (the third try)
 *    DUP   lease moved between two lease words
 *    OUST  as SEC, but the reclaimer may take the lease away: each read is a section that first
 *          checks the lease word; ousting is a compare-and-swap, then a grace period
 *    HIST  walk prev inside a section (versions/kept.ts, snapshot(version) of history)
 *    AT    via kept cell K, re-check K: a way to name zombies without the lock, which the code does
 *          not go; it names them under the lock, where no record goes
 *  SOFT    a thread's cache behind `current`: it leases the version that it compares with, in a
 *          word marked SOFT; moving on it takes the new lease before it gives up the old one, and
 *          a snapshot of the same version has a word of its own
 *  RESCAN  the lock may be released between any two departures or releases: whoever goes on scans
 *          the leases again (the round's set of leased versions is not shared)
 * mutants: M_NORECHECK M_SCANFIRST M_COPYDOWN M_OWNERZ M_NODEFER M_WUNPROT M_KEPTLATE (see there),
 *  M_UNLEASED  the cache keeps comparing with a version that it no longer leases
 *  M_NOMASK    the scan takes a soft lease word for a record's offset
 *  M_ONEWORD   cache and snapshot of one version share a word, and the cache clears it
 *  M_INPLACE   moving on, the cache stores the new lease over the old one, then walks both
 *  M_TOPFRESH  going on after a slice, the tops are loaded again without a grace period
 *  M_NORESCAN  going on after a slice, nobody has scanned
 *  M_NOCHECK   a read of a lease that may be ousted does not look at its word
 *  M_CHECKFIRST it looks before its section begins
 *  M_OUSTNOGP  a round whose only work is an ousted zombie skips the grace period
 *  M_OUSTLATE  ousting between the grace period and the scan
 *  M_OUSTSTORE ousting is a load and a store: it hits the lease of another version
 */
#define NV 4
#define FREE 0
#define LIVE 1
#define ZOMB 2
#ifndef NL
#define NL 2               /* leasers */
#endif
#ifndef NW
#define NW 1
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef PUBS
#define PUBS 3
#endif
#if defined(HIST) && !defined(M_NODEFER)
#define DEFER (nxt[P] != top)
#else
#define DEFER (true)
#endif
#define NT (NL+NW+1)
#define OUSTED 255
#define SOFTBIT 64         /* beside record+1 in a lease word */
#ifdef M_NOMASK
#define RECORD(l) ((l)-1)
#else
#define RECORD(l) (((l)&~SOFTBIT)-1)
#endif
#define NLW (2*NL+3)       /* lease words: two per leaser, two of the cache, one of its snapshot */
byte st[NV]; byte gen[NV]; byte nxt[NV]; byte prv[NV];
byte root = 0; byte P = 0; byte K = 255;
byte slot[NT];
byte lease[NLW];           /* 0 none, else record+1 ; word 2t and 2t+1 belong to leaser t */
byte done = 0;
bit relz[NV];              /* M_OWNERZ: a validated holder released this zombie */

inline deref(r, g) { assert(st[r] != FREE && gen[r] == g) }

inline release_word(i) {
#ifdef M_OWNERZ
  atomic { relz[lease[i]-1] = 1; lease[i] = 0 }
#else
  lease[i] = 0
#endif
}

proctype leaser(byte me) {
  byte r, g, n, i;
  do
  :: n == ROUNDS -> break
  :: n < ROUNDS -> n++;
     if
#ifdef HAZ
     :: do
        :: r = root;
           lease[2*me] = r+1;
#ifndef M_NORECHECK
           if :: atomic { root == r -> g = gen[r] } -> break
              :: root != r -> 
#ifdef HAZ_GIVEUP
                 lease[2*me] = 0; goto next
#endif
           fi
#else
           atomic { g = gen[r] } -> break
#endif
        od;
        deref(r,g); deref(r,g);
        release_word(2*me)
#endif
#ifdef SEC
     :: slot[me] = (slot[me]+1)&7;
        atomic { r = root; g = gen[r] };
        lease[2*me] = r+1;
        slot[me] = (slot[me]+1)&7;
        deref(r,g); deref(r,g);
        release_word(2*me)
#endif
#ifdef OUST
     :: slot[me] = (slot[me]+1)&7;
        atomic { r = root; g = gen[r] };
        lease[2*me] = r+1;
        slot[me] = (slot[me]+1)&7;
        i = 0;
        do
        :: i == 2 -> break
        :: i < 2 -> i++;
#ifdef M_CHECKFIRST
           if :: lease[2*me] == OUSTED -> break :: else fi;
           slot[me] = (slot[me]+1)&7;
#else
           slot[me] = (slot[me]+1)&7;
#ifndef M_NOCHECK
           if :: lease[2*me] == OUSTED -> slot[me] = (slot[me]+1)&7; break :: else fi;
#endif
#endif
           deref(r,g); deref(r,g);
           slot[me] = (slot[me]+1)&7
        od;
        lease[2*me] = 0
#endif
#ifdef DUP
     :: slot[me] = (slot[me]+1)&7;
        atomic { r = root; g = gen[r] };
#ifdef M_COPYDOWN
        lease[2*me+1] = r+1;
        slot[me] = (slot[me]+1)&7;
        lease[2*me] = r+1; lease[2*me+1] = 0;     /* move against scan order */
        deref(r,g); deref(r,g);
        lease[2*me] = 0
#else
        lease[2*me] = r+1;
        slot[me] = (slot[me]+1)&7;
        lease[2*me+1] = r+1; lease[2*me] = 0;     /* move along scan order */
        deref(r,g); deref(r,g);
        lease[2*me+1] = 0
#endif
#endif
#ifdef AT
     :: r = K;
        if
        :: r == 255 -> skip
        :: r != 255 ->
           lease[2*me] = r+1;
           if :: atomic { K == r -> g = gen[r] };
                 deref(r,g); deref(r,g)
              :: K != r -> skip
           fi;
           lease[2*me] = 0
        fi
#endif
#ifdef HIST
     :: /* at(version-1), history 1: walk prev inside the section that loaded root */
        slot[me] = (slot[me]+1)&7;
        r = root;
        atomic { if :: prv[r] != 255 -> r = prv[r]; g = gen[r] :: else -> g = gen[r] fi };
        lease[2*me] = r+1;
        slot[me] = (slot[me]+1)&7;
        deref(r,g); deref(r,g);
        release_word(2*me)
#endif
#ifdef M_LATEPREV
     :: /* at(version-1) validated against the root only: find the record whose nxt is root */
        r = root;
        if
        :: st[(r+NV-1)%NV] == LIVE && nxt[(r+NV-1)%NV] == r ->
           lease[2*me] = ((r+NV-1)%NV)+1;
           if :: atomic { root == r -> r = (r+NV-1)%NV; g = gen[r] };
                 deref(r,g); deref(r,g)
              :: root != r -> skip
           fi;
           lease[2*me] = 0
        :: else -> skip
        fi
#endif
     fi;
next: atomic { r = 0; g = 0; i = 0 }
  od;
  done++
}

proctype writer(byte me) {
  byte r, g, w, i, n;
  do
  :: n == PUBS -> break
  :: n < PUBS -> n++;
again:
     atomic { (st[0] == FREE || st[1] == FREE || st[2] == FREE || st[3] == FREE);
              w = 0; do :: st[w] == FREE -> break :: else -> w++ od;
              st[w] = LIVE; gen[w] = (gen[w]+1)&3; nxt[w] = 255 };   /* private record; no wait inside a section */
#ifndef M_WUNPROT
     slot[me] = (slot[me]+1)&7;
#endif
     atomic { r = root; g = gen[r] };
     if
     :: atomic { root == r -> assert(gen[r] == g); assert(st[r] == LIVE); root = w; nxt[r] = w; prv[w] = r }   /* CAS; nxt stands for prev */
     :: atomic { root != r -> st[w] = FREE; gen[w] = (gen[w]+3)&3;
#ifndef M_WUNPROT
        slot[me] = (slot[me]+1)&7;
#endif
        goto again }
     fi;
#ifndef M_WUNPROT
     slot[me] = (slot[me]+1)&7;
#endif
     atomic { r = 0; g = 0; w = 0 }
  od;
  done++
}

#ifdef SOFT
#define CW (2*NL)          /* the cache's two words, used in turn; then its snapshot's */
#ifdef M_ONEWORD
#define SW (CW+w)
#else
#define SW (2*NL+2)
#endif
proctype cacher() {   /* store.current: plain load of the root word, compare with the leased record */
  byte c, g, c2, g2, n, w;
  bit snap;
  slot[NT-1] = 1;
  atomic { c = root; g = gen[c] };
  lease[CW] = (c+1)|SOFTBIT;
  slot[NT-1] = 2;
  do
  :: n < ROUNDS -> n++;
     if
     :: atomic { root == c -> assert(gen[c] == g) }          /* hit: the cached value is the newest */
     :: atomic { root == c -> snap = 1 };                    /* a snapshot of the cached version */
        lease[SW] = c+1;
        if :: root == c -> skip :: root != c -> lease[SW] = 0; snap = 0 fi;
#ifdef M_ONEWORD
        lease[CW+w] = 0;                                     /* the cache alone is given up */
#endif
        if :: snap -> deref(c,g); deref(c,g); lease[SW] = 0; snap = 0 :: else fi;
#ifdef M_ONEWORD
        lease[CW+w] = (c+1)|SOFTBIT
#endif
     :: atomic { root != c -> skip };
        slot[NT-1] = (slot[NT-1]+1)&7;
        atomic { c2 = root; g2 = gen[c2] };
#ifdef M_INPLACE
        lease[CW+w] = (c2+1)|SOFTBIT;
#else
        lease[CW+1-w] = (c2+1)|SOFTBIT;
#endif
        slot[NT-1] = (slot[NT-1]+1)&7;
        deref(c,g); deref(c2,g2);                            /* walks old and new together */
#ifndef M_INPLACE
        lease[CW+w] = 0; w = 1-w;
#endif
        atomic { c = c2; g = g2; c2 = 0; g2 = 0 }
#ifdef M_UNLEASED
     :: lease[CW+w] = 0
#endif
     fi
  :: n == ROUNDS -> break
  od;
  lease[CW+w] = 0;
  done++
}
#endif

#ifdef SOFT
#define ALLDONE (done == NL+NW+1)
#else
#define ALLDONE (done == NL+NW)
#endif

byte held[NV]; byte snp[NT];
#define ZOMBIES (st[0]==ZOMB || st[1]==ZOMB || st[2]==ZOMB || st[3]==ZOMB)
inline scan() {
  t = 0;
  do
  :: t < NLW -> d_step {
       if :: lease[t] != 0 && lease[t] != OUSTED -> v = RECORD(lease[t]); if :: v < NV -> held[v] = 1 :: else fi; v = 0
          :: else
       fi; t++ }
  :: else -> break
  od; t = 0
}
inline forget() { d_step { t = 0; do :: t < NV -> held[t] = 0; t++ :: else -> break od; t = 0 } }
/* takes away any lease of a version below the top: policy decides which, so any */
inline oust() {
  t = 0;
  do
  :: t < NLW ->
     v = lease[t];
     if
     :: v != 0 && v != OUSTED && v-1 != top && (st[v-1] == ZOMB || st[v-1] == LIVE) ->
#ifdef M_OUSTSTORE
        atomic { assert(lease[t] == v || lease[t] == 0); lease[t] = OUSTED; ousted = 1 }   /* else another version's */
#else
        if :: atomic { lease[t] == v -> lease[t] = OUSTED; ousted = 1 } :: atomic { lease[t] != v -> skip } fi
#endif
     :: skip
     fi; v = 0; t++
  :: else -> break
  od; t = 0
}
inline slice() {           /* the lock was released and taken by a thread that knows only shared words */
#ifdef RESCAN
  if
  :: forget();
#ifdef M_TOPFRESH
     top = root;
#endif
#ifndef M_NORESCAN
     scan()
#else
     skip
#endif
  :: skip
  fi
#else
  skip
#endif
}
proctype reclaimer() {
  byte top, t, v, kz;
  bool last, ousted;
  do
  :: atomic { (P != root || ZOMBIES || ALLDONE) -> last = ALLDONE };
     top = root;
#if defined(OUST) && !defined(M_OUSTLATE)
     oust();
#endif
#ifdef M_SCANFIRST
     scan();                                 /* leases before the grace period */
#endif
     if
#if defined(OUST) && !defined(M_OUSTNOGP)
     :: P != top || ousted ->
#else
     :: P != top ->
#endif
        t = 0; do :: t < NT -> snp[t] = slot[t]; t++ :: else -> break od;
        t = 0; do :: t < NT -> (!(snp[t]&1) || slot[t] != snp[t]); t++ :: else -> break od
     :: else
     fi;
#if defined(OUST) && defined(M_OUSTLATE)
     oust();
#endif
#ifdef AT
#ifdef PRESCAN
     kz = K;                                  /* un-name only what a pre-scan finds unheld; what it finds held is not released this round */
     if
     :: kz != 255 ->
        t = 0; do :: t < NLW -> d_step { if :: lease[t] == kz+1 -> held[kz] = 1 :: else fi; t++ } :: else -> break od;
        if :: !held[kz] -> K = 255 :: else fi
     :: else
     fi;
#elif !defined(M_KEPTLATE)
     kz = K; K = 255;                        /* un-name first */
#endif
#endif
#ifndef M_SCANFIRST
     scan();
#endif
#ifdef M_KEPTLATE
     kz = K; K = 255;
#endif
     /* departures in order */
     do
     :: (P != top && (DEFER || last)) -> d_step {
          v = P; prv[nxt[P]] = 255; P = nxt[v];
          if :: held[v] -> st[v] = ZOMB :: else -> st[v] = FREE; nxt[v] = 255 fi; v = 0 };
        slice()
     :: else -> break
     od;
     /* zombies nobody holds; re-name one that is still held */
     skip; d_step {
       v = 0; t = 255;
       do
       :: v < NV ->
          if
          :: st[v] == ZOMB && (!held[v]
#ifdef M_OWNERZ
             && relz[v]
#endif
             ) -> relz[v] = 0; st[v] = FREE; nxt[v] = 255
          :: st[v] == ZOMB && held[v] -> t = v
          :: else
          fi; v++
       :: else -> break
       od;
       v = 0
     };
#ifdef AT
     K = t;
#endif
     forget();
     d_step { t = 0; kz = 0; top = 0; ousted = 0;
              do :: t < NT -> snp[t] = 0; t++ :: else -> break od; t = 0 };
     if :: last -> break :: else fi
  od;
  /* exactness: only the current version is left */
  v = 0;
  do :: v < NV -> assert(v == root || st[v] == FREE); v++ :: else -> break od
}

init { atomic {
  byte i;
  st[0] = LIVE; nxt[0] = 255; prv[0] = 255;
  i = 0; do :: i < NL -> run leaser(i); i++ :: else -> break od;
  i = 0; do :: i < NW -> run writer(NL+i); i++ :: else -> break od;
#ifdef SOFT
  run cacher();
#endif
  run reclaimer()
} }
