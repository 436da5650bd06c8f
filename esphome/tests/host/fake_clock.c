// LD_PRELOAD: another clock for the firmware. Test only.
//   SMARTAIR_CLOCK       a file; while it holds "unset", the wall clock has never been set
//   SMARTAIR_TIME_SPEED  how many seconds the monotonic clock goes in one
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int unset(void) {
  const char *path = getenv("SMARTAIR_CLOCK");
  char word[8] = "";
  FILE *file = path ? fopen(path, "r") : NULL;
  if (!file) return 0;
  if (!fgets(word, sizeof word, file)) word[0] = 0;
  fclose(file);
  return strncmp(word, "unset", 5) == 0;
}

// Kept across execv, which an update does: the moment at which the faster clock began.
static long long faster(long long ns) {
  const char *speed = getenv("SMARTAIR_TIME_SPEED");
  static long long start;
  if (!speed) return ns;
  if (!start) {
    char text[32];
    const char *known = getenv("SMARTAIR_TIME_START");
    start = known ? atoll(known) : ns;
    snprintf(text, sizeof text, "%lld", start);
    setenv("SMARTAIR_TIME_START", text, 1);
  }
  return start + (ns - start) * atoll(speed);
}

int clock_gettime(clockid_t id, struct timespec *ts) {
  int rc = syscall(SYS_clock_gettime, id, ts);
  if (rc == 0 && id == CLOCK_MONOTONIC) {
    long long ns = faster(ts->tv_sec * 1000000000LL + ts->tv_nsec);
    ts->tv_sec = ns / 1000000000LL;
    ts->tv_nsec = ns % 1000000000LL;
  }
  return rc;
}

static time_t wall(long *ns) {
  struct timespec ts;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts);
  if (ns) *ns = ts.tv_nsec;
  // An ESP counts from 1970 when nothing has told it the time.
  return unset() ? 17 : ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
  (void) zone;
  long ns;
  tv->tv_sec = wall(&ns);
  tv->tv_usec = ns / 1000;
  return 0;
}

time_t time(time_t *out) {
  time_t now = wall(NULL);
  if (out) *out = now;
  return now;
}
