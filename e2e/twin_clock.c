/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A clock that stands still until a test sets it, for programs that know nothing of it: loaded with
 * LD_PRELOAD, it answers with the nanoseconds since the epoch that the file named by TEST_CLOCK holds.
 * Only the wall clock is turned; what measures durations (the monotonic clocks) is left alone.
 *
 * A program that starts others (a server its database) must not turn theirs: TEST_CLOCK_FOR names the
 * program that is meant, by the first letters of its name.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shown;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("TEST_CLOCK");
    const char *program = getenv("TEST_CLOCK_FOR");
    if (!path || !program || strncmp(program_invocation_short_name, program, strlen(program)))
        return;
    int file = open(path, O_RDONLY);
    if (file < 0)
        abort();
    void *memory = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED)
        abort();
    shown = memory;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    if (!shown || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) {
        if (!real_clock_gettime) /* somebody asks before we began */
            real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
        return real_clock_gettime(clock, out);
    }
    int64_t now = *shown;
    out->tv_sec = now / 1000000000;
    out->tv_nsec = now % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int status = clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return status;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
