"""A machine whose clock is wrong, for the programs that are started with these variables."""

import subprocess
from pathlib import Path

SHIFT = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
static long ahead_s = AHEAD_S;
int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at->tv_sec += ahead_s;
    return failed;
}
int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec, at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


def wrong_clock(folder: Path, ahead_s: int) -> dict[str, str]:
    """Variables for processes that are to see `ahead_s` more than it is (fewer, if negative). Files
    have the machine's own times. Needs a C compiler."""
    library = folder / f"ahead{ahead_s}.so"
    source = library.with_suffix(".c")
    source.write_text(SHIFT.replace("AHEAD_S", str(ahead_s)))
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library)}
