/* (b2) ordered deltas + shallow transfer of counts on a tiny tree, with leases, epoch sections,
 * fork, branch publish, adopt, close, rollback, moved / dropped / duplicated subtrees, crash of the reclaimer.
 * Nodes and records are never reused here (so "freed" is sticky and one check before release is enough);
 * reuse is covered by lease.pml.
 *
 * -DLITERAL    a rule that looked right: rc==1 -> free shell; else rc--, kept children ++ ; leased: kept children ++
 * default      corrected rule: leased => rc(root)++ (an implicit fork), then ONE rule:
 *              rc==1 -> shell freed, staying children change owner; else staying (kept OR replaced) children ++, rc--
 * mutants      M_SCANFIRST  lease scan before the grace period
 *              M_ARRIVEEARLY arrivals only up to the tops taken at the beginning of the round
 *              M_NOINC      moved / adopted / forked references are not counted on arrival
 *              M_NODEKEY    a node replaced twice in one version (DAG) is entered once
 *              M_PARTIAL    no journal: every count change is a step of its own, order: increments, decrement, cursor
 *              M_PARTIALDEC no journal, decrement before the increments
 *
 * -DSLICES     two threads run slices of one round: the lock is given back at any delta boundary, whoever
 *              goes on finds phase, tops, snapshot and cursors in shared words; it scans the leases again
 *              and lets the records arrive again (reclaim/round.ts).  A slice never waits for a section.
 * mutants      M_HELDOWN    who goes on uses what it scanned itself, in an earlier slice (or never)
 *              M_ARRIVEONCE records arrive in the round's first slice only
 *              M_TOPFRESH   who goes on loads the tops again, without a grace period
 *              M_PHASEEARLY the phase says "sections have closed" before they have
 *              M_CURSOROWN  the cursor of a departure is the thread's own, not a shared word
 * The exact counts (I5) are asserted after every departure.
 */
#define K 2
#ifndef NN
#define NN 24
#endif
#ifndef NV
#define NV 8
#endif
#define ND 6
#define KEPT 1
#define REPL 2
#define DROP 3
#ifndef PUBS
#define PUBS 2
#endif
#ifndef BPUBS
#define BPUBS 1
#endif
#ifndef OPSET
#define OPSET 1
#endif
#if OPSET==1
#define OPS :: op = 0 :: op = 1
#define BOPS :: op = 1
#elif OPSET==2
#define OPS :: op = 0 :: op = 1 :: op = 2 :: op = 6
#define BOPS :: op = 0 :: op = 1
#elif OPSET==3
#define OPS :: op = 0 :: op = 1 :: op = 2 :: op = 3 :: op = 4 :: op = 5 :: op = 6 :: op = 7
#define BOPS :: op = 0 :: op = 2 :: op = 5 :: op = 7
#elif OPSET==4
#define OPS :: op = 5 :: op = 6 :: op = 3
#define BOPS :: op = 6
#elif OPSET==5
#define OPS :: op = 0 :: op = 7
#define BOPS :: op = 7
#elif OPSET==6
#define OPS :: op = 2 :: op = 1
#define BOPS :: op = 1 :: op = 2
#endif
#ifdef LITERAL
#define LITDROP (vst[v] != 2)
#else
#define LITDROP (1)
#endif
#ifdef CRASH
#define CRASHPT if :: crashes > 0 -> crashes--; goto CRASHED :: skip fi
#else
#define CRASHPT skip
#endif
#define NT 4               /* section slots: 0 main writer 1 brancher 2 leaser 3 epoch reader */
#define NLW 3              /* lease words:   0 leaser  1 main writer (rollback) 2 second leaser */

byte ch[NN*K]; byte rc[NN]; byte st[NN];          /* st: 0 never, 1 live, 2 freed, 3 on the dead list */
byte nn = 1, nv = 1;
byte vroot[NV]; byte vprev[NV]; byte vnext[NV]; byte vst[NV];   /* vst 1 linear 2 zombie 3 gone */
bit  arrived[NV]; bit ddrop[NV];
byte dn[NV]; byte dnode[NV*ND]; byte dkind[NV*ND*K]; byte inc[NV*2]; byte ninc[NV];
byte cell[2]; byte P[2];                          /* 0 = cell not in use */
byte slot[NT]; byte lease[NLW];
byte crashes = 1;
byte done = 0, ndone = 0;
/* journal / reclaimer state that survives a crash */
byte jcur[2];              /* cursor inside the departure of P[c] : 0 not begun, 1.. entry index+1; one per chain */
#ifdef M_ONECURSOR
#define jc jcur[0]
#else
#define jc jcur[cc]
#endif
byte dead = 0;             /* number of nodes with st==3 */
/* scratch of d_steps */
hidden byte r, nr, i, x, c, n0, n1, w, e, g, q, a;
hidden byte stk[NN]; hidden byte sptr; hidden byte ex[NN];

inline alloc(n) { assert(nn < NN); n = nn; nn++; st[n] = 1; rc[n] = 1 }
inline entry(N) { assert(dn[w] < ND); e = w*ND + dn[w]; dnode[e] = N; dn[w]++;
  i = 0; do :: i < K -> if :: ch[N*K+i] -> dkind[e*K+i] = KEPT :: else fi; i++ :: else -> break od }
inline copynode(N, M) { alloc(M); i = 0; do :: i < K -> ch[M*K+i] = ch[N*K+i]; i++ :: else -> break od }
inline newrec(cl, base) { assert(nv < NV); w = nv; nv++; vst[w] = 1; vprev[w] = base; }
inline addinc(n) {
#ifndef M_NOINC
  inc[w*2+ninc[w]] = n; ninc[w]++
#else
  skip
#endif
}

/* path copies: op 0 touch child0; 1 touch child1; 2 move grandchild 0/0 to child1 slot1; 3 duplicate grandchild (DAG)
 * 4 drop child0; 5 root slot1 := child0 (dup child); 6 touch both children; 7 touch grandchild 1/0 (three levels) */
inline publish(cl, base, op) {
  d_step {
    newrec(cl, base);
    r = vroot[base]; copynode(r, nr); entry(r); q = e; n0 = 0; n1 = 0;
    if
    :: (op == 0 || op == 2 || op == 3 || op == 6) && ch[r*K] != 0 ->
       c = ch[r*K]; copynode(c, n0); ch[nr*K] = n0; dkind[q*K] = REPL; entry(c); a = e
    :: else fi;
    if
    :: (op == 1 || op == 2 || op == 6 || op == 7) && ch[r*K+1] != 0 ->
       c = ch[r*K+1]; copynode(c, n1); ch[nr*K+1] = n1; dkind[q*K+1] = REPL;
#ifdef M_NODEKEY
       if :: n0 != 0 && c == ch[r*K] -> skip :: else -> entry(c) fi
#else
       entry(c)
#endif
    :: else fi;
    if
    :: op == 2 && n0 != 0 && n1 != 0 && ch[n0*K] != 0 && ch[n1*K+1] == 0 ->
       g = ch[n0*K]; ch[n1*K+1] = g; ch[n0*K] = 0; dkind[a*K] = DROP; addinc(g)
    :: op == 3 && n0 != 0 && ch[n0*K] != 0 && ch[n0*K+1] == 0 ->
       g = ch[n0*K]; ch[n0*K+1] = g; addinc(g)
    :: op == 4 && ch[nr*K] != 0 -> ch[nr*K] = 0; dkind[q*K] = DROP
    :: op == 5 && ch[nr*K] != 0 ->
       if :: ch[nr*K+1] != 0 -> dkind[q*K+1] = DROP :: else fi;
       ch[nr*K+1] = ch[nr*K]; addinc(ch[nr*K])
    :: op == 7 && n1 != 0 && ch[n1*K] != 0 ->
       g = ch[n1*K]; dkind[e*K] = REPL; copynode(g, x); ch[n1*K] = x; entry(g)
    :: else fi;
    vroot[w] = nr; cell[cl] = w;
    r = 0; nr = 0; n0 = 0; n1 = 0; c = 0; g = 0; w = 0; e = 0; q = 0; a = 0; x = 0; i = 0
  }
}
/* publish an existing root (adopt, rollback): one foreign reference, old root dropped whole */
inline pubroot(cl, base, rt) {
  d_step { newrec(cl, base); vroot[w] = rt; ddrop[w] = 1; if :: rt != 0 -> addinc(rt) :: else fi; cell[cl] = w; w = 0 }
}
inline readall(v) {        /* everything the version reaches is live */
  d_step {
    sptr = 0; if :: vroot[v] != 0 -> stk[0] = vroot[v]; sptr = 1 :: else fi;
    do
    :: sptr > 0 -> sptr--; x = stk[sptr]; assert(st[x] == 1); i = 0;
       do :: i < K -> if :: ch[x*K+i] -> stk[sptr] = ch[x*K+i]; sptr++ :: else fi; i++ :: else -> break od
    :: else -> break
    od; x = 0; i = 0; stk[0] = 0; stk[1] = 0; stk[2] = 0; stk[3] = 0; stk[4] = 0; sptr = 0
  }
}
#define ENTER(t) slot[t]++
#define LEAVE(t) slot[t]++

proctype mainw() {
  byte b, n, op;
  do
  :: n < PUBS -> n++;
     if OPS fi;
     ENTER(0);
again: b = cell[0];
     if
     :: atomic { cell[0] == b -> publish(0, b, op) }
     :: atomic { cell[0] != b -> goto again }
     fi;
     LEAVE(0); b = 0; op = 0
  :: else -> break
  od;
  atomic { done++ }
}
#ifdef ROLLBACK
proctype roller() {        /* snapshot; later rollback to it */
  byte v, b;
  ENTER(1); v = cell[0]; lease[1] = v; LEAVE(1);
  do
  :: b = cell[0];
     if
     :: atomic { cell[0] == b && b != v -> pubroot(0, b, vroot[v]) } -> break
     :: cell[0] == b && b == v -> break
     :: cell[0] != b -> skip
     fi
  od;
  lease[1] = 0;
  atomic { done++; v = 0; b = 0 }
}
#endif
#ifdef BRANCH
proctype brancher() {
  byte b, m, n, op;
  ENTER(1); b = cell[0];
  d_step { newrec(1, 0); vroot[w] = vroot[b]; addinc(vroot[b]); P[1] = w; cell[1] = w; w = 0 };   /* fork: named in the cell table */
  LEAVE(1); b = 0;
  do
  :: n < BPUBS -> n++; if BOPS fi;
     b = cell[1]; publish(1, b, op); b = 0; op = 0          /* sole writer of the branch */
  :: else -> break
  od;
#ifdef ADOPT
  if
  :: ENTER(1); b = cell[1];
     do
     :: m = cell[0];
        if
        :: atomic { cell[0] == m -> pubroot(0, m, vroot[b]) } -> break
        :: cell[0] != m -> skip
        fi
     od;
     LEAVE(1); m = 0; b = 0
  :: skip
  fi;
#endif
  b = cell[1];
  pubroot(1, b, 0);                                          /* close = publish a tombstone */
  atomic { done++; b = 0 }
}
#endif
#ifdef LEASE
proctype leaser() {
  byte v;
  if
  :: ENTER(2); v = cell[0]; lease[0] = v; LEAVE(2)           /* in-section lease */
#ifdef HAZ
  :: do :: v = cell[0]; lease[0] = v; if :: cell[0] == v -> break :: cell[0] != v fi od
#endif
  fi;
  readall(v);
  lease[0] = 0;
  atomic { done++; v = 0 }
}
#endif
#ifdef LEASE2
proctype leaser2() {
  byte v;
  do :: v = cell[0]; lease[2] = v; if :: cell[0] == v -> break :: cell[0] != v fi od;
  readall(v);
  lease[2] = 0;
  atomic { done++; v = 0 }
}
#endif
#ifdef EPOCH
proctype epochr() {
  byte v;
  ENTER(3); v = cell[0]; readall(v); LEAVE(3);
  atomic { done++; v = 0 }
}
#endif

/* one corrected micro-transaction: entry j of the delta in record w */
inline do_entry(j) {
  e = w*ND + j; x = dnode[e];
#ifdef LITERAL
  if
  :: vst[vprev[w]] == 2 -> /* leased: zombie keeps its nodes */
     i = 0; do :: i < K -> if :: dkind[e*K+i] == KEPT -> rc[ch[x*K+i]]++ :: else fi; i++ :: else -> break od
  :: else ->
     assert(st[x] == 1);
     if
     :: rc[x] == 1 -> i = 0; do :: i < K -> if :: dkind[e*K+i] == KEPT || dkind[e*K+i] == REPL -> ch[x*K+i] = 0 :: else fi; i++ :: else -> break od;
        rc[x] = 0; st[x] = 3; dead++
     :: else -> rc[x]--; i = 0; do :: i < K -> if :: dkind[e*K+i] == KEPT -> rc[ch[x*K+i]]++ :: else fi; i++ :: else -> break od
     fi
  fi;
#else
  assert(st[x] == 1 && rc[x] > 0);
  if
  :: rc[x] == 1 -> i = 0; do :: i < K -> if :: dkind[e*K+i] == KEPT || dkind[e*K+i] == REPL -> ch[x*K+i] = 0 :: else fi; i++ :: else -> break od;
     rc[x] = 0; st[x] = 3; dead++
  :: else -> i = 0; do :: i < K -> if :: dkind[e*K+i] == KEPT || dkind[e*K+i] == REPL -> rc[ch[x*K+i]]++ :: else fi; i++ :: else -> break od;
     rc[x]--
  fi;
#endif
  e = 0; x = 0; i = 0
}
inline decr(n) { assert(rc[n] > 0 && st[n] == 1); rc[n]--; if :: rc[n] == 0 -> st[n] = 3; dead++ :: else fi }

byte snp[NT]; byte top[2];
#ifndef SLICES
bit held[NV];
#endif


/* mutants without a journal: each count change is its own step; re-run of an entry starts at its first step */
inline partial() {
  d_step { w = vnext[P[cc]]; e = w*ND + jc - 1; v = dnode[e]; t = e; e = 0; w = 0 };
  if
  :: st[v] != 1 -> jc++                                       /* already freed by the run that crashed */
  :: st[v] == 1 && rc[v] == 1 ->
     d_step { i = 0; do :: i < K -> if :: dkind[t*K+i] == KEPT || dkind[t*K+i] == REPL -> ch[v*K+i] = 0 :: else fi; i++ :: else -> break od;
       i = 0; rc[v] = 0; st[v] = 3; dead++ };
     CRASHPT; jc++
  :: st[v] == 1 && rc[v] > 1 ->
#ifdef M_PARTIALDEC
     rc[v]--; CRASHPT;
#endif
     if :: dkind[t*K] == KEPT || dkind[t*K] == REPL -> rc[ch[v*K]]++; CRASHPT :: else fi;
     if :: dkind[t*K+1] == KEPT || dkind[t*K+1] == REPL -> rc[ch[v*K+1]]++; CRASHPT :: else fi;
#ifdef M_PARTIAL
     rc[v]--; CRASHPT; jc++
#endif
#ifdef M_PARTIALSAFE
     jc++; CRASHPT; rc[v]--
#endif
#ifdef M_PARTIALDEC
     jc++
#endif
  fi;
  v = 0; t = 0
}
/* arrivals: every record published so far, fresh load of the cells.
 * pass 1 walks back from the newest and sets the forward links (idempotent); pass 2 goes forward from P, oldest first.
 * M_ARRIVEBACK: one backward pass that stops at the first record already marked */
#ifdef SLICES
#define ARRIVEPT skip
#else
#define ARRIVEPT CRASHPT
#endif
inline arrive() {
  cc = 0;
  do
  :: cc < 2 ->
#ifdef M_ARRIVEEARLY
     v = top[cc];
#else
     v = cell[cc];
#endif
     t = v;
#ifdef M_ARRIVEBACK
     do
     :: v != 0 && !arrived[v] ->
        d_step { i = 0; do :: i < ninc[v] -> assert(st[inc[v*2+i]] == 1); rc[inc[v*2+i]]++; i++ :: else -> break od; i = 0;
                 if :: vprev[v] -> vnext[vprev[v]] = v :: else fi;
                 arrived[v] = 1; v = vprev[v] };
        ARRIVEPT
     :: else -> break
     od;
#else
     d_step { do :: v != 0 && vprev[v] != 0 && v != P[cc] -> vnext[vprev[v]] = v; v = vprev[v] :: else -> break od };
     ARRIVEPT;
     v = P[cc];
     do
     :: t != 0 && v != 0 ->
        d_step {
          if :: !arrived[v] ->
             i = 0; do :: i < ninc[v] -> assert(st[inc[v*2+i]] == 1); rc[inc[v*2+i]]++; i++ :: else -> break od; i = 0;
             arrived[v] = 1
          :: else fi;
          if :: v == t -> v = 0 :: else -> v = vnext[v] fi };
        ARRIVEPT
     :: else -> break
     od;
#endif
     v = 0; t = 0; cc++
  :: else -> break
  od; cc = 0
}

/* verify() formula at a delta boundary:  rc(n) = edges(n) + roots(n) - KEPT marks(n) in undeparted deltas - unarrived incs(n) */
inline verify() {
  if :: jcur[0] == 0 && jcur[1] == 0 ->
    x = 0; do :: x < NN -> ex[x] = 100; x++ :: else -> break od;
    x = 1; do :: x < nn -> if :: st[x] == 1 || st[x] == 3 -> i = 0; do :: i < K -> ex[ch[x*K+i]]++; i++ :: else -> break od :: else fi; x++ :: else -> break od;
    q = 1; do :: q < nv ->
       if :: vst[q] == 1 || vst[q] == 2 -> ex[vroot[q]]++ :: else fi;
       if :: !arrived[q] -> i = 0; do :: i < ninc[q] -> ex[inc[q*2+i]]--; i++ :: else -> break od :: else fi;
       if :: vprev[q] != 0 && vst[vprev[q]] == 1 ->
          e = 0; do :: e < dn[q] -> i = 0; do :: i < K -> if :: dkind[(q*ND+e)*K+i] == KEPT -> ex[ch[dnode[q*ND+e]*K+i]]-- :: else fi; i++ :: else -> break od; e++ :: else -> break od
       :: else fi;
       q++ :: else -> break od;
    x = 1; do :: x < nn -> assert(st[x] != 1 || rc[x] + 100 == ex[x]); x++ :: else -> break od;
    x = 0; i = 0; e = 0; q = 0
  :: else fi
}

/* nothing is lost and nothing is counted twice */
inline exact() {
  d_step {
    assert(P[0] == cell[0] && P[1] == cell[1]);
    x = 0; do :: x < NN -> ex[x] = 0; x++ :: else -> break od;
    x = 1;
    do :: x < nn -> if :: st[x] == 1 -> i = 0; do :: i < K -> ex[ch[x*K+i]]++; i++ :: else -> break od :: else -> assert(st[x] == 2) fi; x++ :: else -> break od;
    ex[vroot[cell[0]]]++;
    if :: cell[1] -> ex[vroot[cell[1]]]++ :: else fi;
    x = 1;
    do :: x < nn -> if :: st[x] == 1 ->
#ifndef NOEXACT
       assert(ex[x] > 0); assert(rc[x] == ex[x])
#else
       assert(rc[x] >= ex[x])
#endif
       :: else -> assert(ex[x] == 0) fi; x++ :: else -> break od
  }
}

#ifndef SLICES
proctype reclaimer() {
  byte t, v, cc;
  bit last;
ROUND:
  do
  :: atomic { (cell[0] != P[0] || cell[1] != P[1] || done == ndone
       || vst[1] == 2 || vst[2] == 2 || vst[3] == 2 || vst[4] == 2) -> last = (done == ndone) };
     d_step { top[0] = cell[0]; top[1] = cell[1]; t = 0; do :: t < NV -> held[t] = 0; t++ :: else -> break od; t = 0 };
     CRASHPT;
#ifdef M_ARRIVEEARLY
     arrive();
#endif
#ifdef M_SCANFIRST
     t = 0; do :: t < NLW -> d_step { if :: lease[t] -> held[lease[t]] = 1 :: else fi; t++ } :: else -> break od;
#endif
     t = 0; do :: t < NT -> snp[t] = slot[t]; t++ :: else -> break od;
#ifndef M_NOGP
     t = 0; do :: t < NT -> (!(snp[t]&1) || slot[t] != snp[t]); t++ :: else -> break od;
#endif
     CRASHPT;
#ifndef M_SCANFIRST
     t = 0; do :: t < NLW -> d_step { if :: lease[t] -> held[lease[t]] = 1 :: else fi; t++ } :: else -> break od;
#endif
     t = 0;
#ifndef M_ARRIVEEARLY
     arrive();
#endif
     CRASHPT;
     /* departures */
     cc = 0;
     do
     :: cc < 2 ->
        do
        :: top[cc] != 0 && P[cc] != top[cc] -> skip;
           if
           :: jc == 0 -> /* decide once, journalled: leased -> zombie owns one reference to the root */
              d_step { v = P[cc];
#ifdef LITERAL
                if :: held[v] -> vst[v] = 2 :: else fi;
#else
                if :: held[v] -> vst[v] = 2; rc[vroot[v]]++ :: else fi;
#endif
                jc = 1 };
              CRASHPT
           :: jc > 0 && jc <= dn[vnext[P[cc]]] ->
#if defined(M_PARTIAL) || defined(M_PARTIALDEC) || defined(M_PARTIALSAFE)
              partial();
#else
              d_step { w = vnext[P[cc]]; do_entry(jc-1); jc++; w = 0 };
#endif
              CRASHPT
           :: jc == dn[vnext[P[cc]]] + 1 ->
              d_step { v = P[cc]; w = vnext[v];
                if :: (ddrop[w] && LITDROP && vroot[v] != 0) -> decr(vroot[v]) :: else fi;
                if :: vst[v] != 2 -> vst[v] = 3 :: else fi;
                P[cc] = w; jc = 0; w = 0; v = 0; verify() };
              CRASHPT
           fi
        :: else -> break
        od;
        cc++
     :: else -> break
     od;
     cc = 0;
     /* zombies that nobody holds */
     v = 1;
     do
     :: v < NV -> d_step { if :: vst[v] == 2 && !held[v] -> decr(vroot[v]); vst[v] = 3 :: else fi; v++ }
     :: else -> break
     od;
     v = 0;
     CRASHPT;
     /* cascade, iterative, one node per transaction */
     do
     :: dead > 0 ->
        d_step {
          x = 1; do :: st[x] != 3 -> x++ :: else -> break od;
          i = 0; do :: i < K -> c = ch[x*K+i]; if :: c != 0 -> decr(c) :: else fi; i++ :: else -> break od;
          st[x] = 2; dead--; x = 0; i = 0; c = 0 };
        CRASHPT
     :: else -> break
     od;
     if :: last -> break :: else fi
  od;
  goto END;
CRASHED: skip;
  /* locals are lost, shared words stay; the reaper takes the lock and starts a new round */
  d_step { t = 0; v = 0; cc = 0; last = 0; x = 0; i = 0; c = 0; w = 0; e = 0 };
  goto ROUND;
END: skip;
  exact()
}
#endif

#ifdef SLICES
byte lock = 0, phase = 0;  /* lock-owned: 0 idle, 1 waiting, 2 running */
bit lastround = 0, over = 0, arrivedonce = 0;
#define WORK (phase != 0 || cell[0] != P[0] || cell[1] != P[1] || done == ndone \
       || vst[1] == 2 || vst[2] == 2 || vst[3] == 2 || vst[4] == 2)
#define STOP if :: slices > 0 -> slices--; goto GIVE :: skip fi
byte slices = 2;           /* how often a slice ends early; else the search has no end */
#ifdef CRASH
#define DIES if :: crashes > 0 -> crashes--; goto DIED :: skip fi
#else
#define DIES skip
#endif
#ifdef M_CURSOROWN
#undef jc
#define jc own[cc]
#endif
proctype slicer() {
  byte t, v, cc; byte held[NV];
#ifdef M_CURSOROWN
  byte own[2];
#endif
ROUND:
  do
  :: atomic { over && lock == 0 -> break }
  :: atomic { !over && lock == 0 && WORK -> lock = 1 };
     if
     :: phase == 0 ->
        d_step { top[0] = cell[0]; top[1] = cell[1]; lastround = (done == ndone); arrivedonce = 0 };
        t = 0; do :: t < NT -> snp[t] = slot[t]; t++ :: else -> break od; t = 0;
        phase = 1;
        DIES
     :: else
#ifdef M_TOPFRESH
        -> d_step { top[0] = cell[0]; top[1] = cell[1] }
#endif
     fi;
     if
     :: phase == 1 ->
#ifdef M_PHASEEARLY
        phase = 2;
#endif
        t = 0;
        do
        :: t < NT -> if :: (snp[t]&1) && slot[t] == snp[t] -> t = 0; goto GIVE :: else -> t++ fi
        :: else -> break
        od;
        t = 0; phase = 2
     :: else
     fi;
#ifdef M_HELDOWN
     if :: arrivedonce -> skip :: else ->
#endif
     d_step { t = 0; do :: t < NV -> held[t] = 0; t++ :: else -> break od; t = 0 };
     do :: t < NLW -> d_step { if :: lease[t] -> held[lease[t]] = 1 :: else fi; t++ } :: else -> break od; t = 0;
#ifdef M_HELDOWN
     fi;
#endif
#ifdef M_ARRIVEONCE
     if :: arrivedonce -> skip :: else -> arrive() fi;
#else
     arrive();
#endif
     arrivedonce = 1;
     STOP;
     cc = 0;
     do
     :: cc < 2 ->
        do
        :: top[cc] != 0 && P[cc] != top[cc] ->
           if
           :: jc == 0 ->
              d_step { v = P[cc]; if :: held[v] -> vst[v] = 2; rc[vroot[v]]++ :: else fi; jc = 1; v = 0 }
           :: jc > 0 && jc <= dn[vnext[P[cc]]] ->
              d_step { w = vnext[P[cc]]; do_entry(jc-1); jc++; w = 0 }
           :: jc == dn[vnext[P[cc]]] + 1 ->
              d_step { v = P[cc]; w = vnext[v];
                if :: (ddrop[w] && vroot[v] != 0) -> decr(vroot[v]) :: else fi;
                if :: vst[v] != 2 -> vst[v] = 3 :: else fi;
                P[cc] = w; jc = 0; w = 0; v = 0; verify() }
           fi;
           DIES; STOP
        :: else -> break
        od;
        cc++
     :: else -> break
     od;
     cc = 0;
     v = 1;
     do
     :: v < NV -> d_step { if :: vst[v] == 2 && !held[v] -> decr(vroot[v]); vst[v] = 3 :: else fi; v++ }
     :: else -> break
     od;
     v = 0;
     DIES; STOP;
     do
     :: dead > 0 ->
        d_step {
          x = 1; do :: st[x] != 3 -> x++ :: else -> break od;
          i = 0; do :: i < K -> c = ch[x*K+i]; if :: c != 0 -> decr(c) :: else fi; i++ :: else -> break od;
          st[x] = 2; dead--; x = 0; i = 0; c = 0 };
        STOP
     :: else -> break
     od;
     phase = 0;
     if :: lastround -> exact(); over = 1 :: else fi;
GIVE: skip; d_step { t = 0; v = 0; cc = 0; lock = 0 }
  od;
  goto OUT;
DIED: skip; /* the reaper replays the journal (here: each transaction is one step) and restarts the round */
  d_step { t = 0; v = 0; cc = 0; x = 0; i = 0; c = 0; w = 0; e = 0; phase = 0; lock = 0 };
  goto ROUND;
OUT: skip
}
#endif

init { atomic {
  nn = 6; nv = 2;
  st[1]=1; st[2]=1; st[3]=1; st[4]=1; st[5]=1; rc[1]=1; rc[2]=1; rc[3]=1; rc[4]=1; rc[5]=1;
  ch[1*K]=2; ch[1*K+1]=3; ch[2*K]=4; ch[3*K]=5;
  vroot[1]=1; vst[1]=1; arrived[1]=1; cell[0]=1; P[0]=1;
  ndone++; run mainw();
#ifdef BRANCH
  ndone++; run brancher();
#endif
#ifdef ROLLBACK
  ndone++; run roller();
#endif
#ifdef LEASE
  ndone++; run leaser();
#endif
#ifdef LEASE2
  ndone++; run leaser2();
#endif
#ifdef EPOCH
  ndone++; run epochr();
#endif
#ifdef SLICES
  run slicer(); run slicer()
#else
  run reclaimer()
#endif
} }
