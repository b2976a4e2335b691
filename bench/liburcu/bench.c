/* What liburcu takes for the jobs that `npm run bench -- rcu` measures; prints "name nanoseconds".
 *
 *   ./bench sync ROUNDS      rcu_assign_pointer + synchronize_rcu, one busy reader (qsbr)
 *   ./bench call BLOCKS      call_rcu of BLOCKS blocks, then rcu_barrier, per block (qsbr)
 */

#define _LGPL_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <urcu/urcu-qsbr.h>
#include <urcu/compiler.h>

struct payload {
  int32_t words[8];
  struct rcu_head head;
};

static struct payload *pointer;
static int stop;
static int ready;
static int64_t total;

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

static void *reader(void *unused) {
  int64_t sum = 0;
  (void)unused;
  urcu_qsbr_register_thread();
  CMM_STORE_SHARED(ready, 1);
  while (!CMM_LOAD_SHARED(stop)) {
    const struct payload *found = rcu_dereference(pointer);
    for (int index = 0; index < 8; index++) sum += found->words[index];
    urcu_qsbr_quiescent_state();
  }
  urcu_qsbr_unregister_thread();
  total = sum;
  return NULL;
}

static double synchronizing(long rounds) {
  pthread_t thread;
  struct payload *both = calloc(2, sizeof *both);
  pointer = &both[0];
  pthread_create(&thread, NULL, reader, NULL);
  while (!CMM_LOAD_SHARED(ready)) continue;
  double begin = seconds();
  for (long round = 0; round < rounds; round++) {
    rcu_assign_pointer(pointer, &both[round & 1]);
    urcu_qsbr_synchronize_rcu();
  }
  double spent = seconds() - begin;
  CMM_STORE_SHARED(stop, 1);
  pthread_join(thread, NULL);
  free(both);
  return spent / rounds * 1e9;
}

static void release(struct rcu_head *head) {
  free(caa_container_of(head, struct payload, head));
}

/* Blocks are made beforehand: what is measured is from call_rcu to free. */
static double calling(long blocks) {
  struct payload **all = malloc(blocks * sizeof *all);
  for (long index = 0; index < blocks; index++) all[index] = calloc(1, sizeof **all);
  double begin = seconds();
  for (long index = 0; index < blocks; index++) urcu_qsbr_call_rcu(&all[index]->head, release);
  urcu_qsbr_barrier();
  double spent = seconds() - begin;
  free(all);
  return spent / blocks * 1e9;
}

int main(int count, char **given) {
  if (count != 3) return 2;
  long times = atol(given[2]);
  if (strcmp(given[1], "sync") == 0) printf("sync %.2f\n", synchronizing(times));
  else if (strcmp(given[1], "call") == 0) printf("call %.2f\n", calling(times));
  else return 2;
  return 0;
}
